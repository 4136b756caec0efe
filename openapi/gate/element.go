package main

import (
	"fmt"
	"slices"
	"strings"
)

// An element is what can be deprecated by itself and taken out of a document: an
// operation, a parameter or a field. Components are among them, as owners of fields.
type element struct {
	label  string // for people, such as field `code` of `Language`
	owner  string // where what it is a part of stands; empty for an operation
	node   tree
	remove func() // takes it out of its tree; nil for a component
}

// elements gives all elements of a document by where they stand. The same thing
// stands at the same place in each form of the document.
func elements(doc tree) map[string]element {
	w := walker{doc, map[string]element{}}
	for _, op := range operations(doc) {
		w.operation(op)
	}
	for _, group := range []string{"schemas", "parameters", "headers", "requestBodies", "responses"} {
		for name, node := range at(doc, "components", group) {
			place := group + "/" + name
			e := element{label: "`" + name + "`"}
			if group == "schemas" {
				e.node = asTree(node)
			}
			w.found[place] = e
			w.fields(node, place, place, name, "")
		}
	}
	return w.found
}

// A walker collects elements.
type walker struct {
	doc   tree
	found map[string]element
}

func (w walker) operation(op operation) {
	place := op.method + " " + op.path
	item := at(w.doc, "paths", op.path)
	w.found[place] = element{label: op.String(), node: op.node, remove: func() {
		delete(item, op.method)
		if !slices.ContainsFunc(names(item), isMethod) {
			delete(at(w.doc, "paths"), op.path)
		}
	}}
	parameters, _ := op.node["parameters"].([]any)
	for _, p := range parameters {
		node := resolve(w.doc, asTree(p))
		w.found[fmt.Sprintf("%s ?%v:%v", place, node["in"], node["name"])] = element{
			label: fmt.Sprintf("parameter `%v` of `%s`", node["name"], op.id), owner: place, node: node,
			remove: func() { removeParameter(w.doc, op.node, node) },
		}
	}
	w.fields(op.node, place, place, op.id, "")
}

// removeParameter takes a parameter out of its operation.
func removeParameter(doc, op, gone tree) {
	parameters, _ := op["parameters"].([]any)
	op["parameters"] = slices.DeleteFunc(parameters, func(p any) bool {
		node := resolve(doc, asTree(p))
		return node["in"] == gone["in"] && node["name"] == gone["name"]
	})
}

// fields collects the fields below a node. The owner is the element around it,
// top what the field's label names at last, and route the way there by fields.
func (w walker) fields(node any, place, owner, top, route string) {
	switch node := node.(type) {
	case []any:
		for i, part := range node {
			w.fields(part, fmt.Sprintf("%s/%d", place, i), owner, top, route)
		}
	case tree:
		properties := at(node, "properties")
		for _, name := range names(properties) {
			at, route := place+"/properties/"+name, join(route, name)
			w.found[at] = element{label: fmt.Sprintf("field `%s` of `%s`", route, top), owner: owner, node: asTree(properties[name]),
				remove: func() { removeField(node, name) }}
			w.fields(properties[name], at, at, top, route)
		}
		for _, key := range names(node) {
			if key != "properties" && !isValue(key) {
				w.fields(node[key], place+"/"+key, owner, top, route)
			}
		}
	}
}

// removeField takes a field out of its schema, with its being required.
func removeField(schema tree, name string) {
	delete(at(schema, "properties"), name)
	required, _ := schema["required"].([]any)
	schema["required"] = slices.DeleteFunc(required, func(r any) bool { return r == name })
}

// isValue reports whether a key of the document holds data, which may look like
// anything, also like a schema.
func isValue(key string) bool {
	return strings.HasPrefix(key, "x-") || slices.Contains([]string{"example", "examples", "default", "enum", "const"}, key)
}

func join(route, name string) string {
	if route == "" {
		return name
	}
	return route + "." + name
}
