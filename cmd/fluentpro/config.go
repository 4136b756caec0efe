package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
)

func configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the settings, show what is in use",
		Long:  "docs/environment.md explains each setting. Nothing is connected to.",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(configCheckCommand(), configPrintCommand())
	return cmd
}

func configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Name every setting of serve and worker that is missing or wrong",
		Long:  "Check ends with 0 if serve and worker would take the settings, and with 1 if not.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _ := app.FromEnvironment(os.Environ()) // what cannot be read is told by Check too
			if err := cfg.Check(); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The settings are right for %s.\n", cfg.Env)
			return nil
		},
	}
}

func configPrintCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Show every setting as it is in use, and where it comes from",
		Long:  "Secrets are masked. Print also shows settings that are wrong: check says which.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out, err := newOutput(cmd, format)
			if err != nil {
				return err
			}
			cfg, _ := app.FromEnvironment(os.Environ()) // what cannot be read is left at nothing
			all := cfg.Settings()
			return list(out, all, func() {
				rows := make([][]string, 0, len(all))
				for _, s := range all {
					rows = append(rows, []string{s.Name, s.Value, s.From})
				}
				out.table([]string{"SETTING", "VALUE", "FROM"}, rows)
			})
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", formatTable, "table, json, yaml or ndjson")
	return cmd
}
