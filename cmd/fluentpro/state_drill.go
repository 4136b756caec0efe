package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/conversation/drill"
)

func (in *inspector) drill() *cobra.Command {
	var learner string
	cmd := &cobra.Command{
		Use: "drill", Short: "Break a conversation on purpose in each way there is, and look whether it is found and made good", Args: cobra.NoArgs,
		Long: "For staging: makes a conversation of the learner, breaks it, heals it, and deletes it at the end. Nothing else is broken, but for\n" +
			"moments the versions of everybody are locked; production refuses it. It needs --write. " + whichDatabase,
		RunE: in.run(func(cmd *cobra.Command, _ []string) error {
			if !in.write {
				return errors.New("a drill changes things: say --write")
			}
			if _, err := in.who(); err != nil {
				return err
			}
			user, err := in.learner(cmd, learner)
			if err != nil {
				return err
			}
			cfg, logger, err := databaseSettings()
			if err != nil {
				return err
			}
			results := []drill.Result{}
			err = in.desk.Drill(cmd.Context(), cfg, *user, logger, func(r drill.Result) { results = append(results, r) })
			if err != nil && !errors.Is(err, drill.ErrFailed) {
				return err
			}
			if shown := list(in.out, results, func() { in.drilled(results) }); shown != nil {
				return shown
			}
			if err != nil {
				return exitCode{exitLost, err}
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&learner, "user", "", "whose conversation it is to be, by id or email")
	_ = cmd.MarkFlagRequired("user") // it is there
	return cmd
}

func (in *inspector) drilled(results []drill.Result) {
	rows := make([][]string, len(results))
	for i, r := range results {
		backup, outcome := "no", good.Render("healed")
		if r.Backup {
			backup = "yes"
		}
		switch {
		case r.Problem != "":
			outcome = bad.Render(r.Problem)
		case r.Lost > 0:
			outcome = warned.Render(strconv.Itoa(r.Lost) + " lost, and named")
		}
		rows[i] = []string{r.What, backup, strings.Join(r.Found, ", "), outcome, r.Took.Round(time.Millisecond).String()}
	}
	in.out.table([]string{"BROKEN", "BACKUP", "FOUND BY", "OUTCOME", "TOOK"}, rows)
	fmt.Fprintf(in.out, "%d breakages\n", len(results))
}
