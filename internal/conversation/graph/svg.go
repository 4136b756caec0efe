package graph

import (
	"fmt"
	"html"
	"strings"
)

// Sizes of the drawing, in pixels.
const (
	rowHeight = 26
	railX     = 16
	laneWidth = 18
	textWidth = 460
)

// svgHead has the colours of the page that it is put into; by itself it is black on white.
const svgHead = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" fill="none" stroke="currentColor" font-family="system-ui, sans-serif" font-size="13">
<title>Versions of conversation %[3]s</title>
`

// SVG draws the graph, the newest version on top. It holds no script, no style and no link.
func (g Graph) SVG() string {
	var out strings.Builder
	arcs, lanes := g.arcs()
	text := railX + (lanes+1)*laneWidth
	notes := g.notes()
	fmt.Fprintf(&out, svgHead, text+textWidth, (len(g.Steps)+len(notes))*rowHeight+rowHeight/2, g.ConversationID)
	if n := len(g.Steps); n > 1 {
		fmt.Fprintf(&out, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", railX, middle(0), railX, middle(n-1))
	}
	for _, a := range arcs {
		x := railX + (a.lane+1)*laneWidth
		fmt.Fprintf(&out, "<path d=\"M%d %d C%d %d %d %d %d %d\" stroke-dasharray=\"4 3\"/>\n",
			railX, middle(a.from), x+laneWidth/2, middle(a.from), x+laneWidth/2, middle(a.to), railX, middle(a.to))
	}
	for i, st := range g.Steps {
		color := "currentColor"
		if g.Findings[st.Version] > 0 {
			color = "#c62828"
		}
		fmt.Fprintf(&out, "<circle cx=\"%d\" cy=\"%d\" r=\"5\" fill=\"%s\" stroke=\"none\"/>\n", railX, middle(i), color)
		fmt.Fprintf(&out, "<text x=\"%d\" y=\"%d\" fill=\"%s\" stroke=\"none\">%s</text>\n", text, middle(i)+4, color,
			html.EscapeString(fmt.Sprintf("%d  %s  %s", st.Version, g.label(st), st.At.UTC().Format(stamp))))
	}
	for i, note := range notes {
		fmt.Fprintf(&out, "<text x=\"%d\" y=\"%d\" fill=\"currentColor\" stroke=\"none\" opacity=\"0.7\">%s</text>\n",
			text, middle(len(g.Steps)+i)+4, html.EscapeString(note))
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func middle(row int) int { return row*rowHeight + rowHeight/2 + rowHeight/4 }

// notes are what is said below the versions.
func (g Graph) notes() (out []string) {
	if g.Earlier > 0 {
		out = append(out, plural(g.Earlier, "earlier version"))
	}
	if g.ParentID != nil && g.ParentVersion != nil {
		out = append(out, fmt.Sprintf("forked from version %d of %s", *g.ParentVersion, g.ParentID))
	}
	for _, fork := range g.Forks {
		out = append(out, "forked as "+fork.String())
	}
	return out
}
