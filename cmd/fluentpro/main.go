// Fluentpro is the FluentPro backend: one binary, one file per command.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	err := root().ExecuteContext(ctx)
	stop()
	if code, ok := errors.AsType[exitCode](err); ok {
		os.Exit(int(code))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fluentpro:", err)
		os.Exit(1)
	}
}

// exitCode ends the process with a code of its own: the command has said all there is.
type exitCode int

// Error names the code.
func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "fluentpro",
		Short:         "The FluentPro backend",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.AddCommand(devCommand(), serveCommand(), workerCommand(), migrateCommand(), adminCommand(), keysCommand(), queuesCommand(),
		deadLettersCommand(), eventsCommand(), statusCommand(), openapiCommand(), versionCommand())
	return cmd
}

// settings reads the configuration and makes the logger it asks for: JSON lines
// on standard error, text on a terminal.
func settings() (app.Config, *slog.Logger, error) {
	cfg, err := app.FromEnvironment(os.Environ())
	if err != nil {
		return cfg, nil, err
	}
	opts := &slog.HandlerOptions{Level: cfg.LogLevel}
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return cfg, slog.New(slog.NewTextHandler(os.Stderr, opts)), nil
	}
	return cfg, slog.New(slog.NewJSONHandler(os.Stderr, opts)), nil
}

// databaseSettings are the settings of commands that need nothing but a database:
// the one that is set, else that of a running dev.
func databaseSettings() (app.Config, *slog.Logger, error) {
	cfg, logger, err := settings()
	if err == nil && cfg.DatabaseURL == "" {
		cfg.DatabaseURL, err = devDatabaseURL(cfg.DataDir)
	}
	return cfg, logger, err
}
