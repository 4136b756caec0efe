package events_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// slugs are tried in turn where a pattern must be met.
var slugs = []string{"senior_management", "model.timeout", "zh-Hant", "listUsers"}

// example makes a value that a schema allows.
func example(t *testing.T, s *openapi3.Schema) any {
	t.Helper()
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type.Is("array"):
		return []any{example(t, s.Items.Value)}
	case s.Type.Is("boolean"):
		return true
	case s.Type.Is("integer"):
		return 3
	case s.Format == "uuid":
		return "0199b1a4-6f0e-7c55-9a51-3d2f8f6f1c20"
	case s.Format == "date-time":
		return "2026-09-01T08:30:00Z"
	}
	i := slices.IndexFunc(slugs, regexp.MustCompile(s.Pattern).MatchString)
	require.GreaterOrEqual(t, i, 0, "no example of %s", s.Pattern)
	return slugs[i]
}

// data makes the data of an event: with every field, or with the required ones.
func data(t *testing.T, p payload, whole bool) []byte {
	t.Helper()
	object := map[string]any{}
	for name, property := range p.Properties {
		if whole || slices.Contains(p.Required, name) {
			object[name] = example(t, property.Value)
		}
	}
	text, err := json.Marshal(object)
	require.NoError(t, err)
	return text
}

func TestDataRoundTrips(t *testing.T) {
	t.Parallel()
	for _, p := range payloads(t) {
		for _, whole := range []bool{true, false} {
			text := data(t, p, whole)
			typed := reflect.New(reflect.TypeOf(types[p.Event.Type]))
			strict := json.NewDecoder(bytes.NewReader(text))
			strict.DisallowUnknownFields()
			require.NoError(t, strict.Decode(typed.Interface()), p.Name)
			again, err := json.Marshal(typed.Elem().Interface())
			require.NoError(t, err)
			require.JSONEq(t, string(text), string(again), p.Name)
		}
	}
}

func TestAReaderIgnoresWhatANewerNodeAdds(t *testing.T) {
	t.Parallel()
	var read events.TaskProgressed
	require.NoError(t, json.Unmarshal([]byte(`{"done":2,"total":3,"kind":"learning_plan","added_later":{"deep":[1]}}`), &read))
	require.Equal(t, events.TaskProgressed{Done: 2, Total: 3, Kind: "learning_plan"}, read)
}

// What a node writes, put into its envelope as the database does it, is what the
// document promises to whoever reads it in another language.
func TestAnEventInItsEnvelopeMatchesTheDocument(t *testing.T) {
	t.Parallel()
	validate := validator(t)
	at := time.Date(2026, 9, 1, 8, 30, 0, 0, time.UTC)
	origin := telemetry.Origin{ActorID: uuid.New(), CorrelationID: "request-7", CausationID: uuid.New()}
	for _, p := range payloads(t) {
		typed := reflect.New(reflect.TypeOf(types[p.Event.Type]))
		require.NoError(t, json.Unmarshal(data(t, p, true), typed.Interface()))
		for _, ctx := range []telemetry.Origin{origin, {}} {
			e, err := outbox.New(telemetry.WithOrigin(t.Context(), ctx), at, uuid.New(), typed.Elem().Interface().(outbox.Data))
			require.NoError(t, err)
			e.Position, e.RecordedAt = 1, at
			require.NoError(t, validate("Envelope", e), p.Name)
			require.NoError(t, validate(p.Name, e.Data), p.Name)
		}
	}
}

func TestAnEventOfAnotherShapeIsSeen(t *testing.T) {
	t.Parallel()
	validate := validator(t)
	for name, text := range map[string]string{
		"TaskQueued":     `{"task_id":"0199b1a4-6f0e-7c55-9a51-3d2f8f6f1c20","user_id":"0199b1a4-6f0e-7c55-9a51-3d2f8f6f1c20"}`,
		"SessionRevoked": `{"session_id":"0199b1a4-6f0e-7c55-9a51-3d2f8f6f1c20","user_id":"0199b1a4-6f0e-7c55-9a51-3d2f8f6f1c20","reason":"a whim"}`,
		"Envelope":       `{}`,
	} {
		require.Error(t, validate(name, json.RawMessage(text)), name)
	}
}

// validator checks values' JSON against the schemas of the bundle, by another
// implementation of JSON Schema than the one that made the bundle.
func validator(t *testing.T) func(name string, value any) error {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	text, err := json.Marshal(map[string]any{"components": map[string]any{"schemas": schemas(t)}})
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, compiler.AddResource("events.json", doc))
	return func(name string, value any) error {
		schema, err := compiler.Compile("events.json#/components/schemas/" + name)
		require.NoError(t, err)
		text, err := json.Marshal(value)
		require.NoError(t, err)
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		return schema.Validate(instance)
	}
}
