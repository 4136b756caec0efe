package main

import (
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
)

func migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema and reference data up to date",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, logger, err := settings()
			if err != nil {
				return err
			}
			return app.Migrate(cmd.Context(), cfg.DatabaseURL.Reveal(), logger)
		},
	}
}
