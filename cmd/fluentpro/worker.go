package main

import (
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
)

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Work on background jobs without serving the API",
		Long: "Worker takes the jobs that nodes of the API insert; FLUENTPRO_QUEUES says which and how many at\n" +
			"once. It needs the settings of serve but for those of HTTP, and stops as serve does.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, logger, err := serviceSettings()
			if err != nil {
				return err
			}
			return app.Work(cmd.Context(), cfg, logger, func() { logger.Info("working") })
		},
	}
}
