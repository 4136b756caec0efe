package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
)

func adminCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "admin", Short: "Manage who may do what"}
	cmd.AddCommand(&cobra.Command{
		Use:   "grant EMAIL",
		Short: "Give an account the role admin",
		Long:  "The role counts within a second, also where the account is signed in.\n" + whichDatabase,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, _, err := databaseSettings()
			if err != nil {
				return err
			}
			user, err := app.GrantAdmin(cmd.Context(), cfg, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s (%s) now has: %s\n", user.Email, user.ID, strings.Join(user.Roles, ", "))
			return err
		},
	})
	return cmd
}
