package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/platform/job"
)

func queuesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "queues",
		Short: "List the job queues and how full they are",
		Long:  whichDatabase,
		Args:  cobra.NoArgs,
		RunE: atDesk(func(cmd *cobra.Command, _ []string, desk *app.Desk) error {
			all, err := desk.Queues.Depths(cmd.Context())
			if err != nil {
				return err
			}
			return printQueues(cmd, all)
		}),
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "pause NAME",
		Short: "Let no node begin a job of a queue any more",
		Long:  "Jobs that run go on. " + whichDatabase,
		Args:  cobra.ExactArgs(1),
		RunE: atDesk(func(cmd *cobra.Command, args []string, desk *app.Desk) error {
			depth, err := desk.Queues.Pause(cmd.Context(), args[0])
			if err != nil {
				return fmt.Errorf("queue %s: %w", args[0], err)
			}
			return printQueues(cmd, []job.Depth{depth})
		}),
	}, &cobra.Command{
		Use:   "resume NAME",
		Short: "End a pause",
		Long:  whichDatabase,
		Args:  cobra.ExactArgs(1),
		RunE: atDesk(func(cmd *cobra.Command, args []string, desk *app.Desk) error {
			depth, err := desk.Queues.Resume(cmd.Context(), args[0])
			if err != nil {
				return fmt.Errorf("queue %s: %w", args[0], err)
			}
			return printQueues(cmd, []job.Depth{depth})
		}),
	})
	return cmd
}

func printQueues(cmd *cobra.Command, all []job.Depth) error {
	out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "QUEUE\tSTATE\tAVAILABLE\tRUNNING\tSCHEDULED\tRETRYABLE\tOLDEST")
	for _, d := range all {
		state := "working"
		if d.Paused {
			state = "paused"
		}
		fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n",
			d.Queue, state, d.Available, d.Running, d.Scheduled, d.Retryable, d.OldestAge.Round(time.Second))
	}
	return out.Flush()
}
