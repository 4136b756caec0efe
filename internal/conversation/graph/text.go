package graph

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const stamp = "2006-01-02 15:04:05"

func number(version int64) string { return strconv.FormatInt(version, 10) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Text draws the graph in lines, the newest version first. Times are UTC.
func (g Graph) Text() string {
	var out strings.Builder
	arcs, lanes := g.arcs()
	width := 1
	if len(g.Steps) > 0 {
		width = len(number(g.Steps[0].Version))
	}
	for i, st := range g.Steps {
		fmt.Fprintf(&out, "%s %*d  %s  %s\n", g.rail(i, arcs, lanes), width, st.Version, st.At.UTC().Format(stamp), g.label(st))
	}
	if g.Earlier > 0 {
		fmt.Fprintf(&out, "⋮ %s\n", plural(g.Earlier, "earlier version"))
	}
	if g.ParentID != nil && g.ParentVersion != nil {
		fmt.Fprintf(&out, "╰ forked from version %d of %s\n", *g.ParentVersion, g.ParentID)
	}
	for _, fork := range g.Forks {
		fmt.Fprintf(&out, "→ forked as %s\n", fork)
	}
	return out.String()
}

// rail is the part of a line left of its words: the version's mark and the arcs that pass it.
func (g Graph) rail(i int, arcs []arc, lanes int) string {
	cells := []rune(strings.Repeat(" ", 1+2*lanes))
	cells[0] = mark(g.Steps[i].Operation, g.Findings[g.Steps[i].Version] > 0)
	for _, a := range arcs {
		if a.from < i && i < a.to {
			cells[2+2*a.lane] = '│'
		}
	}
	for _, a := range arcs {
		if i != a.from && i != a.to {
			continue
		}
		end := 2 + 2*a.lane
		for x := 1; x < end; x++ {
			switch cells[x] {
			case ' ':
				cells[x] = '─'
			case '│':
				cells[x] = '┼'
			case '╮':
				cells[x] = '┬'
			case '╯':
				cells[x] = '┴'
			}
		}
		cells[end] = '╮'
		if i == a.to {
			cells[end] = '╯'
		}
	}
	return string(cells)
}

func mark(operation string, damaged bool) rune {
	switch {
	case damaged:
		return '✗'
	case operation == "recover":
		return '✚'
	case operation == "roll_back":
		return '◆'
	case operation == "fork", operation == "create":
		return '○'
	}
	return '●'
}

// DOT gives the graph in the language of Graphviz.
func (g Graph) DOT() string {
	var out strings.Builder
	fmt.Fprintf(&out, "digraph %q {\n\trankdir=BT;\n\tnode [shape=box, fontname=\"sans-serif\", fontsize=10];\n", g.ConversationID.String())
	for i, st := range g.Steps {
		color := ""
		if g.Findings[st.Version] > 0 {
			color = ", color=red, fontcolor=red"
		}
		fmt.Fprintf(&out, "\tv%d [label=%q%s];\n", st.Version, fmt.Sprintf("%d %s\n%s", st.Version, g.label(st), st.At.UTC().Format(time.RFC3339)), color)
		if i+1 < len(g.Steps) {
			fmt.Fprintf(&out, "\tv%d -> v%d;\n", st.Version, g.Steps[i+1].Version)
		}
		if st.Restored != nil {
			fmt.Fprintf(&out, "\tv%d -> v%d [style=dashed, constraint=false, label=\"content\"];\n", st.Version, *st.Restored)
		}
	}
	if g.ParentID != nil && g.ParentVersion != nil && len(g.Steps) > 0 {
		fmt.Fprintf(&out, "\tparent [label=%q, style=dotted];\n\tv%d -> parent;\n",
			fmt.Sprintf("version %d of\n%s", *g.ParentVersion, g.ParentID), g.Steps[len(g.Steps)-1].Version)
	}
	for i, fork := range g.Forks {
		fmt.Fprintf(&out, "\tfork%d [label=%q, style=dotted];\n", i, "forked as\n"+fork.String())
	}
	out.WriteString("}\n")
	return out.String()
}
