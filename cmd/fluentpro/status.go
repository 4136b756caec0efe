package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"

	v2 "github.com/fluentpro/fluentpro/internal/api/v2"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/monitor"
)

// Exit codes of status, beside 0 (ok) and 1 (an error).
const (
	exitDegraded = 2
	exitFailing  = 3
)

// clearScreen is what a terminal takes to begin anew (ECMA-48): home, and erase below.
const clearScreen = "\x1b[H\x1b[J"

// statusFlags are those of status.
type statusFlags struct {
	output  string
	watch   bool
	every   time.Duration
	changes int
}

func statusCommand() *cobra.Command {
	var flags statusFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how the service is",
		Long: "Status shows what the monitor found: probes, changes and nodes. It reads the database, so it works while the\n" +
			"API is down. It exits with 0 when all is well, 2 when something is degraded, 3 when something is failing, and\n" +
			"1 when that cannot be told. " + whichDatabase,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case flags.output != "table" && flags.output != "json":
				return fmt.Errorf("--output is table or json, not %q", flags.output)
			case flags.every < time.Second:
				return fmt.Errorf("--every is 1s at least, not %s", flags.every)
			case flags.changes < 0 || flags.changes > monitor.MaxChanges:
				return fmt.Errorf("--changes is 0 to %d, not %d", monitor.MaxChanges, flags.changes)
			}
			return nil
		},
		RunE: atDesk(func(cmd *cobra.Command, _ []string, desk *app.Desk) error {
			if flags.watch {
				return flags.follow(cmd, desk)
			}
			state, err := flags.show(cmd.Context(), cmd.OutOrStdout(), desk)
			return cmp.Or(err, exitOf(state))
		}),
	}
	cmd.Flags().StringVarP(&flags.output, "output", "o", "table", "table or json")
	cmd.Flags().BoolVarP(&flags.watch, "watch", "w", false, "show it again and again until interrupted")
	cmd.Flags().DurationVar(&flags.every, "every", 2*time.Second, "how often, with --watch")
	cmd.Flags().IntVar(&flags.changes, "changes", 10, "how many changes to show")
	return cmd
}

// exitOf makes an exit code of a state.
func exitOf(state string) error {
	switch state {
	case monitor.Degraded:
		return exitCode{code: exitDegraded}
	case monitor.Failing:
		return exitCode{code: exitFailing}
	}
	return nil
}

// follow shows it until the command is interrupted, also while the database is away, and
// exits as the last one says.
func (f statusFlags) follow(cmd *cobra.Command, desk *app.Desk) error {
	out, before := cmd.OutOrStdout(), ""
	if onTerminal(out) {
		before = clearScreen
	}
	for {
		if _, err := io.WriteString(out, before); err != nil {
			return err
		}
		state, err := f.show(cmd.Context(), out, desk)
		if err != nil && cmd.Context().Err() == nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "fluentpro:", err)
		}
		select {
		case <-cmd.Context().Done():
			return exitOf(state)
		case <-time.After(f.every):
		}
	}
}

// show prints it once, and gives the state of the whole.
func (f statusFlags) show(ctx context.Context, out io.Writer, desk *app.Desk) (state string, err error) {
	o, err := desk.Monitor.Overview(ctx, f.changes)
	if err != nil {
		return "", err
	}
	if f.output == "json" {
		return o.State, json.NewEncoder(out).Encode(v2.ToAPISystemStatus(o))
	}
	return o.State, printStatus(colorprofile.NewWriter(out, os.Environ()), o)
}

// printStatus draws the dashboard. Colours reach only a writer that shows them.
func printStatus(out io.Writer, o monitor.Overview) error {
	ago := func(at time.Time) string { return max(o.At.Sub(at), 0).Round(time.Second).String() }
	probes := grid("PROBE", "STATE", "SINCE", "VALUE", "CHECKED", "DETAIL")
	for _, p := range o.Probes {
		checked, state := "never", p.State
		if p.CheckedAt != nil {
			checked = ago(*p.CheckedAt)
		}
		if p.Stale {
			state += " (stale)"
		}
		probes.add(p.State, p.Name, state, ago(p.Since), monitor.Value(p.Value, p.Unit), checked, p.Detail)
	}
	changes := grid("CHANGED", "PROBE", "FROM", "TO", "VALUE", "DETAIL")
	for _, c := range o.Changes {
		changes.add(c.State, c.At.Format(time.DateTime), c.Name, c.Previous, c.State, monitor.Value(c.Value, c.Unit), c.Detail)
	}
	nodes := grid("NODE", "STATE", "VERSION", "UP", "HEARD", "DETAIL")
	for _, n := range o.Nodes {
		state := n.Level
		switch {
		case n.StoppedAt != nil:
			state = "stopped"
		case !n.Lives(o.At):
			state = "silent"
		}
		nodes.add(n.Level, cmp.Or(n.Host, n.ID.String()), state, n.Version, ago(n.StartedAt), ago(n.SeenAt), n.Detail)
	}
	_, err := fmt.Fprintf(out, "%s at %s\n\n%s\n\n%s\n\n%s\n", styleOf(o.State).Bold(true).Render(o.State), o.At.Format(time.DateTime),
		probes.draw("no probe has run"), changes.draw("nothing has changed"), nodes.draw("no node is heard of"))
	return err
}

// styleOf is how a state is shown.
func styleOf(state string) lipgloss.Style {
	colours := map[string]int{monitor.OK: 2, monitor.Degraded: 3, monitor.Failing: 1}
	style := lipgloss.NewStyle()
	if c, ok := colours[state]; ok {
		style = style.Foreground(lipgloss.Color(strconv.Itoa(c)))
	}
	return style
}

// rows is a table in which the second column, or the fourth of changes, shows a state.
type rows struct {
	heads  []string
	cells  [][]string
	states []string
}

func grid(heads ...string) *rows { return &rows{heads: heads} }

func (r *rows) add(state string, cells ...string) {
	r.cells, r.states = append(r.cells, cells), append(r.states, state)
}

// draw gives the table, or what is said when there is nothing in it.
func (r *rows) draw(none string) string {
	if len(r.cells) == 0 {
		return none
	}
	column := 1
	if r.heads[3] == "TO" {
		column = 3
	}
	t := table.New().Headers(r.heads...).Rows(r.cells...).Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).
		BorderLeft(false).BorderRight(false).BorderColumn(false).BorderHeader(false).StyleFunc(func(row, col int) lipgloss.Style {
		style := lipgloss.NewStyle()
		switch {
		case row == table.HeaderRow:
			style = style.Bold(true)
		case col == column:
			style = styleOf(r.states[row])
		}
		if col < len(r.heads)-1 {
			style = style.PaddingRight(2)
		}
		return style
	})
	return t.Render()
}
