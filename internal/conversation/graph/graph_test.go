package graph_test

import (
	"encoding/xml"
	"errors"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation/graph"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

func steps(operations ...string) (out []record.Step) {
	at := time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)
	for i, operation := range operations {
		st := record.Step{Version: int64(i + 1), At: at.Add(time.Duration(i) * time.Minute)}
		st.Operation, st.Restored = operation, nil
		if name, to, back := strings.Cut(operation, ">"); back {
			st.Operation, st.Restored = name, new(int64(to[0]-'0'))
		}
		out = append([]record.Step{st}, out...)
	}
	return out
}

func drawn() graph.Graph {
	return graph.Graph{
		ConversationID: uuid.UUID{15: 1}, ParentID: &uuid.UUID{15: 2}, ParentVersion: new(int64(4)), Forks: []uuid.UUID{{15: 3}},
		Steps:    steps("fork", "add_message", "complete_reply", "roll_back>2", "add_message", "recover>1", "roll_back>5"),
		Findings: map[int64]int{3: 2, 5: 1}, Earlier: 0,
	}
}

func TestAHistoryIsDrawnInLines(t *testing.T) {
	require.Equal(t, strings.TrimPrefix(`
◆─╮   7  2026-11-03 09:06:00  roll_back to 5
✚─┼─╮ 6  2026-11-03 09:05:00  recover to 1
✗─╯ │ 5  2026-11-03 09:04:00  add_message, 1 finding
◆─╮ │ 4  2026-11-03 09:03:00  roll_back to 2
✗ │ │ 3  2026-11-03 09:02:00  complete_reply, 2 findings
●─╯ │ 2  2026-11-03 09:01:00  add_message
○───╯ 1  2026-11-03 09:00:00  fork
╰ forked from version 4 of 00000000-0000-0000-0000-000000000002
→ forked as 00000000-0000-0000-0000-000000000003
`, "\n"), drawn().Text())
	require.Equal(t, "● 2  2026-11-03 09:01:00  add_message\n○ 1  2026-11-03 09:00:00  create\n", graph.Graph{Steps: steps("create", "add_message")}.Text())
	require.Empty(t, graph.Graph{}.Text())
	g := drawn()
	g.Steps, g.Earlier = g.Steps[:2], 5
	require.Contains(t, g.Text(), "⋮ 5 earlier versions\n", "arcs to what is not drawn are left out")
}

func TestAHistoryIsDrawnAsSVG(t *testing.T) {
	g := drawn()
	svg := g.SVG()
	circles, paths, words := 0, 0, ""
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			require.Contains(t, []string{"svg", "title", "line", "path", "circle", "text"}, token.Name.Local)
			switch token.Name.Local {
			case "circle":
				circles++
			case "path":
				paths++
			}
		case xml.CharData:
			words += string(token)
		}
	}
	require.Equal(t, 7, circles)
	require.Equal(t, 3, paths)
	require.Contains(t, words, "6  recover to 1  2026-11-03 09:05:00")
	require.Contains(t, words, "forked as 00000000-0000-0000-0000-000000000003")
	g.Steps[0].Operation = `<script>&"`
	require.Contains(t, g.SVG(), "&lt;script&gt;&amp;")
}

func TestAHistoryIsDrawnInDOT(t *testing.T) {
	dot := drawn().DOT()
	require.Contains(t, dot, "v6 -> v5;")
	require.Contains(t, dot, `v6 -> v1 [style=dashed, constraint=false, label="content"];`)
	require.Contains(t, dot, `v3 [label="3 complete_reply, 2 findings\n2026-11-03T09:02:00Z", color=red, fontcolor=red];`)
	require.Contains(t, dot, "v1 -> parent;")
	require.Equal(t, strings.Count(dot, "{"), strings.Count(dot, "}"))
}
