package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A tree is a document, or a part of it, as it is written.
type tree = map[string]any

// A document is one bundled contract.
type document struct {
	name    string // of the major version, such as v2
	version string // its info.version, such as 2.1.0
	text    []byte
	content tree // of the text; never changed: see tree
}

// read gives the document in a file; its name is what stands before a dot or an @.
func read(file string) (document, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return document{}, err
	}
	name := filepath.Base(file)
	d := document{name: name[:strings.IndexAny(name, "@.")], text: text, content: tree{}}
	if err := yaml.Unmarshal(text, &d.content); err != nil {
		return d, fmt.Errorf("%s: %w", file, err)
	}
	d.version, _ = at(d.content, "info")["version"].(string)
	if _, err := parseVersion(d.version); err != nil {
		return d, fmt.Errorf("%s: %w", file, err)
	}
	return d, nil
}

// current gives the documents of today by name.
func (g gate) current() (map[string]document, error) {
	files, err := filepath.Glob(filepath.Join(g.root, "gen", "openapi", "v*.yaml"))
	if err != nil {
		return nil, err
	}
	all := map[string]document{}
	for _, file := range files {
		d, err := read(file)
		if err != nil {
			return nil, err
		}
		all[d.name] = d
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no documents under %s/gen/openapi", g.root)
	}
	return all, nil
}

// tree gives a copy of the content, to be changed.
func (d document) tree() tree { return clone(d.content).(tree) }

// gone is what is left of a document that is not served any more.
func (d document) gone() document {
	d.content = maps.Clone(d.content)
	d.content["paths"] = tree{}
	return d
}

// clone copies a node and all that is below it.
func clone(node any) any {
	switch node := node.(type) {
	case []any:
		list := make([]any, len(node))
		for i, part := range node {
			list[i] = clone(part)
		}
		return list
	case tree:
		t := make(tree, len(node))
		for key, part := range node {
			t[key] = clone(part)
		}
		return t
	}
	return node
}

// at follows the keys down; where one is missing it gives an empty tree.
func at(t tree, keys ...string) tree {
	for _, key := range keys {
		t, _ = t[key].(tree)
	}
	return t
}

// names gives the keys in order.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// resolve follows a reference within the document.
func resolve(doc, node tree) tree {
	for {
		ref, ok := node["$ref"].(string)
		if !ok {
			return node
		}
		node = at(doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
}

// A version is major, minor and patch.
type version [3]int

// parseVersion reads the form 2.1.0.
func parseVersion(text string) (version, error) {
	var v version
	parts := strings.Split(text, ".")
	if len(parts) != len(v) {
		return v, fmt.Errorf("the version %q is not of the form 2.1.0", text)
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return v, fmt.Errorf("the version %q is not of the form 2.1.0", text)
		}
		v[i] = n
	}
	return v, nil
}

// compareVersions orders two versions that can be read.
func compareVersions(a, b string) int {
	x, _ := parseVersion(a)
	y, _ := parseVersion(b)
	return slices.Compare(x[:], y[:])
}
