package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// draft stands in the place of a version while there is none.
const draft = "draft"

// A release is a document as it was released, and when. A draft is none, and has
// no date.
type release struct {
	document
	tag  string // its version, or draft
	date time.Time
}

// dated finds the date in the first line of a release.
var dated = regexp.MustCompile(`^# Released on (\d{4}-\d{2}-\d{2})`)

func (g gate) shelf() string { return filepath.Join(g.root, "openapi", "released") }

// releases gives all releases of each document, the oldest first; a draft is the
// only one, or it comes before all.
func (g gate) releases() (map[string][]release, error) {
	files, err := filepath.Glob(filepath.Join(g.shelf(), "v*@*.yaml"))
	if err != nil {
		return nil, err
	}
	all := map[string][]release{}
	for _, file := range files {
		r, err := readRelease(file)
		if err != nil {
			return nil, err
		}
		all[r.name] = append(all[r.name], r)
	}
	for _, list := range all {
		slices.SortFunc(list, func(a, b release) int {
			if a.tag == draft || b.tag == draft {
				return strings.Compare(b.tag, a.tag)
			}
			return compareVersions(a.version, b.version)
		})
	}
	return all, nil
}

// readRelease reads one and checks that it is what its name says.
func readRelease(file string) (release, error) {
	d, err := read(file)
	if err != nil {
		return release{}, err
	}
	_, tag, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".yaml"), "@")
	r := release{document: d, tag: tag}
	if tag == draft {
		return r, nil
	}
	if tag != d.version {
		return r, fmt.Errorf("%s: its info.version is %s", file, d.version)
	}
	found := dated.FindSubmatch(d.text)
	if found == nil {
		return r, fmt.Errorf("%s: its first line does not say when it was released", file)
	}
	r.date, err = time.Parse(time.DateOnly, string(found[1]))
	return r, err
}

// newest gives the release to compare with; without one it is a draft or nothing.
func newest(list []release) (release, bool) {
	if len(list) == 0 {
		return release{}, false
	}
	return list[len(list)-1], true
}

// put writes a document to the shelf under a tag and a first line.
func (g gate) put(d document, tag, line string) error {
	if err := os.MkdirAll(g.shelf(), 0o755); err != nil {
		return err
	}
	body := d.text
	if strings.HasPrefix(string(body), "#") {
		_, rest, _ := strings.Cut(string(body), "\n")
		body = []byte(rest)
	}
	return os.WriteFile(g.file(d.name, tag), append([]byte(line+"\n"), body...), 0o644)
}

func (g gate) file(name, tag string) string {
	return filepath.Join(g.shelf(), name+"@"+tag+".yaml")
}
