package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/app"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "List and rotate the keys that sign access tokens; make the one that reads backups"}
	cmd.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "List the keys that are published",
		Long:  whichDatabase,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := databaseSettings()
			if err != nil {
				return err
			}
			keys, err := app.Keys(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return writeKeys(cmd.OutOrStdout(), keys)
		},
	}, rotateCommand(), keysBackupCommand())
	return cmd
}

func rotateCommand() *cobra.Command {
	var compromised bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Add a signing key and retire the others",
		Long: "The new key is published at once and signs after ten minutes; the old ones go on verifying for two\n" +
			"hours after that. Nobody notices. FLUENTPRO_KEY_ENCRYPTION_KEY must be that of the service.\n\n" +
			"With --compromised the old keys go at once: within a minute every access token is refused, and\n" +
			"clients refresh.\n" + whichDatabase,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := databaseSettings()
			if err != nil {
				return err
			}
			if err := devKey(&cfg); err != nil {
				return err
			}
			keys, err := app.RotateKeys(cmd.Context(), cfg, compromised)
			if err != nil {
				return err
			}
			return writeKeys(cmd.OutOrStdout(), keys)
		},
	}
	cmd.Flags().BoolVar(&compromised, "compromised", false, "trust the old keys no more")
	return cmd
}

func writeKeys(out io.Writer, keys []account.Key) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tCREATED\tSIGNS FROM\tRETIRES")
	for _, k := range keys {
		retires := "-"
		if k.RetiresAt != nil {
			retires = k.RetiresAt.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", k.ID, k.CreatedAt.UTC().Format(time.RFC3339), k.SignsAt.UTC().Format(time.RFC3339), retires)
	}
	return table.Flush()
}
