package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// whichStore ends the help of commands that need a database and the store of backups.
const whichStore = "FLUENTPRO_BLOB_URL says where backups lie; FLUENTPRO_KEY_ENCRYPTION_KEY must be that of the service.\n" + whichDatabase

// latest names the newest backup that can be restored.
const latest = "latest"

// withBackups makes what a command does of what it does with a desk that knows backups. What
// is not there, be it the backup, has its own exit code.
func (in *inspector) withBackups(do func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return in.run(func(cmd *cobra.Command, args []string) error {
		if in.desk.Backups == nil {
			return errors.New("set FLUENTPRO_KEY_ENCRYPTION_KEY to that of the service: backups are signed with it")
		}
		err := do(cmd, args)
		if f := fault.Find(err); f != nil && f.Kind != fault.Internal {
			return fmt.Errorf("%s (%w)", f.Message, err) // which says more than its code
		}
		return err
	})
}

func (in *inspector) backup() *cobra.Command {
	cmd := &cobra.Command{Use: "backup", Short: "Make, list and verify backups"}
	cmd.AddCommand(in.backupCreate(), in.backupList(), in.backupVerify())
	return cmd
}

func (in *inspector) backupCreate() *cobra.Command {
	q := backup.CreateInput{Format: 1}
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a backup now: an increment where there is one to build upon",
		Long:  "It is encrypted to FLUENTPRO_BACKUP_RECIPIENT; `fluentpro keys backup FILE` makes one.\n" + whichStore,
		Args:  cobra.NoArgs,
		RunE: in.withBackups(func(cmd *cobra.Command, _ []string) error {
			bar, done := progress(cmd, "backing up")
			began := time.Now()
			m, err := in.desk.Backups.Create(cmd.Context(), bar, q)
			done()
			if err != nil {
				return err
			}
			return in.out.show(m, func() { in.made(m, time.Since(began)) })
		}),
	}
	cmd.Flags().BoolVar(&q.Full, "full", false, "a full one, even where an increment would do")
	return cmd
}

func (in *inspector) made(m backup.Manifest, took time.Duration) {
	fmt.Fprintf(in.out, "%s: %s (%s), as of %s\n", m.ID, m.Kind, m.Why, m.AsOf.Format(time.RFC3339))
	for _, p := range m.Parts {
		fmt.Fprintf(in.out, "%s: %d, of which %d are inside. %s\n", p.Name, p.Things, p.Changed, p.Contents)
	}
	fmt.Fprintf(in.out, "%s\n%s in the store, %s before compression, in %s\n", m.Excluded, size(m.Payload.Bytes), size(m.Payload.PlainBytes), took.Round(time.Millisecond))
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

func (in *inspector) backupList() *cobra.Command {
	limit := 50
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the backups that there are, the newest first",
		Long:  whichStore,
		Args:  cobra.NoArgs,
		RunE: in.withBackups(func(cmd *cobra.Command, _ []string) error {
			all, more, err := in.desk.Backups.List(cmd.Context(), nil, limit)
			if err != nil {
				return err
			}
			return list(in.out, all, func() {
				rows := make([][]string, len(all))
				for i, b := range all {
					upon, problem := "-", "-"
					if b.ParentID != nil {
						upon = b.ParentID.String()
					}
					if b.Problem != "" {
						problem = bad.Render(b.Problem)
					}
					rows[i] = []string{b.ID.String(), b.Kind, b.AsOf.Format(time.RFC3339), size(b.Payload.Bytes), inside(b.Manifest), upon, problem}
				}
				in.out.table([]string{"BACKUP", "KIND", "AS OF", "SIZE", "THINGS", "BUILDS UPON", "PROBLEM"}, rows)
				if more {
					fmt.Fprintln(in.out, faint.Render("There are more; --limit shows them."))
				}
			})
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

func (in *inspector) backupVerify() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "verify ID|latest",
		Short: "Look whether a backup is as it was written, without restoring it",
		Long: "Its signature, and the hash of what was encrypted, with all that it builds upon. With --identity it is also\n" +
			"decrypted, and every account and conversation in it is verified.\n" + whichStore,
		Args: cobra.ExactArgs(1),
		RunE: in.withBackups(func(cmd *cobra.Command, args []string) error {
			id, err := in.whichBackup(cmd.Context(), args, nil)
			if err != nil {
				return err
			}
			identities, err := identitiesOf(file)
			if err != nil {
				return err
			}
			bar, done := progress(cmd, "verifying")
			v, err := in.desk.Backups.Verify(cmd.Context(), bar, id, identities)
			done()
			if err != nil {
				return err
			}
			if err := in.out.show(v, func() { in.read(id, v) }); err != nil {
				return err
			}
			return damaged(int(v.Findings))
		}),
	}
	cmd.Flags().StringVar(&file, "identity", "", "a file with an identity that can read it")
	return cmd
}

func (in *inspector) read(id uuid.UUID, v backup.Verification) {
	fmt.Fprintf(in.out, "%s is as it was written: %d backups, %s.\n", id, len(v.Backups), size(v.Bytes))
	if !v.Opened {
		fmt.Fprintln(in.out, "It was not read: give --identity to verify everything in it.")
		return
	}
	for _, name := range v.Named {
		fmt.Fprintln(in.out, name)
	}
	if v.Findings > 0 {
		fmt.Fprintln(in.out, bad.Render(fmt.Sprintf("%d findings in %d things: they were damaged when the backup was made.", v.Findings, v.Things)))
		return
	}
	fmt.Fprintf(in.out, "All %d things in it were read and verified.\n", v.Things)
}

// whichBackup is the one that is named; the newest not after a time, where none is.
func (in *inspector) whichBackup(ctx context.Context, args []string, notAfter *time.Time) (uuid.UUID, error) {
	if len(args) == 0 || args[0] == latest {
		return in.desk.Backups.Newest(ctx, notAfter)
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
