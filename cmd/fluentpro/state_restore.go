package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/backup"
)

// restoreFlags are what a restore is asked for.
type restoreFlags struct {
	conversation, user, at, identity string
	version                          int64
	all, deleted, write              bool
}

func stateRestoreCommand() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore [ID|latest]",
		Short: "Bring back what a backup holds; without --write only tell what would be done",
		Long: "What is not there is inserted as it was. A conversation that is damaged is made good from the backup and from\n" +
			"what is intact of it, as a new version; what is whole and newer is not touched. Erased accounts are never brought\n" +
			"back. It may be broken off and done again.\n\n" +
			"With --version or --time conversations get an older content, as a new version. Without an ID, --time takes the\n" +
			"newest backup that is not after it, and what the database has kept until then.\n" + whichStore,
		Args: cobra.MaximumNArgs(1),
		RunE: atVault(func(cmd *cobra.Command, args []string, vault *app.Vault) error {
			in, err := f.input()
			if err != nil {
				return err
			}
			identities, err := identitiesOf(f.identity)
			if err != nil {
				return err
			}
			if in.BackupID, err = whichBackup(cmd.Context(), vault, args, in.At); err != nil {
				return err
			}
			bar, done := progress(cmd, "restoring")
			report, err := vault.Backups.Restore(cmd.Context(), bar, in, backup.RestoreBy{Identities: identities})
			done()
			if err != nil {
				return err
			}
			return printReport(cmd.OutOrStdout(), report)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.conversation, "conversation", "", "only this conversation")
	flags.StringVar(&f.user, "user", "", "only this account, and its conversations")
	flags.BoolVar(&f.all, "all", false, "everything")
	flags.Int64Var(&f.version, "version", 0, "the content that the conversation had in this version")
	flags.StringVar(&f.at, "time", "", "the content that each conversation had then, such as 2026-11-03T14:00:00Z")
	flags.StringVar(&f.identity, "identity", "", "a file with an identity that can read it; else that of FLUENTPRO_BACKUP_IDENTITY_FILE")
	flags.BoolVar(&f.deleted, "include-deleted", false, "also what its learner has deleted")
	flags.BoolVar(&f.write, "write", false, "do it")
	return cmd
}

// input is what the flags say.
func (f restoreFlags) input() (backup.RestoreInput, error) {
	in := backup.RestoreInput{Format: 1, Version: f.version, IncludeDeleted: f.deleted, Write: f.write}
	named := 0
	for _, one := range []bool{f.conversation != "", f.user != "", f.all} {
		if one {
			named++
		}
	}
	if named != 1 {
		return in, errors.New("say what to restore: --conversation ID, --user ID or --all")
	}
	for _, one := range []struct {
		text string
		into **uuid.UUID
	}{{f.conversation, &in.ConversationID}, {f.user, &in.UserID}} {
		if one.text == "" {
			continue
		}
		id, err := uuid.Parse(one.text)
		if err != nil {
			return in, fmt.Errorf("%q is no id", one.text)
		}
		*one.into = &id
	}
	if f.at != "" {
		at, err := time.Parse(time.RFC3339, f.at)
		if err != nil {
			return in, fmt.Errorf("%q is no time such as 2026-11-03T14:00:00Z", f.at)
		}
		in.At = &at
	}
	return in, backup.CheckRestore(in)
}

func printReport(out io.Writer, r backup.Report) error {
	fmt.Fprintf(out, "Backup %s, as of %s; %d erased accounts are never brought back.\n", r.BackupID, r.AsOf.Format(time.RFC3339), r.Erased)
	for _, p := range r.Parts {
		fmt.Fprintf(out, "%s: %d looked at\n", p.Name, p.Looked)
		for _, outcome := range p.Sorted() {
			fmt.Fprintf(out, "  %-12s %d\n", outcome, p.Outcomes[outcome])
		}
		for _, one := range p.Named {
			fmt.Fprintf(out, "  %s %s: %s\n", one.ID, one.Outcome, one.Detail)
		}
		if p.More > 0 {
			fmt.Fprintf(out, "  and %d more\n", p.More)
		}
	}
	last := "Done."
	if !r.Written {
		last = "Nothing was changed: --write does it."
	}
	_, err := fmt.Fprintln(out, last)
	return err
}
