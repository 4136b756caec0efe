package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
)

func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Tell how domain events are coming along",
		Long:  "How many wait to be moved, and what each group of handlers has to wait for. " + whichDatabase,
		Args:  cobra.NoArgs,
		RunE: atDesk(func(cmd *cobra.Command, _ []string, desk *app.Desk) error {
			status, err := outbox.ReadStatus(cmd.Context(), desk.Pool)
			if err != nil {
				return err
			}
			return printEvents(cmd, status)
		}),
	}
	cmd.AddCommand(replayEventsCommand(), rebuildEventsCommand())
	return cmd
}

func printEvents(cmd *cobra.Command, status outbox.Status) error {
	fmt.Fprintf(cmd.OutOrStdout(), "waiting in the outbox: %d, the oldest for %s\n\n", status.Waiting, status.Oldest.Round(time.Millisecond))
	out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "GROUP\tNODES\tPARTITIONS\tPARKED\tOF AGGREGATES")
	for _, g := range status.Groups {
		fmt.Fprintf(out, "%s\t%d\t%d of %d\t%d\t%d\n", g.Name, g.Nodes, g.Partitions, outbox.Partitions, g.Parked, g.Aggregates)
	}
	return out.Flush()
}

func replayEventsCommand() *cobra.Command {
	var in outbox.ReplayInput
	var from, to string
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Let a group of handlers have past events again",
		Long: "Those that it missed, or with --again all, whose effects then happen once more. The nodes at work\n" +
			"handle them. " + whichDatabase,
		Args: cobra.NoArgs,
		RunE: atDesk(func(cmd *cobra.Command, _ []string, desk *app.Desk) (err error) {
			if in.From, err = time.Parse(time.RFC3339, from); err != nil {
				return fmt.Errorf("--from must be a time such as 2026-11-02T00:00:00Z: %w", err)
			}
			if in.To, err = time.Parse(time.RFC3339, to); err != nil {
				return fmt.Errorf("--to must be a time such as 2026-11-03T00:00:00Z: %w", err)
			}
			n, err := outbox.Replay(cmd.Context(), desk.Pool, in, nil)
			if err != nil {
				return fmt.Errorf("replay for group %s: %w", in.Group, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d events are on their way to %s again\n", n, in.Group)
			return err
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&in.Group, "group", "", "the group, as `fluentpro events` lists it")
	flags.StringVar(&from, "from", "", "events recorded at this time or later")
	flags.StringVar(&to, "to", "", "events recorded before this time")
	flags.StringSliceVar(&in.Types, "type", nil, "only events of this type; may be given several times")
	flags.BoolVar(&in.Again, "again", false, "also what the group has handled already")
	for _, name := range []string{"group", "from", "to"} {
		_ = cmd.MarkFlagRequired(name) // it is there
	}
	return cmd
}

func rebuildEventsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild",
		Short: "Move every event again that some group has not handled",
		Long: "Nodes do so by themselves when they find that Redis has lost a stream; this is for an operator who\n" +
			"knows better. " + whichDatabase,
		Args: cobra.NoArgs,
		RunE: atDesk(func(cmd *cobra.Command, _ []string, desk *app.Desk) error {
			if err := outbox.Rebuild(cmd.Context(), desk.Pool); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "unhandled events are moved again")
			return err
		}),
	}
}
