package main

import (
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
)

// whichDatabase ends the help of commands that need nothing but a database.
const whichDatabase = "FLUENTPRO_DATABASE_URL says which database; without it, that of a running `fluentpro dev`."

// atDesk makes what a command does of what it does at an operator's desk.
func atDesk(do func(cmd *cobra.Command, args []string, desk *app.Desk) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cfg, logger, err := databaseSettings()
		if err != nil {
			return err
		}
		desk, err := app.OpenDesk(cmd.Context(), cfg, logger)
		if err != nil {
			return err
		}
		defer desk.Close()
		return do(cmd, args, desk)
	}
}
