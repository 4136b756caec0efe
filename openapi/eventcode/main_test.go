package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// document puts schemas under the head of a document, and gives its place.
func document(t *testing.T, schemas string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "events.yaml")
	head := "openapi: 3.1.1\ninfo: {title: t, version: '1'}\ncomponents:\n  schemas:\n"
	require.NoError(t, os.WriteFile(at, []byte(head+schemas), 0o600))
	return at
}

// made runs the command and gives what it wrote.
func made(t *testing.T, from string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "gen", "catalogue.gen.go")
	require.NoError(t, run(from, out))
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	return string(text)
}

const two = `    UserLoggedIn: {type: object, x-event: {type: user.logged_in, version: 2, aggregate: user}}
    Role: {type: string, enum: [admin]}
    TaskQueued: {type: object, x-event: {type: task.queued, version: 1, aggregate: task}}
`

func TestEachPayloadGetsWhatTheOutboxAsksFor(t *testing.T) {
	t.Parallel()
	text := made(t, document(t, two))
	require.Contains(t, text, `func (UserLoggedIn) EventType() string { return "user.logged_in" }`)
	require.Contains(t, text, `func (UserLoggedIn) EventVersion() int { return 2 }`)
	require.Contains(t, text, `func (UserLoggedIn) AggregateType() string { return "user" }`)
	require.NotContains(t, text, "Role", "a choice is no event")
}

func TestTypesAreListedByName(t *testing.T) {
	t.Parallel()
	require.Contains(t, made(t, document(t, two)), `var Types = []Type{
	{"task.queued", 1, "task"},
	{"user.logged_in", 2, "user"},
}`)
}

func TestTheFileIsAlwaysTheSame(t *testing.T) {
	t.Parallel()
	at := document(t, two)
	first := made(t, at)
	for range 5 {
		require.Equal(t, first, made(t, at))
	}
}

func TestAnEventThatDisagreesWithItsSchemaIsRefused(t *testing.T) {
	t.Parallel()
	for fault, event := range map[string]string{
		"named UserLoggedOut":   `{type: user.logged_out, version: 1, aggregate: user}`,
		"of the form":           `{type: user.LoggedIn, version: 1, aggregate: user}`,
		`type "" is not`:        `{version: 1, aggregate: user}`,
		"below 1":               `{type: user.logged_in, aggregate: user}`,
		"has no aggregate":      `{type: user.logged_in, version: 1}`,
		"unknown field":         `{type: user.logged_in, version: 1, aggregate: user, topic: users}`,
		"cannot unmarshal":      `{type: user.logged_in, version: one, aggregate: user}`,
		"unmarshal string into": `user.logged_in`,
	} {
		err := run(document(t, "    UserLoggedIn: {type: object, x-event: "+event+"}\n"), filepath.Join(t.TempDir(), "out.go"))
		require.ErrorContains(t, err, fault)
		require.ErrorContains(t, err, "UserLoggedIn: ")
	}
}

func TestADocumentWithoutEventsIsRefused(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out.go")
	require.ErrorContains(t, run(document(t, "    Role: {type: string}\n"), out), "no schema has an x-event")
	bare := filepath.Join(t.TempDir(), "bare.yaml")
	require.NoError(t, os.WriteFile(bare, []byte("openapi: 3.1.1\ninfo: {title: t, version: '1'}\n"), 0o600))
	require.ErrorContains(t, run(bare, out), "no components")
	require.NoFileExists(t, out)
}

func TestTheCommittedCatalogueIsFresh(t *testing.T) {
	t.Parallel()
	gen := filepath.Join("..", "..", "gen", "events")
	committed, err := os.ReadFile(filepath.Join(gen, "catalogue.gen.go"))
	require.NoError(t, err)
	require.Equal(t, string(committed), made(t, filepath.Join(gen, "events.yaml")), "run make generate")
}

func TestTheCommandTellsHowItWent(t *testing.T) {
	t.Parallel()
	at, dir := document(t, two), t.TempDir()
	var problems bytes.Buffer
	require.Zero(t, command([]string{at, filepath.Join(dir, "out.go")}, &problems), problems.String())
	require.Equal(t, 2, command([]string{at}, &problems))
	require.Contains(t, problems.String(), "usage")
	require.Equal(t, 1, command([]string{filepath.Join(dir, "none.yaml"), filepath.Join(dir, "out.go")}, &problems))
	require.Contains(t, problems.String(), "none.yaml")
	require.Equal(t, 1, command([]string{at, filepath.Join(dir, "out.go", "below-a-file.go")}, &problems))
	require.Equal(t, 1, command([]string{at, dir}, &problems), "a folder is no file")
}
