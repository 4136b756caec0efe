package main

import (
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve the API and work on background jobs",
		Long: "Serve needs PostgreSQL, Redis and a model by URL and starts none of them;\n" +
			"the database must be migrated (fluentpro migrate). docs/environment.md lists the settings.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, logger, err := serviceSettings()
			if err != nil {
				return err
			}
			listener, err := app.Listen(cmd.Context(), cfg.HTTPAddr)
			if err != nil {
				return err
			}
			return app.Serve(cmd.Context(), cfg, listener, logger, func() { logger.Info("serving", "address", listener.Addr().String()) })
		},
	}
}
