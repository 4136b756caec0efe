// Package events_test is the law of the domain events: which there are, what
// their data may hold, and how it may change. It proves that the Go types of
// gen/events and the table of docs/events.md say the same.
package events_test

import (
	"encoding/json"
	"flag"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

var (
	update = flag.Bool("update", false, "write the released shapes and the table of docs/events.md anew")
	gen    = filepath.Join("..", "..", "gen", "events", "events.yaml")
)

// A payload is the schema of one type's data.
type payload struct {
	*openapi3.Schema
	Name  string // of the schema
	Event struct {
		Type      string
		Version   int
		Aggregate string
	}
}

// schemas gives all there are in the bundle.
func schemas(t *testing.T) openapi3.Schemas {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(gen)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context(), openapi3.DisableSchemaFormatValidation()))
	return doc.Components.Schemas
}

// payloads gives those that have an x-event, sorted by name.
func payloads(t *testing.T) []payload {
	t.Helper()
	all := payloadsOf(t, schemas(t))
	require.Greater(t, len(all), 40, "the events must be seen")
	return all
}

func payloadsOf(t *testing.T, from openapi3.Schemas) []payload {
	t.Helper()
	var all []payload
	for _, name := range slices.Sorted(maps.Keys(from)) {
		said, ok := from[name].Value.Extensions["x-event"]
		if !ok {
			continue
		}
		p := payload{Schema: from[name].Value, Name: name}
		text, err := json.Marshal(said)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &p.Event))
		all = append(all, p)
	}
	return all
}

// schemasOf reads schemas that a test makes up.
func schemasOf(t *testing.T, text string) openapi3.Schemas {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte("openapi: 3.1.1\ninfo: {title: t, version: '1'}\ncomponents:\n  schemas:\n" + text))
	require.NoError(t, err)
	return doc.Components.Schemas
}

// fields gives the names of a schema's properties, sorted.
func fields(s *openapi3.Schema) []string { return slices.Sorted(maps.Keys(s.Properties)) }
