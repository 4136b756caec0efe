package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// Formats of an output.
const (
	formatTable  = "table"
	formatJSON   = "json"
	formatYAML   = "yaml"
	formatNDJSON = "ndjson"
)

// Colours of what is well, of what should be looked at, and of what is broken.
var (
	good   = lipgloss.NewStyle().Foreground(lipgloss.Green)
	warned = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Red)
	faint  = lipgloss.NewStyle().Faint(true)
	strong = lipgloss.NewStyle().Bold(true)
)

// output is where a command writes, and how.
type output struct {
	io.Writer // colours are lost on it unless it is a terminal that has them (no-color.org)
	format    string
}

// newOutput is that of a command. Fault: a format that is none.
func newOutput(cmd *cobra.Command, format string) (*output, error) {
	switch format {
	case formatTable, formatJSON, formatYAML, formatNDJSON:
		return &output{Writer: colorprofile.NewWriter(cmd.OutOrStdout(), os.Environ()), format: format}, nil
	}
	return nil, fmt.Errorf("--output must be table, json, yaml or ndjson, not %q", format)
}

// show writes one thing, for people as they say.
func (o *output) show(thing any, people func()) error {
	if o.format == formatTable {
		people()
		return nil
	}
	return o.encode(thing)
}

// list writes things; as NDJSON each in a line of its own.
func list[T any](o *output, things []T, people func()) error {
	switch {
	case o.format == formatTable:
		people()
		return nil
	case o.format == formatNDJSON:
		for _, thing := range things {
			if err := o.encode(thing); err != nil {
				return err
			}
		}
		return nil
	case things == nil:
		things = []T{}
	}
	return o.encode(things)
}

func (o *output) encode(thing any) error {
	text, err := json.Marshal(thing)
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	switch o.format {
	case formatJSON:
		var out bytes.Buffer
		_ = json.Indent(&out, text, "", "  ") // it is JSON
		text = out.Bytes()
	case formatYAML:
		return o.encodeYAML(text)
	}
	_, err = fmt.Fprintf(o, "%s\n", text)
	return err
}

// encodeYAML writes JSON as YAML, its members in the same order.
func (o *output) encodeYAML(text []byte) error {
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	plain(&node)
	out := yaml.NewEncoder(o)
	out.SetIndent(2)
	if err := out.Encode(&node); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return out.Close()
}

// plain takes the style of JSON from YAML, but from what would be read as something else.
func plain(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		n.Style = 0
	} else if n.Style = 0; strings.Contains(n.Value, "\n") {
		n.Style = yaml.LiteralStyle
	}
	for _, child := range n.Content {
		plain(child)
	}
}

// table writes rows under their heads, or that there are none.
func (o *output) table(heads []string, rows [][]string) {
	if len(rows) == 0 {
		fmt.Fprintln(o, faint.Render("There are none."))
		return
	}
	t := table.New().Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).
		BorderHeader(false).Headers(heads...).Rows(rows...).
		StyleFunc(func(row, _ int) lipgloss.Style {
			if row == table.HeaderRow {
				return strong
			}
			return lipgloss.NewStyle()
		})
	fmt.Fprintln(o, t)
}

// members writes names and values.
func (o *output) members(pairs ...string) {
	width := 0
	for i := 0; i < len(pairs); i += 2 {
		width = max(width, len(pairs[i]))
	}
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(o, "%s  %s\n", strong.Render(fmt.Sprintf("%-*s", width, pairs[i])), pairs[i+1])
	}
}

// onTerminal reports whether somebody looks at what is written.
func onTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(file.Fd())
}
