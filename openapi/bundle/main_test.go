package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = `openapi: 3.1.1
info: {title: t, version: "1"}
paths:
  /things:
    $ref: paths.yaml#/things
`

const paths = `things:
  get:
    operationId: listThings
    responses:
      '200':
        description: one
        content:
          application/json:
            schema: {$ref: one.yaml#/Thing}
      '201':
        description: two
        content:
          application/json:
            schema: {$ref: 'two.yaml#/Other'}
`

// write puts files into a folder and gives the root's path.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return filepath.Join(dir, "openapi.yaml")
}

func TestABundleStandsAloneAndIsAlwaysTheSame(t *testing.T) {
	t.Parallel()
	at := write(t, map[string]string{
		"openapi.yaml": root, "paths.yaml": paths,
		"one.yaml": "Thing: {type: object, properties: {other: {$ref: 'two.yaml#/Other'}}}\n",
		"two.yaml": "Other: {type: string}\n",
	})
	first, err := bundle(at)
	require.NoError(t, err)
	for range 5 {
		again, err := bundle(at)
		require.NoError(t, err)
		require.Equal(t, string(first), string(again))
	}
	require.NotContains(t, string(first), ".yaml#")
	require.Contains(t, string(first), "#/components/schemas/Other")
}

func TestTwoThingsOfOneNameAreRefused(t *testing.T) {
	t.Parallel()
	_, err := bundle(write(t, map[string]string{
		"openapi.yaml": root, "paths.yaml": paths,
		"one.yaml": "Thing: {type: object, properties: {other: {$ref: '#/Other'}}}\nOther: {type: integer}\n",
		"two.yaml": "Other: {type: string}\n",
	}))
	require.ErrorContains(t, err, "two things are named schemas/Other")
}

func TestADanglingReferenceIsRefused(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]string{
		"no such file":   "Thing: {$ref: 'three.yaml#/Thing'}\n",
		"no such member": "Thing: {$ref: 'two.yaml#/Missing'}\n",
	} {
		_, err := bundle(write(t, map[string]string{
			"openapi.yaml": root, "paths.yaml": paths, "one.yaml": one, "two.yaml": "Other: {type: string}\n",
		}))
		require.Error(t, err, name)
	}
}

func TestADiscriminatorPointsIntoTheBundle(t *testing.T) {
	t.Parallel()
	text, err := bundle(write(t, map[string]string{
		"openapi.yaml": root, "paths.yaml": paths,
		"one.yaml": `Thing:
  oneOf: [{$ref: '#/Cat'}]
  discriminator: {propertyName: kind, mapping: {cat: '#/Cat'}}
Cat: {type: object, required: [kind], properties: {kind: {type: string}}}
`,
		"two.yaml": "Other: {type: string}\n",
	}))
	require.NoError(t, err)
	require.Contains(t, string(text), "cat: '#/components/schemas/Cat'")
}

// asyncs writes an AsyncAPI document that has a schema of a bundle, and gives its path and
// where it is to be bundled to.
func asyncs(t *testing.T, schema string) (root, out string) {
	t.Helper()
	dir := filepath.Dir(write(t, map[string]string{
		"realtime.yaml": "asyncapi: 3.0.0\npayload:\n  schema:\n    $ref: v9/schemas/one-half.yaml#/" + schema + "\nown: {$ref: '#/payload'}\n",
		"v9.yaml":       "openapi: 3.1.1\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents: {schemas: {Thing: {type: string}}}\n",
	}))
	return filepath.Join(dir, "realtime.yaml"), filepath.Join(dir, "out.yaml")
}

func TestAnAsyncAPIDocumentRefersToTheSchemasThatAreServed(t *testing.T) {
	t.Parallel()
	root, out := asyncs(t, "Thing")
	var problems bytes.Buffer
	require.Zero(t, command([]string{"-async", root, out}, &problems), problems.String())
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Contains(t, string(text), "DO NOT EDIT")
	require.Contains(t, string(text), "$ref: openapi/v9.yaml#/components/schemas/Thing\n")
	require.Contains(t, string(text), "own: {$ref: '#/payload'}", "its own references stay")
}

func TestAnAsyncAPIDocumentNamesTheSchemaThatItMisses(t *testing.T) {
	t.Parallel()
	root, out := asyncs(t, "Nothing")
	var problems bytes.Buffer
	require.Equal(t, 1, command([]string{"-async", root, out}, &problems))
	require.Contains(t, problems.String(), "has no schema Nothing")
	require.NoFileExists(t, out)

	require.Equal(t, 1, command([]string{"-async", root, filepath.Join(t.TempDir(), "out.yaml")}, &problems))
	require.Contains(t, problems.String(), "v9.yaml: no such file", "the bundle comes first")
	require.Equal(t, 1, command([]string{"-async", filepath.Join(t.TempDir(), "none.yaml"), out}, &problems))
	require.Contains(t, problems.String(), "none.yaml")
}

func TestTheCommittedAsyncAPIDocumentIsFresh(t *testing.T) {
	t.Parallel()
	committed, err := os.ReadFile("../../gen/openapi/realtime.yaml")
	require.NoError(t, err)
	bundled, err := os.ReadFile("../../gen/openapi/v2.yaml")
	require.NoError(t, err)
	dir := filepath.Dir(write(t, map[string]string{"v2.yaml": string(bundled)}))
	require.NoError(t, async("../realtime.yaml", filepath.Join(dir, "realtime.yaml")))
	made, err := os.ReadFile(filepath.Join(dir, "realtime.yaml"))
	require.NoError(t, err)
	require.Equal(t, string(committed), string(made), "run make generate")
}

func TestTheCommittedBundlesAreFresh(t *testing.T) {
	t.Parallel()
	for root, out := range map[string]string{
		"v2/openapi.yaml":    "openapi/v2.yaml",
		"events/events.yaml": "events/events.yaml",
	} {
		text, err := bundle(filepath.Join("..", filepath.FromSlash(root)))
		require.NoError(t, err)
		committed, err := os.ReadFile(filepath.Join("..", "..", "gen", filepath.FromSlash(out)))
		require.NoError(t, err)
		require.Equal(t, string(committed), string(text), "run make generate")
	}
}

// A document without paths, such as that of the events, names what is in it.
func TestAComponentOfTheRootComesWithWhatItRefersTo(t *testing.T) {
	t.Parallel()
	text, err := bundle(write(t, map[string]string{
		"openapi.yaml": `openapi: 3.1.1
info: {title: t, version: "1"}
components: {schemas: {Thing: {$ref: 'one.yaml#/Thing'}}}
`,
		"one.yaml": `Thing:
  type: object
  x-event: {type: thing.made}
  properties: {kind: {$ref: '#/Kind'}}
Kind: {type: string, enum: [a]}
`,
	}))
	require.NoError(t, err)
	require.Contains(t, string(text), "type: thing.made")
	require.Contains(t, string(text), "$ref: '#/components/schemas/Kind'")
	require.Contains(t, string(text), "        Kind:\n")
	require.NotContains(t, string(text), "$ref: '#/components/schemas/Thing'", "the thing itself, not a way to it")
}

func TestTheCommandWritesTheBundleAndItsCarrier(t *testing.T) {
	t.Parallel()
	at := write(t, map[string]string{
		"openapi.yaml": root, "paths.yaml": paths,
		"one.yaml": "Thing: {type: object}\n", "two.yaml": "Other: {type: string}\n",
	})
	out := filepath.Join(t.TempDir(), "gen", "v9.yaml")
	var problems bytes.Buffer
	require.Zero(t, command([]string{at, out}, &problems), problems.String())
	require.FileExists(t, out)
	require.FileExists(t, filepath.Join(filepath.Dir(out), "openapi.go"))

	bare := filepath.Join(t.TempDir(), "bare.yaml")
	require.Zero(t, command([]string{"-bare", at, bare}, &problems), problems.String())
	require.FileExists(t, bare)
	require.NoFileExists(t, filepath.Join(filepath.Dir(bare), "openapi.go"))

	require.Equal(t, 2, command([]string{at}, &problems))
	require.Equal(t, 2, command([]string{"-bare", at}, &problems))
	require.Contains(t, problems.String(), "usage")
	require.Equal(t, 1, command([]string{filepath.Join(t.TempDir(), "none.yaml"), out}, &problems))
	require.Contains(t, problems.String(), "none.yaml")
	require.Equal(t, 1, command([]string{at, filepath.Join(out, "below-a-file.yaml")}, &problems))
	require.Equal(t, 1, command([]string{at, filepath.Dir(out)}, &problems), "a folder is no file")
}
