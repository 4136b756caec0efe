package main

import (
	"fmt"
	"strings"
)

// compare gives the changes from a released document to another form of it.
func (g gate) compare(base, next document) ([]change, error) {
	b, err := base.parse()
	if err != nil {
		return nil, err
	}
	n, err := next.parse()
	if err != nil {
		return nil, err
	}
	before, after := elements(b), elements(n)
	all := append(endings(before, after, g.today), grown(before, after)...)
	all = append(all, basePaths(b, n)...)
	prepare(b)
	prepare(n)
	found, err := g.shapes(b, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", next.name, err)
	}
	return merge(append(all, found...)), nil
}

// prepare leaves in a tree what oasdiff shall judge: the shapes. Deprecation is
// judged by endings, and no other extension may soften a rule.
func prepare(doc tree) {
	openStreams(doc)
	strip(doc, false)
}

// strip takes deprecation and all extensions out of a node. Where the keys are
// names, none is an extension.
func strip(node any, keysAreNames bool) {
	switch node := node.(type) {
	case []any:
		for _, part := range node {
			strip(part, false)
		}
	case tree:
		for _, key := range names(node) {
			if !keysAreNames && (key == "deprecated" || strings.HasPrefix(key, "x-")) {
				delete(node, key)
				continue
			}
			strip(node[key], !keysAreNames && (key == "properties" || key == "headers"))
		}
	}
}

// grown tells which open enumerations have more values, and adds these to the
// released ones, so that oasdiff sees none. An enumeration is open when the
// release says so with x-open-enum: its clients were told to expect more.
func grown(base, next map[string]element) []change {
	var all []change
	for _, place := range names(base) {
		before, after := base[place], next[place]
		if before.node["x-open-enum"] != true {
			continue
		}
		old, _ := before.node["enum"].([]any)
		now, _ := after.node["enum"].([]any)
		for _, value := range missing(now, old) {
			old = append(old, value)
			all = append(all, change{rule: "open-enum-value-added", level: fine, sort: added,
				places: []string{before.label}, text: fmt.Sprintf("may be `%v`", value)})
		}
		before.node["enum"] = old
	}
	return all
}

// missing gives the values that are in one list and not in the other.
func missing(in, from []any) []any {
	var out []any
	for _, value := range in {
		found := false
		for _, other := range from {
			found = found || other == value
		}
		if !found {
			out = append(out, value)
		}
	}
	return out
}

// basePaths tells when the paths of a document begin otherwise than they did.
func basePaths(base, next tree) []change {
	var all []change
	for _, url := range missing(urls(base), urls(next)) {
		all = append(all, change{rule: "server-removed", level: breaking, sort: removed,
			text: fmt.Sprintf("the server `%v` is gone", url), advice: advice("server-removed")})
	}
	return all
}

func urls(doc tree) []any {
	var all []any
	servers, _ := doc["servers"].([]any)
	for _, server := range servers {
		all = append(all, asTree(server)["url"])
	}
	return all
}
