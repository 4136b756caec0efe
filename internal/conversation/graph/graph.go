// Package graph draws the history of a conversation: its versions in a line, the steps back and
// recoveries as arcs to the version whose content they have, and what was forked from it. As
// text for a terminal, as SVG or DOT (graphviz.org) for a ticket.
package graph

import (
	"slices"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// MaxSteps is how many versions are drawn at most, the newest.
const MaxSteps = 500

// Graph is a history to be drawn.
type Graph struct {
	ConversationID uuid.UUID
	ParentID       *uuid.UUID // that it was forked from; nil: none
	ParentVersion  *int64
	Forks          []uuid.UUID   // that were forked from it
	Steps          []record.Step // the newest first
	Findings       map[int64]int // how many there are about a version
	Earlier        int           // versions before those of Steps
}

// Of gives the graph of a record with what verification has found of it.
func Of(r *record.Record, findings []record.Finding, forks []uuid.UUID) Graph {
	g := Graph{
		ConversationID: r.Head.ID, ParentID: r.Head.ParentID, ParentVersion: r.Head.ParentVersion, Forks: forks,
		Steps: r.History(MaxSteps), Findings: map[int64]int{},
	}
	g.Earlier = len(r.Versions) - len(g.Steps)
	for _, f := range findings {
		g.Findings[f.Version]++
	}
	return g
}

// arc goes from a version to the older one whose content it has.
type arc struct {
	from, to int // places in Steps; to is the greater
	lane     int
}

// arcs are laid into lanes so that no two in one lane overlap, the short ones inside.
func (g Graph) arcs() (all []arc, lanes int) {
	places := make(map[int64]int, len(g.Steps))
	for i, st := range g.Steps {
		places[st.Version] = i
	}
	for i, st := range g.Steps {
		if st.Restored == nil {
			continue
		}
		if to, drawn := places[*st.Restored]; drawn && to > i {
			all = append(all, arc{from: i, to: to})
		}
	}
	slices.SortStableFunc(all, func(a, b arc) int { return (a.to - a.from) - (b.to - b.from) })
	for i := range all {
		for slices.ContainsFunc(all[:i], func(b arc) bool { return b.lane == all[i].lane && b.from <= all[i].to && all[i].from <= b.to }) {
			all[i].lane++
		}
		lanes = max(lanes, all[i].lane+1)
	}
	return all, lanes
}

// label is what a step says of itself beside its number.
func (g Graph) label(st record.Step) string {
	text := st.Operation
	if st.Restored != nil {
		text += " to " + number(*st.Restored)
	}
	if n := g.Findings[st.Version]; n > 0 {
		text += ", " + plural(n, "finding")
	}
	return text
}
