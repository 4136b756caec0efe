package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
)

func deadLettersCommand() *cobra.Command {
	var in deadletter.ListInput
	var status string
	cmd := &cobra.Command{
		Use:   "dead-letters",
		Short: "List jobs and events that were given up",
		Long:  "The newest first. " + whichDatabase,
		Args:  cobra.NoArgs,
		RunE: atDesk(func(cmd *cobra.Command, _ []string, desk *app.Desk) error {
			switch in.Status = deadletter.Status(status); in.Status {
			case deadletter.Open, deadletter.Replayed:
			default:
				return fmt.Errorf("--status must be %s or %s", deadletter.Open, deadletter.Replayed)
			}
			page, more, err := desk.Letters.List(cmd.Context(), in)
			if err != nil {
				return err
			}
			return printLetters(cmd, page, more)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&in.Source, "source", "", "only letters of jobs (job) or of events (event)")
	flags.StringVar(&in.Kind, "kind", "", "only letters of this kind of job or type of event")
	flags.StringVar(&in.Queue, "queue", "", "only letters of this queue or group of handlers")
	flags.StringVar(&status, "status", string(deadletter.Open), "open or replayed")
	flags.IntVar(&in.Limit, "limit", 50, "how many at most")
	cmd.AddCommand(&cobra.Command{
		Use:   "replay ID",
		Short: "Have what was given up done again",
		Long:  whichDatabase,
		Args:  cobra.ExactArgs(1),
		RunE: atDesk(func(cmd *cobra.Command, args []string, desk *app.Desk) error {
			id, err := uuid.Parse(args[0])
			if err != nil {
				return fmt.Errorf("%q is no id of a dead letter", args[0])
			}
			l, err := desk.Letters.Replay(cmd.Context(), id, uuid.Nil)
			if err != nil {
				return fmt.Errorf("dead letter %s: %w", id, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s of %s is on its way again\n", l.Source, l.Kind, l.Subject, l.Queue)
			return err
		}),
	})
	return cmd
}

func printLetters(cmd *cobra.Command, page []deadletter.Letter, more bool) error {
	out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tGIVEN UP\tSOURCE\tKIND\tQUEUE\tSUBJECT\tATTEMPTS\tLAST ERROR")
	for _, l := range page {
		last := ""
		if len(l.Errors) > 0 {
			last = l.Errors[len(l.Errors)-1].Error
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%.100q\n",
			l.ID, l.CreatedAt.Format(time.RFC3339), l.Source, l.Kind, l.Queue, l.Subject, l.Attempts, last)
	}
	if more {
		fmt.Fprintln(out, "...")
	}
	return out.Flush()
}
