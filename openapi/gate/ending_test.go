package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	past   = "2026-11-30" // the day before the tests take place
	soon   = "2027-02-28" // 89 days after it
	far    = "2027-03-01" // 90 days after it
	fartwo = "2027-06-01"
)

// ended deprecates parts of version 2 that it has without end: an operation, a
// parameter, a field that is always answered, one that is not, and one of an event.
func ended(sunset string) edit {
	return func(t *testing.T, doc tree) {
		t.Helper()
		for _, part := range partsOf(t, doc) {
			part["deprecated"], part["x-deprecated-at"], part["x-sunset"], part["x-successor"] = true, "2026-01-01", sunset, "another"
		}
	}
}

// withdrawn takes that back.
func withdrawn(t *testing.T, doc tree) {
	t.Helper()
	for _, part := range partsOf(t, doc) {
		strip(part, false)
	}
}

func partsOf(t *testing.T, doc tree) []tree {
	t.Helper()
	schemas := node(t, doc, "components", "schemas")
	return []tree{
		node(t, doc, "paths", "/partners", "get"), parameter(t, doc, "/roles", "level"),
		node(t, schemas, "Situation", "properties", "name"), node(t, schemas, "Message", "properties", "completed_at"),
		node(t, schemas, "MessageDelta", "properties", "text"), node(t, schemas, "LogInRequest", "properties", "device_name"),
	}
}

// parts are the labels of those.
var parts = []string{
	"`listPartners` (GET /partners)", "field `completed_at` of `Message`", "field `device_name` of `LogInRequest`",
	"field `name` of `Situation`", "field `text` of `MessageDelta`", "parameter `level` of `listRoles`",
}

// gones takes all of them away.
var gones = all(set(nil, "paths", "/partners"), withoutParameter("/roles", "level"), withoutField("Situation", "name"),
	withoutField("Message", "completed_at"), withoutField("MessageDelta", "text"), withoutField("LogInRequest", "device_name"))

// An ending's rule is the same for operations, parameters and fields.
func TestEverythingIsKeptUntilItsSunset(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		before, after edit
		rule          string
		level         level
		text          string
	}{
		"gone after its sunset":     {ended(past), gones, "removed-after-sunset", fine, "has gone, after its end on 2026-11-30; use `another`"},
		"gone on its sunset":        {ended("2026-12-01"), gones, "removed-after-sunset", fine, "has gone, after its end on 2026-12-01; use `another`"},
		"gone before its sunset":    {ended("2026-12-02"), gones, "removed-before-sunset", breaking, "has gone, but it was promised until 2026-12-02"},
		"deprecated in time":        {all(), ended(far), "deprecated", fine, "is deprecated since 2026-01-01, ends on 2027-03-01; use `another`"},
		"deprecated too late":       {all(), ended(soon), "sunset-too-close", breaking, "is deprecated since 2026-01-01, ends on 2027-02-28; use `another`"},
		"a sunset moved too close":  {ended(far), ended(soon), "sunset-moved-closer", breaking, "ends on 2027-02-28, not on 2027-03-01; use `another`"},
		"a sunset moved closer":     {ended(fartwo), ended(far), "sunset-moved", warning, "ends on 2027-03-01, not on 2027-06-01; use `another`"},
		"a sunset moved away":       {ended(past), ended(soon), "sunset-moved", fine, "ends on 2027-02-28, not on 2026-11-30; use `another`"},
		"not deprecated any more":   {ended(far), withdrawn, "deprecation-withdrawn", fine, "is not deprecated any more"},
		"deprecated without a date": {all(), ended("next spring"), "deprecation-not-whole", breaking, "is deprecated without a proper x-sunset"},
		"ends before it began":      {all(), ended("2026-01-01"), "deprecation-not-whole", breaking, "ends before it is deprecated"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			changes := compared(t, edited(t, small(t, "v2"), c.before), c.after)
			require.Len(t, changes, len(parts), listed(changes))
			for i, part := range parts {
				require.Equal(t, part+" "+c.text, changes[i].String())
				require.Equal(t, c.rule, changes[i].rule)
				require.Equal(t, c.level, changes[i].level)
				require.Equal(t, c.level == breaking, changes[i].advice != "")
			}
		})
	}
}

// Version 1 ends on 2027-09-01.
func TestVersion1IsServedUntilItsSunset(t *testing.T) {
	t.Parallel()
	v1 := original(t, "v1")
	changes := compared(t, v1, set(nil, "paths", "/auth/login"))
	require.Len(t, changes, 1, listed(changes))
	require.Equal(t, "removed-before-sunset", changes[0].rule)

	changes = compared(t, v1, set("2027-01-01", "paths", "/auth/login", "post", "x-sunset"))
	require.Len(t, changes, 1, listed(changes))
	require.Equal(t, "sunset-moved-closer", changes[0].rule)

	for _, key := range []string{"x-deprecated-at", "x-sunset", "x-successor", "deprecated"} {
		changes = compared(t, v1, set(nil, "paths", "/auth/login", "post", key))
		require.Len(t, changes, 1, listed(changes))
		require.Equal(t, "deprecation-not-whole", changes[0].rule)
		require.Equal(t, breaking, changes[0].level)
	}
}

// What goes with the thing it was a part of is judged with that thing.
func TestAFieldThatGoesWithItsOperationIsNotJudgedApart(t *testing.T) {
	t.Parallel()
	field := tree{"type": "string", "deprecated": true, "x-deprecated-at": "2026-01-01", "x-sunset": far, "x-successor": "data"}
	base := edited(t, original(t, "v2"), set(tree{"type": "object", "properties": tree{"soon": field}},
		"paths", "/roles", "get", "responses", "200", "content", "application/json", "schema"))
	changes := compared(t, base, set(nil, "paths", "/roles"))
	require.Len(t, changes, 1, listed(changes))
	require.Equal(t, []string{"`listRoles` (GET /roles)"}, changes[0].places)
	require.Equal(t, breaking, changes[0].level)
}

func TestASuccessorMayBeNothing(t *testing.T) {
	t.Parallel()
	require.Equal(t, "nothing takes its place: nobody asked", instead("none: nobody asked"))
}
