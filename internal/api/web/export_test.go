package web

import (
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Decode is the reader of JSON bodies.
var Decode = decode

// Formats gives the check of each format that has one.
func Formats() map[string]func(string) bool {
	checks := map[string]func(string) bool{}
	for name, f := range formats() {
		if f.check != nil {
			checks[name] = f.check
		}
	}
	return checks
}

// An Example is one value in a contract, under the pointer of its schema.
type Example struct {
	Schema string
	Value  any
}

// Examples lists the examples of every body of the contract, and of every
// parameter.
func (d *Document) Examples() []Example {
	var all []Example
	add := func(at string, content openapi3.Content) {
		for name, media := range content {
			if media.Example != nil {
				all = append(all, Example{Schema: at + "/" + escape(name) + "/schema", Value: media.Example})
			}
		}
	}
	items := d.spec.Paths.Map()
	for _, path := range slices.Sorted(maps.Keys(items)) {
		for method, op := range items[path].Operations() {
			at := "/paths/" + escape(path) + "/" + strings.ToLower(method)
			if op.RequestBody != nil {
				add(at+"/requestBody/content", op.RequestBody.Value.Content)
			}
			for status, response := range op.Responses.Map() {
				if response.Ref == "" {
					add(at+"/responses/"+status+"/content", response.Value.Content)
				}
			}
		}
	}
	for name, p := range d.spec.Components.Parameters {
		if p.Value.Example != nil {
			all = append(all, Example{Schema: "/components/parameters/" + name + "/schema", Value: p.Value.Example})
		}
	}
	return all
}

// Valid checks a value against the schema at a pointer that Examples gave, or
// that names a component, on the fast path.
func (d *Document) Valid(at string, value any) bool {
	parts := strings.Split(strings.TrimPrefix(at, "/"), "/")
	var schema *openapi3.Schema
	switch {
	case parts[0] == "components" && parts[1] == "schemas":
		schema = d.spec.Components.Schemas[parts[2]].Value
	case parts[0] == "components":
		schema = d.spec.Components.Parameters[parts[2]].Value.Schema.Value
	default:
		op := d.spec.Paths.Value(unescape(parts[1])).GetOperation(strings.ToUpper(parts[2]))
		var content openapi3.Content
		if parts[3] == "requestBody" {
			content = op.RequestBody.Value.Content
		} else {
			content = op.Responses.Value(parts[4]).Value.Content
		}
		schema = content[unescape(parts[len(parts)-2])].Schema.Value
	}
	return schema.VisitJSON(value, d.checks...) == nil
}

func escape(s string) string   { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }
func unescape(s string) string { return strings.NewReplacer("~1", "/", "~0", "~").Replace(s) }

// A Route is one operation as echo knows it.
type Route struct{ Operation, Method, Path string }

// Routes lists the operations of the contract.
func (d *Document) Routes() []Route {
	var all []Route
	for path, item := range d.spec.Paths.Map() {
		for method, op := range item.Operations() {
			echoPath := strings.NewReplacer("{", ":", "}", "").Replace(path)
			all = append(all, Route{Operation: op.OperationID, Method: method, Path: echoPath})
		}
	}
	return all
}
