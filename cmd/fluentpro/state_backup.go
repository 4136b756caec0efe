package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// whichStore ends the help of commands that need a database and the store of backups.
const whichStore = "FLUENTPRO_BLOB_URL says where backups lie; FLUENTPRO_KEY_ENCRYPTION_KEY must be that of the service.\n" + whichDatabase

// latest names the newest backup that can be restored.
const latest = "latest"

// atVault makes what a command does of what it does with backups.
func atVault(do func(cmd *cobra.Command, args []string, vault *app.Vault) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cfg, logger, err := databaseSettings()
		if err != nil {
			return err
		}
		if err := devBackups(&cfg); err != nil {
			return err
		}
		vault, err := app.OpenVault(cmd.Context(), cfg, logger)
		if err != nil {
			return err
		}
		defer vault.Close()
		return said(do(cmd, args, vault))
	}
}

// said is an error with the sentence of its fault, which says more than its code.
func said(err error) error {
	if f := fault.Find(err); f != nil && f.Kind != fault.Internal {
		return fmt.Errorf("%s (%w)", f.Message, err)
	}
	return err
}

func stateBackupCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "backup", Short: "Make, list and verify backups"}
	cmd.AddCommand(backupCreateCommand(), backupListCommand(), backupVerifyCommand())
	return cmd
}

func backupCreateCommand() *cobra.Command {
	var in backup.CreateInput
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a backup now: an increment where there is one to build upon",
		Long:  "It is encrypted to FLUENTPRO_BACKUP_RECIPIENT; `fluentpro keys backup FILE` makes one.\n" + whichStore,
		Args:  cobra.NoArgs,
		RunE: atVault(func(cmd *cobra.Command, _ []string, vault *app.Vault) error {
			bar, done := progress(cmd, "backing up")
			began := time.Now()
			in.Format = 1
			m, err := vault.Backups.Create(cmd.Context(), bar, in)
			done()
			if err != nil {
				return err
			}
			return printBackup(cmd.OutOrStdout(), m, time.Since(began))
		}),
	}
	cmd.Flags().BoolVar(&in.Full, "full", false, "a full one, even where an increment would do")
	return cmd
}

func printBackup(out io.Writer, m backup.Manifest, took time.Duration) error {
	fmt.Fprintf(out, "%s: %s (%s), as of %s\n", m.ID, m.Kind, m.Why, m.AsOf.Format(time.RFC3339))
	for _, p := range m.Parts {
		fmt.Fprintf(out, "%s: %d, of which %d are inside. %s\n", p.Name, p.Things, p.Changed, p.Contents)
	}
	_, err := fmt.Fprintf(out, "%s\n%s in the store, %s before compression, in %s\n", m.Excluded, size(m.Payload.Bytes), size(m.Payload.PlainBytes), took.Round(time.Millisecond))
	return err
}

// size says bytes as people do.
func size(n int64) string {
	const unit = 1024
	v, units := float64(n), "BKMGT"
	for v >= unit && len(units) > 1 {
		v, units = v/unit, units[1:]
	}
	if units[0] == 'B' {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", v, units[0])
}

func backupListCommand() *cobra.Command {
	limit := 50
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the backups that there are, the newest first",
		Long:  whichStore,
		Args:  cobra.NoArgs,
		RunE: atVault(func(cmd *cobra.Command, _ []string, vault *app.Vault) error {
			list, more, err := vault.Backups.List(cmd.Context(), nil, limit)
			if err != nil {
				return err
			}
			out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(out, "ID\tKIND\tAS OF\tSIZE\tTHINGS\tBUILDS UPON\tPROBLEM")
			for _, b := range list {
				upon, problem := "-", "-"
				if b.ParentID != nil {
					upon = b.ParentID.String()
				}
				if b.Problem != "" {
					problem = b.Problem
				}
				fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.ID, b.Kind, b.AsOf.Format(time.RFC3339), size(b.Payload.Bytes), inside(b.Manifest), upon, problem)
			}
			if more {
				fmt.Fprintln(out, "...")
			}
			return out.Flush()
		}),
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "how many at most")
	return cmd
}

// inside says what a backup holds in a word for each part.
func inside(m backup.Manifest) string {
	var out []string
	for _, p := range m.Parts {
		out = append(out, fmt.Sprintf("%s:%d", p.Name, p.Things))
	}
	return strings.Join(out, ",")
}

func backupVerifyCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "verify ID|latest",
		Short: "Look whether a backup is as it was written, without restoring it",
		Long: "Its signature, and the hash of what was encrypted, with all that it builds upon. With --identity it is also\n" +
			"decrypted, and every account and conversation in it is verified.\n" + whichStore,
		Args: cobra.ExactArgs(1),
		RunE: atVault(func(cmd *cobra.Command, args []string, vault *app.Vault) error {
			id, err := whichBackup(cmd.Context(), vault, args, nil)
			if err != nil {
				return err
			}
			identities, err := identitiesOf(file)
			if err != nil {
				return err
			}
			bar, done := progress(cmd, "verifying")
			v, err := vault.Backups.Verify(cmd.Context(), bar, id, identities)
			done()
			if err != nil {
				return err
			}
			return printVerification(cmd.OutOrStdout(), id, v)
		}),
	}
	cmd.Flags().StringVar(&file, "identity", "", "a file with an identity that can read it")
	return cmd
}

func printVerification(out io.Writer, id uuid.UUID, v backup.Verification) error {
	fmt.Fprintf(out, "%s is as it was written: %d backups, %s.\n", id, len(v.Backups), size(v.Bytes))
	if !v.Opened {
		_, err := fmt.Fprintln(out, "It was not read: give --identity to verify everything in it.")
		return err
	}
	for _, name := range v.Named {
		fmt.Fprintln(out, name)
	}
	if v.Findings > 0 {
		return fmt.Errorf("%d findings in %d things: they were damaged when the backup was made", v.Findings, v.Things)
	}
	_, err := fmt.Fprintf(out, "All %d things in it were read and verified.\n", v.Things)
	return err
}

// whichBackup is the one that is named; the newest not after a time, where none is.
func whichBackup(ctx context.Context, vault *app.Vault, args []string, notAfter *time.Time) (uuid.UUID, error) {
	if len(args) == 0 || args[0] == latest {
		return vault.Backups.Newest(ctx, notAfter)
	}
	id, err := uuid.Parse(args[0])
	if err != nil {
		return id, fmt.Errorf("%q is no id of a backup; `fluentpro state backup list` lists them", args[0])
	}
	return id, nil
}

// identitiesOf reads a file with identities; none: nil.
func identitiesOf(file string) ([]age.Identity, error) {
	if file == "" {
		return nil, nil
	}
	return backup.Identities(file)
}

func keysBackupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Make the identity that reads backups, and print its recipient",
		Long: "The file is for its owner alone; one that is there is kept. Keep it where the service is not, more than once:\n" +
			"without it no backup can be read. Set FLUENTPRO_BACKUP_RECIPIENT to what is printed.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			recipient, err := backup.NewIdentity(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), recipient)
			return err
		},
	}
}
