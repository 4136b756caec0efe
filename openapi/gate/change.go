package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A level says what a change means for a client.
type level int

const (
	fine     level = iota // no client sees a difference it must not expect
	warning               // it may matter; whoever changes it must judge
	breaking              // a client that kept to the old document may fail
)

func (l level) String() string { return [...]string{"fine", "warning", "breaking"}[l] }

// A section is where the changelog tells of a change.
type section string

const (
	deprecated section = "Deprecated"
	removed    section = "Removed"
	added      section = "Added"
	changed    section = "Changed"
)

// A change is one difference between two forms of a document.
type change struct {
	rule    string
	level   level
	section section
	places  []string // operations as `listRoles` (GET /roles), or elements by their labels; empty: the document
	text    string   // what has changed there
	whole   bool     // the place is the subject of the text: it is new, it has gone
	advice  string   // what to do when it is breaking
}

// merge makes one change of those that say the same of several places, and puts
// the grave ones first.
func merge(all []change) []change {
	var merged []change
	index := map[string]int{}
	for _, c := range all {
		key := c.rule + "\n" + c.text
		if i, ok := index[key]; ok && !c.whole {
			merged[i].places = append(merged[i].places, c.places...)
			continue
		}
		index[key] = len(merged)
		merged = append(merged, c)
	}
	for i := range merged {
		slices.Sort(merged[i].places)
		merged[i].places = slices.Compact(merged[i].places)
	}
	slices.SortStableFunc(merged, func(a, b change) int {
		return cmp.Or(cmp.Compare(b.level, a.level), slices.Compare(a.places, b.places), cmp.Compare(a.text, b.text))
	})
	return merged
}

// breaks reports whether any of the changes is breaking.
func breaks(all []change) bool {
	return slices.ContainsFunc(all, func(c change) bool { return c.level == breaking })
}

// printChanges writes the changes for whoever made them; of many places it names
// three.
func printChanges(out io.Writer, all []change) {
	for _, c := range all {
		if n := len(c.places); n > 4 {
			c.places = append(slices.Clone(c.places[:3]), fmt.Sprintf("and %d more", n-3))
		}
		fmt.Fprintf(out, "  %-8s  %s\n", c.level, c)
		switch c.level {
		case breaking:
			fmt.Fprintf(out, "            [%s] %s\n", c.rule, c.advice)
		case warning:
			fmt.Fprintf(out, "            [%s]\n", c.rule)
		}
	}
}

// String is the change as a sentence.
func (c change) String() string {
	switch {
	case len(c.places) == 0:
		return c.text
	case c.whole:
		return c.places[0] + " " + c.text
	}
	return strings.Join(c.places, ", ") + ": " + c.text
}
