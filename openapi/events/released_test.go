package events_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// A shape is what readers rely on: the form of each field.
type shape map[string]string

// releases are the shapes that were ever released, by type and version, such as
// "user.registered 1". Events of all of them may be in an outbox.
type releases map[string]shape

const optional = ", optional"

// shapeOf gives the shape of an object.
func shapeOf(s *openapi3.Schema) shape {
	of := shape{}
	for name, property := range s.Properties {
		of[name] = form(property.Value)
		if !slices.Contains(s.Required, name) {
			of[name] += optional
		}
	}
	return of
}

// form says in words what a reader may expect of a value.
func form(s *openapi3.Schema) string {
	switch {
	case s.Type.Is("array"):
		return "list of " + form(s.Items.Value)
	case len(s.Enum) > 0:
		choices := make([]string, 0, len(s.Enum))
		for _, choice := range s.Enum {
			choices = append(choices, fmt.Sprint(choice))
		}
		slices.Sort(choices)
		return "one of " + strings.Join(choices, "|")
	case s.Pattern != "":
		return fmt.Sprintf("string like %s, at most %d", s.Pattern, *s.MaxLength)
	case s.Format == "uuid", s.Format == "date-time":
		return s.Format
	}
	return s.Type.Slice()[0]
}

// bears reports whether a reader of the old form understands the new one: it is
// the same, or has more choices, of which a reader ignores those it does not know.
func bears(old, now string) bool {
	before, had, enum := strings.Cut(old, "one of ")
	after, has, still := strings.Cut(now, "one of ")
	if !enum || !still || before != after || strings.HasSuffix(had, optional) != strings.HasSuffix(has, optional) {
		return old == now
	}
	choices := strings.Split(strings.TrimSuffix(has, optional), "|")
	for _, choice := range strings.Split(strings.TrimSuffix(had, optional), "|") {
		if !slices.Contains(choices, choice) {
			return false
		}
	}
	return true
}

// compare says which released shapes are broken now, and what is new.
func compare(released, now releases) (broken, fresh []string) {
	for _, at := range slices.Sorted(maps.Keys(released)) {
		kind, version, _ := strings.Cut(at, " ")
		switch newest := newestOf(now, kind); {
		case newest == "":
			broken = append(broken, kind+" is gone, but its events may be in an outbox: keep its schema")
		case len(newest) < len(version) || len(newest) == len(version) && newest < version:
			broken = append(broken, fmt.Sprintf("%s was released with version %s; %s is not after it", kind, version, newest))
		}
	}
	for _, at := range slices.Sorted(maps.Keys(now)) {
		old, known := released[at]
		if !known {
			fresh = append(fresh, at+" is new")
			continue
		}
		b, f := compareShapes(at, old, now[at])
		broken, fresh = append(broken, b...), append(fresh, f...)
	}
	return broken, fresh
}

// newestOf gives the version of a type that is written, or nothing.
func newestOf(now releases, kind string) string {
	for at := range now {
		if name, version, _ := strings.Cut(at, " "); name == kind {
			return version
		}
	}
	return ""
}

// compareShapes compares the fields of one version.
func compareShapes(at string, old, now shape) (broken, fresh []string) {
	for _, field := range slices.Sorted(maps.Keys(old)) {
		is, kept := now[field]
		switch {
		case !kept:
			broken = append(broken, fmt.Sprintf("%s: %s (%s) is gone", at, field, old[field]))
		case !bears(old[field], is):
			broken = append(broken, fmt.Sprintf("%s: %s was %s and is %s", at, field, old[field], is))
		case is != old[field]:
			fresh = append(fresh, fmt.Sprintf("%s: %s has more choices", at, field))
		}
	}
	for _, field := range slices.Sorted(maps.Keys(now)) {
		if _, had := old[field]; had {
			continue
		}
		if strings.HasSuffix(now[field], optional) {
			fresh = append(fresh, fmt.Sprintf("%s: %s is new", at, field))
		} else {
			broken = append(broken, fmt.Sprintf("%s: %s is new and required, but older events have none", at, field))
		}
	}
	return broken, fresh
}

// current gives the shapes of the document.
func current(all []payload) releases {
	now := releases{}
	for _, p := range all {
		now[fmt.Sprintf("%s %d", p.Event.Type, p.Event.Version)] = shapeOf(p.Schema)
	}
	return now
}

func TestAReleasedShapeChangesOnlyWithItsVersion(t *testing.T) {
	t.Parallel()
	golden := filepath.Join("testdata", "released.json")
	released, now := releases{}, current(payloads(t))
	text, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &released))

	broken, fresh := compare(released, now)
	require.Empty(t, broken, "the shape of a released event changed without a new version: raise `version` in its x-event, "+
		"or make the change one that readers bear (an optional field, a further choice). "+
		"Only if that version is in no release, delete it from openapi/events/testdata/released.json.")
	if !*update {
		require.Empty(t, fresh, "record it: go test ./openapi/events -update")
		return
	}
	maps.Copy(released, now)
	text, err = json.MarshalIndent(released, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(golden, append(text, '\n'), 0o644))
}

const before = `    TaskQueued:
      type: object
      x-event: {type: task.queued, version: 2, aggregate: task}
      required: [task_id, kind]
      properties:
        task_id: {type: string, format: uuid}
        kind: {type: string, enum: [export, plan]}
        at: {type: string, format: date-time}
        steps: {type: array, items: {type: string, enum: [one]}}
`

func TestAChangeThatReadersBearIsOnlyRecorded(t *testing.T) {
	t.Parallel()
	for what, change := range map[string][2]string{
		"task.queued 2: done is new":            {"        at:", "        done: {type: integer}\n        at:"},
		"task.queued 2: kind has more choices":  {"[export, plan]", "[plan, export, backup]"},
		"task.queued 2: steps has more choices": {"[one]", "[one, two]"},
		"task.queued 3 is new":                  {"version: 2", "version: 3"},
		"task.queued 10 is new":                 {"version: 2", "version: 10"},
	} {
		broken, fresh := changed(t, change[0], change[1])
		require.Empty(t, broken, what)
		require.Equal(t, []string{what}, fresh)
	}
	broken, fresh := changed(t, "[export, plan]", "[plan, export]")
	require.Empty(t, append(broken, fresh...), "the order of choices says nothing")
}

func TestAChangeThatReadersDoNotBearIsSeen(t *testing.T) {
	t.Parallel()
	for what, change := range map[string][2]string{
		"task.queued 2: at (date-time, optional) is gone":                                   {"        at: {type: string, format: date-time}\n", ""},
		"task.queued 2: task_id was uuid and is integer":                                    {"{type: string, format: uuid}", "{type: integer}"},
		"task.queued 2: kind was one of export|plan and is one of plan":                     {"[export, plan]", "[plan]"},
		"task.queued 2: kind was one of export|plan and is boolean":                         {"{type: string, enum: [export, plan]}", "{type: boolean}"},
		"task.queued 2: steps was list of one of one, optional and is one of one, optional": {"{type: array, items: {type: string, enum: [one]}}", "{type: string, enum: [one]}"},
		"task.queued 2: kind was one of export|plan and is one of export|plan, optional":    {"[task_id, kind]", "[task_id]"},
		"task.queued 2: at was date-time, optional and is date-time":                        {"[task_id, kind]", "[task_id, kind, at]"},
		"task.queued 2: done is new and required, but older events have none":               {"[task_id, kind]\n      properties:", "[task_id, kind, done]\n      properties:\n        done: {type: integer}"},
		"task.queued is gone, but its events may be in an outbox: keep its schema":          {"type: task.queued", "type: task.added"},
		"task.queued was released with version 2; 1 is not after it":                        {"version: 2", "version: 1"},
	} {
		broken, _ := changed(t, change[0], change[1])
		require.Equal(t, []string{what}, broken)
	}
}

// changed compares the schema above with itself after one change.
func changed(t *testing.T, old, now string) (broken, fresh []string) {
	t.Helper()
	require.Contains(t, before, old)
	of := func(text string) releases { return current(payloadsOf(t, schemasOf(t, text))) }
	return compare(of(before), of(strings.Replace(before, old, now, 1)))
}
