package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/fluentpro/fluentpro/internal/api/web"
)

const (
	smallContract = "testdata/small.yaml"
	realContract  = "../../../gen/openapi/v2.yaml"
)

func load(t testing.TB, file string) *web.Document {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	document, err := web.Load(text)
	require.NoError(t, err)
	return document
}

// full compiles schemas of a contract for JSON Schema 2020-12 without kin.
type full struct {
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

func loadFull(t testing.TB, file string) *full {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var tree any
	require.NoError(t, yaml.Unmarshal(text, &tree))
	plain, err := json.Marshal(tree)
	require.NoError(t, err)
	resource, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	for name, check := range web.Formats() {
		compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok && !check(s) {
				return fmt.Errorf("not %s", name)
			}
			return nil
		}})
	}
	require.NoError(t, compiler.AddResource("contract.json", resource))
	return &full{compiler: compiler, compiled: map[string]*jsonschema.Schema{}}
}

func (f *full) valid(t testing.TB, at string, value any) bool {
	t.Helper()
	if f.compiled[at] == nil {
		schema, err := f.compiler.Compile("contract.json#" + at)
		require.NoError(t, err)
		f.compiled[at] = schema
	}
	return f.compiled[at].Validate(value) == nil
}

// mutations gives variants of value, each with one place changed.
func mutations(value any) []any {
	all := []any{nil, true, json.Number("0"), json.Number("-1"), json.Number("1.5"), json.Number("1000000000000"), "", "x", strings.Repeat("长", 9000),
		"user", "banana", []any{}, map[string]any{}, []any{json.Number("1"), json.Number("1")}, []any{nil}}
	switch v := value.(type) {
	case map[string]any:
		wide := maps.Clone(v)
		for i := range 60 {
			wide[fmt.Sprint("member_", i)] = json.Number("1")
		}
		more := maps.Clone(v)
		more["no_such_member"] = "x"
		all = append(all, wide, more)
		for name, member := range v {
			less := maps.Clone(v)
			delete(less, name)
			all = append(all, less)
			for _, changed := range mutations(member) {
				other := maps.Clone(v)
				other[name] = changed
				all = append(all, other)
			}
		}
	case []any:
		if len(v) > 0 {
			all = append(all, append(slices.Clone(v), v[0]), slices.Repeat(v, 50))
		}
		for i, entry := range v {
			for _, changed := range mutations(entry) {
				other := slices.Clone(v)
				other[i] = changed
				all = append(all, other)
			}
		}
	}
	return all
}

// plain turns a value of the document into one as decode gives it.
func plain(t testing.TB, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	decoded, _, err := web.Decode(text)
	require.NoError(t, err)
	return decoded
}

func TestTheFastCheckAgreesWithTheFullOneOnEveryExampleAndItsMutations(t *testing.T) {
	t.Parallel()
	for _, file := range []string{smallContract, realContract} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			fast, full := load(t, file), loadFull(t, file)
			examples := fast.Examples()
			require.NotEmpty(t, examples)
			counts := map[bool]int{}
			for _, example := range examples {
				value := plain(t, example.Value)
				require.True(t, fast.Valid(example.Schema, value), "%s: fast", example.Schema)
				require.True(t, full.valid(t, example.Schema, value), "%s: full", example.Schema)
				for _, mutation := range mutations(value) {
					want := full.valid(t, example.Schema, mutation)
					counts[want]++
					if fast.Valid(example.Schema, mutation) != want {
						text, err := json.Marshal(mutation)
						require.NoError(t, err)
						require.Failf(t, "disagreement", "%s: full says %t of %.500s", example.Schema, want, text)
					}
				}
			}
			t.Logf("%d examples, %d valid and %d invalid mutations", len(examples), counts[true], counts[false])
			require.NotZero(t, counts[true])
			require.NotZero(t, counts[false])
		})
	}
}

func TestTheFastCheckAgreesWithTheFullOneOnEachKeyword(t *testing.T) {
	t.Parallel()
	fast, full := load(t, smallContract), loadFull(t, smallContract)
	for member, values := range map[string][]string{
		"kind":       {`"small"`, `7`, `7.0`, `"medium"`, `null`},
		"color":      {`"red"`, `"blue"`, `null`},
		"note":       {`"abcde"`, `"abcdef"`, `"😀😀😀😀😀"`, `null`, `1`},
		"nothing":    {`null`, `0`, `""`, `{}`},
		"version":    {`"v1"`, `"v2"`, `null`},
		"anything":   {`null`, `1`, `"x"`, `[]`, `{"a":null}`},
		"size":       {`1`, `1.0`, `1e2`, `1.5`, `"1"`, `null`, `9007199254740993`},
		"weight":     {`0`, `0.5`, `0.25`, `99.5`, `100`, `-1`},
		"count":      {`1`, `9`, `0`, `10`},
		"tags":       {`["a"]`, `["a","a"]`, `[]`, `["a","b","c","d","e"]`, `["toolong"]`, `[1]`},
		"extra":      {`{}`, `{"a":1}`, `{"a":1,"b":2,"c":3,"d":4}`},
		"scores":     {`{"a":1}`, `{"a":11}`, `{"a":"x"}`},
		"place":      {`{"room":"x"}`, `{"lat":1,"lon":2}`, `{"lat":1}`, `{"room":"x","lat":1,"lon":2}`, `null`},
		"maybe":      {`null`, `{"name":"ab"}`, `{"name":"a"}`, `{}`},
		"both":       {`{"name":"ab","age":1}`, `{"name":"ab"}`, `{"name":"a","age":-1}`, `null`},
		"shape":      {`{"type":"circle","radius":1}`, `{"type":"square","side":1}`, `{"type":"circle","side":1}`, `{"type":"oval"}`, `{}`, `null`},
		"nickname":   {`"abcd"`, `"abcde"`, `"a"`, `null`},
		"never":      {`1`, `null`},
		"always":     {`1`, `null`},
		"small_size": {`1`, `2147483647`, `-2147483648`},
	} {
		for _, text := range values {
			body := map[string]any{"name": "Lamp", "kind": "small"}
			decoded, _, err := web.Decode([]byte(text))
			require.NoError(t, err)
			body[member] = decoded
			at := "/components/schemas/Thing"
			require.Equal(t, full.valid(t, at, body), fast.Valid(at, body), "%s: %s", member, text)
		}
	}
}

func TestIntegersBeyondTheHandlersAreInvalidWhereTheSchemaSaysNothing(t *testing.T) {
	t.Parallel()
	fast := load(t, smallContract)
	for text, want := range map[string]bool{
		"9223372036854774784": true, "-9223372036854775808": true,
		"9223372036854775807": false, "9223372036854775808": false, "-9223372036854777856": false, "1e300": false,
	} {
		body := map[string]any{"name": "Lamp", "kind": "small", "size": json.Number(text)}
		require.Equal(t, want, fast.Valid("/components/schemas/Thing", body), text)
	}
	tooWide := map[string]any{"name": "Lamp", "kind": "small", "small_size": json.Number("2147483648")}
	require.False(t, fast.Valid("/components/schemas/Thing", tooWide), "int32")
}

func TestADocumentWithRulesThatWouldNotBeCheckedIsRefused(t *testing.T) {
	t.Parallel()
	const frame = `
openapi: 3.1.1
info: {title: t, version: '1'}
paths: {}
components: {schemas: {S: %s}}`
	for schema, word := range map[string]string{
		`{type: object, dependentRequired: {a: [b]}}`:                            "dependentRequired",
		`{type: object, dependentSchemas: {a: {type: object}}}`:                  "dependentSchemas",
		`{if: {type: string}, then: {minLength: 1}, else: {minimum: 1}}`:         "if",
		`{type: object, unevaluatedProperties: false}`:                           "unevaluatedProperties",
		`{type: array, items: {type: string}, unevaluatedItems: false}`:          "unevaluatedItems",
		`{type: object, patternProperties: {'^a': {type: string}}}`:              "patternProperties",
		`{type: object, propertyNames: {maxLength: 3}}`:                          "propertyNames",
		`{type: array, items: {type: string}, prefixItems: [{type: string}]}`:    "prefixItems",
		`{type: array, items: {type: string}, contains: {type: string}}`:         "contains",
		`{type: string, format: zip-code}`:                                       "zip-code",
		`{type: object, properties: {a: {type: [string, 'null'], not: {}}}}`:     "null in type",
		`{type: [object, 'null'], allOf: [{type: object}]}`:                      "null in type",
		`{not: {type: string}}`:                                                  "not needs a type",
		`{type: object, properties: {a: {type: string, dependencies: {a: []}}}}`: "dependencies",
	} {
		_, err := web.Load(fmt.Appendf(nil, frame, schema))
		require.ErrorContains(t, err, word, schema)
	}
	_, err := web.Load([]byte("openapi: ["))
	require.ErrorContains(t, err, "read the contract")
	_, err = web.Load(fmt.Appendf(nil, frame, `{$ref: other.yaml}`))
	require.ErrorContains(t, err, "read the contract")
}
