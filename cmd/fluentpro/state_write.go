package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// verified is what verify writes for programs.
type verified struct {
	conversation.Verification
	Seconds float64 `json:"seconds"`
}

func (in *inspector) verify() *cobra.Command {
	var q conversation.VerifyInput
	var all bool
	cmd := &cobra.Command{
		Use: "verify [CONVERSATION...]", Short: "Hold what is stored of conversations against their versions",
		Long: "Verify those that are named, else what has changed since the service's last verification, or with --all everything.\n" +
			"As NDJSON, findings are written as they come. " + whichDatabase,
		RunE: in.run(func(cmd *cobra.Command, args []string) error {
			for _, text := range args {
				id, err := conversationID(text)
				if err != nil {
					return err
				}
				q.ConversationIDs = append(q.ConversationIDs, id)
			}
			if len(args) > 0 && all {
				return errors.New("name conversations, or use --all, not both")
			}
			q.Scope = conversation.VerifyChanged
			if all {
				q.Scope = conversation.VerifyAll
			}
			return in.verifying(cmd, q)
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "verify everything")
	return cmd
}

func (in *inspector) verifying(cmd *cobra.Command, q conversation.VerifyInput) error {
	bar, done := progress(cmd, "verifying")
	began := time.Now()
	rows := [][]string{}
	q.Look = func(_ record.Head, found []record.Finding) {
		for _, f := range found {
			if in.out.format == formatNDJSON {
				_ = in.out.encode(f) // what cannot be written now cannot be written at the end either
			}
			rows = append(rows, append([]string{f.ConversationID.String()}, row(f)...))
		}
	}
	v, err := in.desk.Conversations.Verify(cmd.Context(), bar, q)
	done()
	if err != nil {
		return err
	}
	if int(v.Conversations) < len(q.ConversationIDs) {
		return exitCode{exitAbsent, fmt.Errorf("of %d conversations %d are there", len(q.ConversationIDs), v.Conversations)}
	}
	took := time.Since(began)
	if err := in.out.show(verified{v, took.Seconds()}, func() {
		if len(rows) > 0 {
			in.out.table([]string{"CONVERSATION", "VERSION", "RULE", "SUBJECT", "EXPECTED", "FOUND"}, rows)
		}
		style := good
		if v.Findings > 0 {
			style = bad
		}
		fmt.Fprintf(in.out, "%s in %d conversations with %d versions, verified in %s\n",
			style.Render(fmt.Sprintf("%d findings", v.Findings)), v.Conversations, v.Versions, took.Round(time.Millisecond))
	}); err != nil {
		return err
	}
	return damaged(int(v.Findings))
}

func (in *inspector) rollback() *cobra.Command {
	var to int64
	cmd := &cobra.Command{
		Use: "rollback CONVERSATION", Short: "Make a conversation good, and with --to give it the content of an old version", Args: cobra.ExactArgs(1),
		Long: "Make what is damaged good from the versions, and from the messages as far as their hashes prove them; with --to, the conversation\n" +
			"also gets the content of an old version. Always as a new version, in which what it takes the place of is kept; who reads it is told.\n" +
			"Without --write, only the report. From a backup: fluentpro state restore. " + whichDatabase,
		RunE: in.run(func(cmd *cobra.Command, args []string) (err error) {
			q := conversation.RecoverInput{Version: to, DryRun: !in.write}
			if q.ConversationID, err = conversationID(args[0]); err != nil {
				return err
			}
			if in.write {
				if q.Operator, err = in.who(); err != nil {
					return err
				}
			}
			plan, err := in.desk.Conversations.Recover(cmd.Context(), q)
			if err != nil {
				return err
			}
			if err := in.out.show(plan, func() { in.report(plan, q.DryRun) }); err != nil {
				return err
			}
			return planned(plan, q.DryRun)
		}),
	}
	cmd.Flags().Int64Var(&to, "to", 0, "the version whose content it gets")
	return cmd
}

// planned is the exit code of a plan.
func planned(plan record.Plan, dry bool) error {
	switch {
	case plan.Needed && !plan.IsComplete:
		return exitCode{code: exitLost}
	case plan.Needed && dry:
		return exitCode{code: exitDamaged}
	}
	return nil
}

// report tells a plan, before or after it was carried out.
func (in *inspector) report(plan record.Plan, dry bool) {
	if !plan.Needed {
		fmt.Fprintf(in.out, "%s; nothing is to be done.\n", good.Render("The conversation is whole"))
		return
	}
	if len(plan.Findings) > 0 {
		in.findings(plan.Findings)
	}
	for _, h := range plan.Healed {
		fmt.Fprintf(in.out, "%s  %s of version %d, from the %s\n", good.Render("healed"), h.What, h.Version, h.From)
	}
	for _, l := range plan.Lost {
		fmt.Fprintf(in.out, "%s    %s of version %d; instead: %s\n", bad.Render("lost"), l.What, l.Version, l.Instead)
	}
	if len(plan.Findings) > 0 && plan.IsComplete {
		fmt.Fprintln(in.out, good.Render("all of it can be made good"))
	}
	for _, note := range plan.Notes {
		fmt.Fprintf(in.out, "note    %s\n", note)
	}
	content := "the newest content that can be told"
	if plan.Target > 0 {
		content = fmt.Sprintf("the content of version %d", plan.Target)
	}
	if dry {
		fmt.Fprintf(in.out, "\nNothing was changed. With --write, version %d will have %s.\n", plan.Record.Head.Version+1, content)
		return
	}
	fmt.Fprintf(in.out, "\nVersion %d has %s.\n", plan.Record.Head.Version+1, content)
}

func (in *inspector) export() *cobra.Command {
	var learner, file string
	cmd := &cobra.Command{
		Use: "export [CONVERSATION...]", Short: "Write all that is stored of conversations, one in each line of JSON",
		Long: "Write the conversations that are named, or those of a learner, as backups hold them and `fluentpro state import` reads them.\n" +
			"It is everything the learner said: keep it as they would want it kept. " + whichDatabase,
		RunE: in.run(func(cmd *cobra.Command, args []string) error {
			ids, err := in.chosen(cmd, args, learner)
			if err != nil {
				return err
			}
			var out io.Writer = in.out
			if file != "" {
				made, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
				if err != nil {
					return fmt.Errorf("--file: %w", err)
				}
				defer func() { _ = made.Close() }()
				out = made
			}
			lines := json.NewEncoder(out)
			for _, id := range ids {
				r, err := in.desk.Conversations.Record(cmd.Context(), id)
				if err == nil {
					err = lines.Encode(r)
				}
				if err != nil {
					return fmt.Errorf("export %s: %w", id, err)
				}
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&learner, "user", "", "all conversations of a learner, by id or email")
	cmd.Flags().StringVar(&file, "file", "", "write into this new file, which only you can read")
	return cmd
}

// chosen are the conversations of arguments, or of a learner.
func (in *inspector) chosen(cmd *cobra.Command, args []string, learner string) (ids []uuid.UUID, err error) {
	for _, text := range args {
		id, err := conversationID(text)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if (len(ids) > 0) == (learner != "") {
		return nil, errors.New("name conversations, or a learner with --user")
	}
	if learner == "" {
		return ids, nil
	}
	q := conversation.SurveyInput{Limit: maxRows}
	if q.UserID, err = in.learner(cmd, learner); err != nil {
		return nil, err
	}
	for more := true; more; {
		var page []conversation.Overview
		if page, more, err = in.desk.Conversations.Survey(cmd.Context(), q); err != nil {
			return nil, err
		}
		for _, o := range page {
			ids, q.Before = append(ids, o.ConversationID), conversation.Place{At: o.LastActivityAt, ID: o.ConversationID}
		}
	}
	return ids, nil
}

// imported is what became of one conversation.
type imported struct {
	ConversationID uuid.UUID `json:"conversation_id"`
	Outcome        string    `json:"outcome"`
	Detail         string    `json:"detail,omitempty"`
}

func (in *inspector) importing() *cobra.Command {
	return &cobra.Command{
		Use: "import FILE", Short: "Bring back what export has written", Args: cobra.ExactArgs(1),
		Long: "A conversation that is not there is inserted as it was, if its learner is there; one that is there is made good from the file, if it\n" +
			"needs it. One that its learner has deleted stays deleted. " + whichDatabase,
		RunE: in.run(func(cmd *cobra.Command, args []string) (err error) {
			q := conversation.RestoreInput{DryRun: !in.write}
			if in.write {
				if q.Operator, err = in.who(); err != nil {
					return err
				}
			}
			file, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("import: %w", err)
			}
			defer func() { _ = file.Close() }()
			all := []imported{}
			code := 0
			err = in.desk.Conversations.Restore(cmd.Context(), q, lines(file), func(o conversation.Outcome) {
				all = append(all, imported{o.ID, o.Outcome, o.Detail})
				switch {
				case o.Outcome == conversation.Failed || o.Outcome == conversation.Incomplete:
					code = exitLost
				case o.Outcome != conversation.Unchanged && q.DryRun:
					code = max(code, exitDamaged)
				}
			})
			if err != nil {
				return err
			}
			if err := list(in.out, all, func() {
				rows := make([][]string, len(all))
				for i, one := range all {
					rows[i] = []string{one.ConversationID.String(), one.Outcome, one.Detail}
				}
				in.out.table([]string{"CONVERSATION", "OUTCOME", "DETAIL"}, rows)
			}); err != nil || code == 0 {
				return err
			}
			return exitCode{code: code}
		}),
	}
}

// lines reads records, one in each line.
func lines(r io.Reader) iter.Seq2[record.Record, error] {
	return func(yield func(record.Record, error) bool) {
		in := json.NewDecoder(r)
		for n := 1; ; n++ {
			var one record.Record
			err := in.Decode(&one)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				err = fmt.Errorf("conversation %d of the file: %w", n, err)
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}
