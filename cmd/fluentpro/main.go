// Fluentpro is the FluentPro backend: one binary, one file per command.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	os.Exit(report(err, os.Stderr))
}

// exitCode is the error of a command that did what it should and found something, or that
// wants scripts to tell its failure from others.
type exitCode struct {
	code int
	err  error // nil: all has been said
}

// Error says what there is to say.
func (e exitCode) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap gives the error that is told.
func (e exitCode) Unwrap() error { return e.err }

// report tells an error and gives the code that the process ends with.
func report(err error, out io.Writer) int {
	if err == nil {
		return 0
	}
	code := exitCode{code: 1, err: err}
	if wanted, ok := errors.AsType[exitCode](err); ok {
		code = wanted
	}
	if code.err != nil {
		fmt.Fprintln(out, "fluentpro:", err)
	}
	return code.code
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "fluentpro",
		Short:         "The FluentPro backend",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.AddCommand(devCommand(), serveCommand(), workerCommand(), migrateCommand(), configCommand(), adminCommand(), keysCommand(), queuesCommand(),
		deadLettersCommand(), eventsCommand(), stateCommand(), statusCommand(), openapiCommand(), versionCommand())
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

// serviceSettings are those of serve and worker, all of them checked at once.
func serviceSettings() (app.Config, *slog.Logger, error) {
	cfg, logger, err := settings()
	if problems := cfg.Check(); problems != nil { // which tells of what settings could not read too
		return cfg, nil, problems
	}
	return cfg, logger, err
}

// databaseSettings are the settings of commands that need nothing but a database: the one that
// is set, else that of a running dev, with its Redis and its keys.
func databaseSettings() (app.Config, *slog.Logger, error) {
	cfg, logger, err := settings()
	if err == nil && cfg.DatabaseURL.Empty() {
		if err = devURLs(&cfg); err == nil {
			err = devBackups(&cfg)
		}
	}
	return cfg, logger, err
}
