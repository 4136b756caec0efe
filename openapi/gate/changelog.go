package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const preface = `<!-- Written by openapi/gate from the releases beside it. DO NOT EDIT. -->

# Changelog of the API

What clients see of each release, the newest first. Within a major version nothing breaks that was released: something
ends only after it was deprecated, on the date given here, at least 90 days ahead. Fields and types of events that a
client does not know are to be ignored.
`

func (g gate) changelogFile() string { return filepath.Join(g.shelf(), "CHANGELOG.md") }

// changelog makes the whole changelog from the releases.
func (g gate) changelog() ([]byte, error) {
	shelf, err := g.releases()
	if err != nil {
		return nil, err
	}
	type entry struct {
		release
		before release
	}
	var entries []entry
	for _, list := range shelf {
		var before release
		for _, r := range list {
			if r.tag != draft {
				entries = append(entries, entry{r, before})
				before = r
			}
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if c := b.date.Compare(a.date); c != 0 {
			return c
		}
		return compareVersions(b.version, a.version)
	})
	var out bytes.Buffer
	out.WriteString(preface)
	for _, e := range entries {
		fmt.Fprintf(&out, "\n## Version %s, %s\n", e.version, date(e.date))
		if err := g.describe(&out, e.before, e.release); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// describe writes what one release changed; its own date is the day by which it
// is judged.
func (g gate) describe(out io.Writer, before, r release) error {
	if before.name == "" {
		fmt.Fprintf(out, "\nThe first release: %d operations.\n", len(operations(r.content)))
		return nil
	}
	g.today = r.date
	changes, err := g.compare(before.document, r.document)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		fmt.Fprintf(out, "\nOnly descriptions and examples differ.\n")
	}
	writeSections(out, changes)
	return nil
}

// writeSections writes the changes under the headings of their sections.
func writeSections(out io.Writer, changes []change) {
	for _, s := range []section{deprecated, removed, added, changed} {
		var lines []string
		for _, c := range changes {
			if c.section == s {
				lines = append(lines, "- "+line(c))
			}
		}
		slices.Sort(lines)
		if len(lines) > 0 {
			fmt.Fprintf(out, "\n### %s\n\n%s\n", s, strings.Join(lines, "\n"))
		}
	}
}

// address is the method and path of an operation in a place.
var address = regexp.MustCompile(` \([A-Z]+ /[^)]*\)`)

// line is a change as one line of Markdown. What has changed within operations is
// told by their names alone.
func line(c change) string {
	if c.whole {
		return c.String()
	}
	return address.ReplaceAllString(c.String(), "")
}

// checkChangelog fails when the changelog is not made from the releases.
func (g gate) checkChangelog() error {
	want, err := g.changelog()
	if err != nil {
		return err
	}
	have, err := os.ReadFile(g.changelogFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if !bytes.Equal(want, have) {
		return fmt.Errorf("%s is not made from the releases beside it: go run ./openapi/gate changelog", g.changelogFile())
	}
	return nil
}

// writeChangelog writes it anew.
func (g gate) writeChangelog() error {
	text, err := g.changelog()
	if err != nil {
		return err
	}
	return os.WriteFile(g.changelogFile(), text, 0o644)
}
