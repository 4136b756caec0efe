// Package openapi_test is the law of our contracts: what every document must
// say, and how. A rule that is broken names the place.
package openapi_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
)

// bundles are the documents that tools and clients get.
var bundles = []string{"v2"}

func load(t *testing.T, version string) *openapi3.T {
	t.Helper()
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromFile(filepath.Join("..", "gen", "openapi", version+".yaml"))
	require.NoError(t, err)
	return doc
}

// operation is one operation with its place.
type operation struct {
	*openapi3.Operation
	method, path string
	item         *openapi3.PathItem
}

func (o operation) String() string { return o.method + " " + o.path }

// eachOperation runs check on every operation of every document.
func eachOperation(t *testing.T, check func(t *testing.T, doc *openapi3.T, op operation)) {
	t.Helper()
	for _, version := range bundles {
		doc := load(t, version)
		require.NotZero(t, doc.Paths.Len())
		for path, item := range doc.Paths.Map() {
			for method, op := range item.Operations() {
				check(t, doc, operation{op, method, path, item})
			}
		}
	}
}

func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	for _, version := range bundles {
		doc := load(t, version)
		require.True(t, strings.HasPrefix(doc.OpenAPI, "3.1"))
		require.NoError(t, doc.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.DisableSchemaFormatValidation()))
	}
}

func TestOperationsAreNamedByVerbAndNoun(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^(sign|log|refresh|get|list|create|update|delete|set|match|complete|reset|change|request|verify|export|fork|rollback|stream|cancel|retry|compare|connect|disconnect|inspect|draw|recover|replay|pause|resume|publish|reindex|restore|revoke)[A-Z][A-Za-z]*$`)
	seen := map[string]operation{}
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op operation) {
		require.Regexp(t, form, op.OperationID, op.String())
		require.NotContains(t, seen, op.OperationID, "%s and %s", op, seen[op.OperationID])
		seen[op.OperationID] = op
		require.NotEmpty(t, op.Summary, op.OperationID)
	})
}

func TestEachOperationHasOneKnownTag(t *testing.T) {
	t.Parallel()
	eachOperation(t, func(t *testing.T, doc *openapi3.T, op operation) {
		require.Len(t, op.Tags, 1, op.OperationID)
		require.NotNil(t, doc.Tags.Get(op.Tags[0]), "%s: tag %s is not described", op.OperationID, op.Tags[0])
		require.FileExists(t, filepath.Join("v2", "paths", op.Tags[0]+".yaml"), "a tag has a file of its name")
	})
}

func TestPathsAreKebabCaseWithSnakeCaseParameters(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^(/([a-z]+(-[a-z]+)*|\{[a-z]+(_[a-z]+)*\}))+$`)
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op operation) { require.Regexp(t, form, op.path) })
}

func TestEveryOperationMayAnswerWithAProblem(t *testing.T) {
	t.Parallel()
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op operation) {
		other := op.Responses.Default()
		require.NotNil(t, other, "%s has no default response", op.OperationID)
		require.Equal(t, []string{"application/problem+json"}, keys(other.Value.Content), op.OperationID)
	})
}

func TestParametersAreDescribed(t *testing.T) {
	t.Parallel()
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op operation) {
		require.Empty(t, op.item.Parameters, "%s: parameters belong to operations", op)
		for _, p := range op.Parameters {
			require.NotEmpty(t, p.Value.Description, "%s: parameter %s", op.OperationID, p.Value.Name)
			require.NotNil(t, p.Value.Schema, "%s: parameter %s", op.OperationID, p.Value.Name)
		}
	})
}

func TestListsArePages(t *testing.T) {
	t.Parallel()
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op operation) {
		if !strings.HasPrefix(op.OperationID, "list") {
			return
		}
		schema := op.Responses.Value("200").Value.Content["application/json"].Schema.Value
		require.ElementsMatch(t, []string{"data", "next_cursor"}, schema.Required, op.OperationID)
		require.True(t, schema.Properties["data"].Value.Type.Is("array"), op.OperationID)
		if op.Tags[0] == "catalogue" {
			return // whole lists: they are small, and cached
		}
		require.NotNil(t, op.Parameters.GetByInAndName("query", "limit"), op.OperationID)
		require.NotNil(t, op.Parameters.GetByInAndName("query", "cursor"), op.OperationID)
	})
}

func TestRequestsAreClosedAndResponsesOpen(t *testing.T) {
	t.Parallel()
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op operation) {
		if op.RequestBody != nil {
			for _, media := range op.RequestBody.Value.Content {
				closed := media.Schema.Value.AdditionalProperties
				require.True(t, closed.Has != nil && !*closed.Has, "%s: the request takes unknown members", op.OperationID)
			}
		}
		for _, response := range op.Responses.Map() {
			for _, media := range response.Value.Content {
				open := media.Schema.Value.AdditionalProperties
				require.True(t, open.Has == nil || *open.Has, "%s: a response is closed", op.OperationID)
			}
		}
	})
}

// Every text and array that a client sends has a bound.
func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op operation) {
		if op.RequestBody == nil {
			return
		}
		for _, media := range op.RequestBody.Value.Content {
			bounded(t, op.OperationID, media.Schema.Value)
		}
	})
}

func bounded(t *testing.T, at string, s *openapi3.Schema) {
	t.Helper()
	switch {
	case s.Type.Is("string"):
		require.True(t, s.MaxLength != nil || s.Enum != nil || s.Format == "uuid", "%s: a text without maxLength", at)
	case s.Type.Is("array"):
		require.NotNil(t, s.MaxItems, "%s: an array without maxItems", at)
		bounded(t, at+"/items", s.Items.Value)
	case s.Type.Is("integer"), s.Type.Is("number"):
		require.True(t, s.Min != nil && s.Max != nil, "%s: a number without minimum and maximum", at)
	case s.Type.Is("object"):
		if len(s.Properties) == 0 {
			require.NotNil(t, s.MaxProps, "%s: a map without maxProperties", at)
		}
		for name, p := range s.Properties {
			bounded(t, at+"/"+name, p.Value)
		}
	}
}

func TestCreatingOperationsTakeAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	without := []string{"logIn", "refreshSession", "createRealtimeTicket"}
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op operation) {
		creates := op.method == "POST" && (op.Responses.Value("201") != nil || op.Responses.Value("202") != nil)
		if creates && !slices.Contains(without, op.OperationID) {
			require.NotNil(t, op.Parameters.GetByInAndName("header", "Idempotency-Key"), op.OperationID)
		}
	})
}

func TestOnlyTheseOperationsArePublic(t *testing.T) {
	t.Parallel()
	public := []string{"signUp", "logIn", "refreshSession", "requestPasswordReset", "completePasswordReset", "verifyEmail",
		"listLanguages", "listIndustries", "listPartners", "listSituations"}
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op operation) {
		open := op.Security != nil && len(*op.Security) == 0
		require.Equal(t, slices.Contains(public, op.OperationID), open, op.OperationID)
	})
}

// The operation's own test sends its example and compares the answer with it,
// so each must be there: see internal/api/v2/examples_test.go.
func TestEveryOperationHasExamples(t *testing.T) {
	t.Parallel()
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op operation) {
		if op.RequestBody != nil {
			for kind, media := range op.RequestBody.Value.Content {
				require.NotNil(t, media.Example, "%s: the request as %s has no example", op.OperationID, kind)
			}
		}
		for status, response := range op.Responses.Map() {
			if status[0] != '2' {
				continue
			}
			for kind, media := range response.Value.Content {
				require.NotNil(t, media.Example, "%s: %s as %s has no example", op.OperationID, status, kind)
			}
		}
		for _, p := range op.Parameters {
			if p.Value.Required {
				require.NotNil(t, p.Value.Example, "%s: parameter %s has no example", op.OperationID, p.Value.Name)
			}
		}
	})
}

func TestStreamsAreMarked(t *testing.T) {
	t.Parallel()
	eachOperation(t, func(t *testing.T, _ *openapi3.T, op operation) {
		for _, response := range op.Responses.Map() {
			for kind, media := range response.Value.Content {
				streams := kind == "text/event-stream" || kind == "application/x-ndjson"
				require.Equal(t, streams, media.Extensions["x-stream"] == true, op.OperationID)
			}
		}
	})
}

func TestProblemCodesAreSorted(t *testing.T) {
	t.Parallel()
	for _, version := range bundles {
		var codes []string
		for _, code := range load(t, version).Components.Schemas["ProblemCode"].Value.Enum {
			codes = append(codes, code.(string))
		}
		require.True(t, sort.StringsAreSorted(codes))
		require.Len(t, slices.Compact(slices.Clone(codes)), len(codes))
	}
}

func TestNamesAreSnakeCase(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z]+(_[a-z0-9]+)*$`)
	for _, version := range bundles {
		for name, schema := range load(t, version).Components.Schemas {
			for property := range schema.Value.Properties {
				require.Regexp(t, form, property, name)
			}
		}
	}
}

// What is written by hand is all used: a schema that no operation reaches would
// not be in the bundle.
func TestNothingIsWrittenInVain(t *testing.T) {
	t.Parallel()
	top := regexp.MustCompile(`(?m)^([A-Z][A-Za-z]*):`)
	text, err := os.ReadFile(filepath.Join("..", "gen", "openapi", "v2.yaml"))
	require.NoError(t, err)
	root, err := os.ReadFile("v2/openapi.yaml")
	require.NoError(t, err)
	files, err := filepath.Glob("v2/schemas/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range top.FindAllStringSubmatch(string(source), -1) {
			if strings.Contains(string(root), "schemas/"+filepath.Base(file)+"#/"+m[1]+"}") {
				continue // the document itself names it, for frames that no operation answers with
			}
			require.Contains(t, string(text), "/"+m[1]+"'", "%s: %s is used nowhere", file, m[1])
		}
	}
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// What is deprecated says since when, until when, and what takes its place; at least
// ninety days lie between.
func TestWhatIsDeprecatedSaysUntilWhen(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v1", "v2"} {
		text, err := os.ReadFile(filepath.Join("..", "gen", "openapi", version+".yaml"))
		require.NoError(t, err)
		document, err := web.Load(text)
		require.NoError(t, err)
		all, err := document.Deprecations()
		require.NoError(t, err)
		require.NotEmpty(t, all)
		for _, d := range all {
			require.False(t, d.Sunset.Before(d.Since.AddDate(0, 0, 90)), d.Name)
		}
	}
}

// Clients are told of values that they must expect and do not know: see docs/contract.md.
func TestAnEnumerationThatMayGrowSaysSo(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "gen", "openapi", "v2.yaml"))
	require.NoError(t, err)
	require.Equal(t, 7, strings.Count(string(text), "x-open-enum: true"))
	for name, schema := range load(t, "v2").Components.Schemas {
		for property, field := range schema.Value.Properties {
			says(t, name+"."+property, field.Value)
		}
		says(t, name, schema.Value)
	}
}

func says(t *testing.T, at string, s *openapi3.Schema) {
	t.Helper()
	if s.Extensions["x-open-enum"] == true {
		require.Regexp(t, `New [a-z]+ may appear\.`, s.Description, at)
	}
}

// Each limit that the service can be given counts something; "api" counts what names none.
func TestEachLimitCountsSomething(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	eachOperation(t, func(_ *testing.T, _ *openapi3.T, op operation) {
		if limit, ok := op.Extensions["x-rate-limit"].(string); ok {
			named[limit] = true
		}
	})
	require.Equal(t, []string{"admin", "auth", "matching", "messages"}, keys(named))
}
