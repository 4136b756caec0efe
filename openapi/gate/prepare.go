package main

import "strings"

// prepare leaves in a tree what oasdiff shall judge: the shapes. Deprecation is
// judged by endings, and no other extension may soften a rule.
func prepare(doc tree) {
	openStreams(doc)
	openSockets(doc)
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
