package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/conversation"
)

// restoreFlags are what a restore is asked for.
type restoreFlags struct {
	conversation, user, at, identity string
	version                          int64
	all, deleted                     bool
}

func (in *inspector) restore() *cobra.Command {
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
		RunE: in.withBackups(func(cmd *cobra.Command, args []string) error {
			q, err := f.input()
			if err != nil {
				return err
			}
			if f.user != "" {
				if q.UserID, err = in.learner(cmd, f.user); err != nil {
					return err
				}
			}
			if q.Write = in.write; in.write {
				if q.Operator, err = in.named(); err != nil {
					return err
				}
			}
			identities, err := identitiesOf(f.identity)
			if err != nil {
				return err
			}
			if q.BackupID, err = in.whichBackup(cmd.Context(), args, q.At); err != nil {
				return err
			}
			bar, done := progress(cmd, "restoring")
			report, err := in.desk.Backups.Restore(cmd.Context(), bar, q, backup.RestoreBy{Identities: identities})
			done()
			if err != nil {
				return err
			}
			if err := in.out.show(report, func() { in.restored(report) }); err != nil {
				return err
			}
			return outcome(report)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.conversation, "conversation", "", "only this conversation")
	flags.StringVar(&f.user, "user", "", "only this account, by id or email, and its conversations")
	flags.BoolVar(&f.all, "all", false, "everything")
	flags.Int64Var(&f.version, "version", 0, "the content that the conversation had in this version")
	flags.StringVar(&f.at, "time", "", "the content that each conversation had then, such as 2026-11-03T14:00:00Z")
	flags.StringVar(&f.identity, "identity", "", "a file with an identity that can read it; else that of FLUENTPRO_BACKUP_IDENTITY_FILE")
	flags.BoolVar(&f.deleted, "include-deleted", false, "also what its learner has deleted")
	return cmd
}

// input is what the flags say.
func (f restoreFlags) input() (backup.RestoreInput, error) {
	q := backup.RestoreInput{Format: 1, Version: f.version, IncludeDeleted: f.deleted}
	named := 0
	for _, one := range []bool{f.conversation != "", f.user != "", f.all} {
		if one {
			named++
		}
	}
	if named != 1 {
		return q, errors.New("say what to restore: --conversation ID, --user ID or --all")
	}
	if f.conversation != "" {
		id, err := conversationID(f.conversation)
		if err != nil {
			return q, err
		}
		q.ConversationID = &id
	}
	if f.at != "" {
		at, err := time.Parse(time.RFC3339, f.at)
		if err != nil {
			return q, fmt.Errorf("%q is no time such as 2026-11-03T14:00:00Z", f.at)
		}
		q.At = &at
	}
	return q, backup.CheckRestore(q)
}

func (in *inspector) restored(r backup.Report) {
	fmt.Fprintf(in.out, "Backup %s, as of %s; %d erased accounts are never brought back.\n", r.BackupID, r.AsOf.Format(time.RFC3339), r.Erased)
	for _, p := range r.Parts {
		fmt.Fprintf(in.out, "%s: %d looked at\n", p.Name, p.Looked)
		for _, outcome := range p.Sorted() {
			fmt.Fprintf(in.out, "  %-12s %d\n", outcome, p.Outcomes[outcome])
		}
		for _, one := range p.Named {
			fmt.Fprintf(in.out, "  %s %s: %s\n", one.ID, one.Outcome, one.Detail)
		}
		if p.More > 0 {
			fmt.Fprintf(in.out, "  and %d more\n", p.More)
		}
	}
	last := "Done."
	if !r.Written {
		last = "Nothing was changed: --write does it."
	}
	fmt.Fprintln(in.out, last)
}

// outcome is the exit code of a report.
func outcome(r backup.Report) error {
	var would, lost int64
	for _, p := range r.Parts {
		lost += p.Outcomes[conversation.Incomplete] + p.Outcomes[conversation.Failed]
		would += p.Outcomes[conversation.Restored] + p.Outcomes[conversation.Recovered] + p.Outcomes[conversation.SetBack]
	}
	switch {
	case lost > 0:
		return exitCode{code: exitLost}
	case would > 0 && !r.Written:
		return exitCode{code: exitDamaged}
	}
	return nil
}
