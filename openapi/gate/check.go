package main

import "fmt"

// A state is a document with what it is compared with.
type state struct {
	document
	last     release
	compared bool // whether there is something to compare with
	released bool // whether it blocks
	served   bool // whether it is a document of today
	changes  []change
}

// states compares every document with its newest release, and every release that
// has no document any more with nothing.
func (g gate) states() ([]state, error) {
	documents, err := g.current()
	if err != nil {
		return nil, err
	}
	shelf, err := g.releases()
	if err != nil {
		return nil, err
	}
	var all []state
	for _, name := range names(documents) {
		all = append(all, state{document: documents[name], served: true})
	}
	for _, name := range names(shelf) {
		if last, _ := newest(shelf[name]); documents[name].name == "" {
			all = append(all, state{document: last.gone()})
		}
	}
	for i := range all {
		s := &all[i]
		s.last, s.compared = newest(shelf[s.name])
		s.released = s.compared && s.last.tag != draft
		if s.compared {
			if s.changes, err = g.compare(s.last.document, s.document); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// check prints what differs from the releases, and fails when that would break a
// client of a released document, or the changelog is not what it should be.
func (g gate) check() error {
	all, err := g.states()
	if err != nil {
		return err
	}
	blocked := false
	for _, s := range all {
		g.report(s)
		blocked = blocked || s.released && breaks(s.changes)
	}
	if err := g.checkChangelog(); err != nil {
		return err
	}
	if blocked {
		return errBlocked
	}
	return nil
}

// report prints one document.
func (g gate) report(s state) {
	switch {
	case !s.served:
		fmt.Fprintf(g.out, "%s is not served any more:\n", s.name)
	case !s.compared:
		fmt.Fprintf(g.out, "%s is not released yet and has no draft: nothing to compare with, nothing blocks.\n", s.name)
	case !s.released && len(s.changes) > 0:
		fmt.Fprintf(g.out, "%s is not released yet: this differs from its draft and blocks nothing until it is.\n", s.name)
	case len(s.changes) > 0:
		fmt.Fprintf(g.out, "%s differs from its release %s:\n", s.name, s.last.tag)
	default:
		fmt.Fprintf(g.out, "%s is compatible with its %s: nothing that clients see has changed.\n", s.name, s.last.describe())
	}
	printChanges(g.out, s.changes)
}

// describe names the release.
func (r release) describe() string {
	if r.tag == draft {
		return "draft"
	}
	return "release " + r.tag
}
