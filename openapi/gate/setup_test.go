package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// day is when the tests take place, 274 days before version 1 ends.
var day = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// original gives a real document, which others may have changed: what a test alters
// in it must be what only a new major version would change.
func original(t *testing.T, name string) document {
	t.Helper()
	all, err := readOriginals()
	require.NoError(t, err)
	return all[name]
}

var readOriginals = sync.OnceValues(gate{root: filepath.Join("..", "..")}.current)

// An edit alters a document.
type edit func(t *testing.T, doc tree)

// edited gives a document after some edits.
func edited(t *testing.T, d document, edits ...edit) document {
	t.Helper()
	doc := d.tree()
	for _, alter := range edits {
		alter(t, doc)
	}
	d.content, d.version = doc, at(doc, "info")["version"].(string)
	return d
}

// node gives what stands at a place that must be there.
func node(t *testing.T, doc tree, keys ...string) tree {
	t.Helper()
	found := at(doc, keys...)
	require.NotEmpty(t, found, strings.Join(keys, " "))
	return found
}

// set puts a value at the end of the keys; nil removes what is there.
func set(value any, keys ...string) edit {
	return func(t *testing.T, doc tree) {
		t.Helper()
		last := len(keys) - 1
		parent := node(t, doc, keys[:last]...)
		if value != nil {
			parent[keys[last]] = value
			return
		}
		require.Contains(t, parent, keys[last])
		delete(parent, keys[last])
	}
}

// all makes one edit of several.
func all(edits ...edit) edit {
	return func(t *testing.T, doc tree) {
		t.Helper()
		for _, alter := range edits {
			alter(t, doc)
		}
	}
}

// without takes a value out of the list at the end of the keys.
func without(value any, keys ...string) edit {
	return func(t *testing.T, doc tree) {
		t.Helper()
		last := len(keys) - 1
		parent := node(t, doc, keys[:last]...)
		list, _ := parent[keys[last]].([]any)
		require.Contains(t, list, value)
		parent[keys[last]] = slices.DeleteFunc(list, func(v any) bool { return v == value })
	}
}

// with puts a value at the end of a list.
func with(value any, keys ...string) edit {
	return func(t *testing.T, doc tree) {
		t.Helper()
		last := len(keys) - 1
		parent := node(t, doc, keys[:last]...)
		list, _ := parent[keys[last]].([]any)
		parent[keys[last]] = append(list, value)
	}
}

// field takes a field out of a schema.
func withoutField(schema, name string) edit {
	return func(t *testing.T, doc tree) {
		t.Helper()
		s := node(t, doc, "components", "schemas", schema)
		require.Contains(t, at(s, "properties"), name)
		removeField(s, name)
	}
}

// parameter finds one of an operation.
func parameter(t *testing.T, doc tree, path, name string) tree {
	t.Helper()
	for _, p := range node(t, doc, "paths", path, "get")["parameters"].([]any) {
		if found := resolve(doc, asTree(p)); found["name"] == name {
			return found
		}
	}
	require.Fail(t, "no parameter "+name)
	return nil
}

// withoutParameter takes a query parameter out of a GET.
func withoutParameter(path, name string) edit {
	return func(t *testing.T, doc tree) {
		t.Helper()
		removeParameter(doc, node(t, doc, "paths", path, "get"), parameter(t, doc, path, name))
	}
}

// compared gives the changes that the edit makes to a real document.
func compared(t *testing.T, base document, alter edit) []change {
	t.Helper()
	changes, err := (gate{today: day, oasdiff: builtOasdiff}).compare(base, edited(t, base, alter))
	require.NoError(t, err)
	return changes
}

// A repository is a root with documents and releases.
type repository struct {
	gate
	out *bytes.Buffer
}

// small gives a real document with a few of its paths and what these need.
func small(t *testing.T, name string) document {
	t.Helper()
	return edited(t, original(t, name), func(t *testing.T, doc tree) {
		t.Helper()
		kept := tree{}
		for _, path := range []string{"/auth/login", "/users/me", "/partners", "/situations", "/roles", "/sessions",
			"/conversations/{conversation_id}/messages"} {
			if item := at(doc, "paths", path); item != nil {
				kept[path] = item
			}
		}
		doc["paths"] = kept
		used := map[string]bool{}
		reach(doc, kept, used)
		for kind, group := range at(doc, "components") {
			for name := range asTree(group) {
				if kind != "securitySchemes" && !used["#/components/"+kind+"/"+name] {
					delete(asTree(group), name)
				}
			}
		}
	})
}

// reach notes what a node refers to, and takes the examples out of it.
func reach(doc tree, node any, used map[string]bool) {
	switch node := node.(type) {
	case []any:
		for _, part := range node {
			reach(doc, part, used)
		}
	case tree:
		delete(node, "example")
		if ref, ok := node["$ref"].(string); ok && !used[ref] {
			used[ref] = true
			reach(doc, resolve(doc, node), used)
		}
		for _, part := range node {
			reach(doc, part, used)
		}
	}
}

// setup gives a repository in which version 1 is released and version 2 has a
// draft, both small.
func setup(t *testing.T) repository {
	t.Helper()
	out := &bytes.Buffer{}
	r := repository{gate{root: t.TempDir(), today: day, oasdiff: builtOasdiff, out: out}, out}
	for _, name := range []string{"v1", "v2"} {
		r.write(t, small(t, name))
	}
	require.NoError(t, r.run("release", []string{"v1"}))
	require.NoError(t, r.run("draft", []string{"v2"}))
	require.NoError(t, r.run("check", nil))
	out.Reset()
	return r
}

// write makes a document that of today.
func (r repository) write(t *testing.T, d document) {
	t.Helper()
	file := filepath.Join(r.root, "gen", "openapi", d.name+".yaml")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	text, err := yaml.Marshal(d.content)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append([]byte("# Code generated.\n"), text...), 0o600))
}
