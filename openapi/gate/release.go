package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
)

// release writes a release of every named document, or of all, that has changed
// since its last one, and the changelog. It writes nothing when one is refused.
func (g gate) release(only []string) error {
	all, err := g.states()
	if err != nil {
		return err
	}
	var due []state
	var refused []error
	for _, s := range all {
		if !s.served || s.released && s.same() || len(only) > 0 && !slices.Contains(only, s.name) {
			continue
		}
		if err := s.releasable(); err != nil {
			g.report(s)
			refused = append(refused, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		due = append(due, s)
	}
	if err := errors.Join(refused...); err != nil {
		return err
	}
	for _, s := range due {
		line := fmt.Sprintf("# Released on %s from gen/openapi/%s.yaml. Never edited: openapi/gate compares with it.", date(g.today), s.name)
		if err := g.put(s.document, s.version, line); err != nil {
			return err
		}
		if err := os.Remove(g.file(s.name, draft)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		fmt.Fprintf(g.out, "released %s %s\n", s.name, s.version)
	}
	if len(due) == 0 {
		fmt.Fprintln(g.out, "nothing has changed since the last releases")
	}
	return g.writeChangelog()
}

// same reports whether the document is its last release, but for the first line.
func (s state) same() bool {
	_, released, _ := bytes.Cut(s.last.text, []byte("\n"))
	_, now, _ := bytes.Cut(s.text, []byte("\n"))
	return bytes.Equal(released, now)
}

// releasable says why a document that has changed must not be released.
func (s state) releasable() error {
	v, _ := parseVersion(s.version)
	if fmt.Sprintf("v%d", v[0]) != s.name {
		return fmt.Errorf("its info.version is %s, but a new major version is a new document", s.version)
	}
	if !s.released {
		return nil
	}
	last, _ := parseVersion(s.last.version)
	switch {
	case breaks(s.changes):
		return errBlocked
	case slices.Compare(v[:], last[:]) <= 0:
		return fmt.Errorf("it has changed since release %s: raise its info.version, which is %s", s.last.version, s.version)
	case len(s.changes) > 0 && v[1] == last[1]:
		return fmt.Errorf("clients see what has changed since release %s: raise the minor version, not the patch", s.last.version)
	}
	return nil
}

// draft keeps the named documents, none of which is released, as what their
// changes are reported against.
func (g gate) draft(only []string) error {
	all, err := g.states()
	if err != nil {
		return err
	}
	if len(only) == 0 {
		return errors.New("which document?")
	}
	for _, name := range only {
		i := slices.IndexFunc(all, func(s state) bool { return s.served && s.name == name })
		if i < 0 {
			return fmt.Errorf("there is no document %s", name)
		}
		if all[i].released {
			return fmt.Errorf("%s is released: it has no drafts any more", name)
		}
		line := fmt.Sprintf("# Drafted on %s from gen/openapi/%s.yaml: no promise. openapi/gate reports what differs from it.", date(g.today), name)
		if err := g.put(all[i].document, draft, line); err != nil {
			return err
		}
	}
	return nil
}
