package openapi_test

import (
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// Version 1 is as the shipped app knows it: of the rules, those hold that its readers
// need. Every operation says until when it is served, and what takes its place.
func TestVersion1IsValidAndWholeAndOnItsWayOut(t *testing.T) {
	t.Parallel()
	doc, next := load(t, "v1"), load(t, "v2")
	require.NoError(t, doc.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.DisableSchemaFormatValidation()))
	successors := map[string]bool{}
	for _, item := range next.Paths.Map() {
		for _, op := range item.Operations() {
			successors[op.OperationID] = true
		}
	}
	seen := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			at := operation{op, method, path, item}.String()
			require.Regexp(t, `^[a-z][A-Za-z]*V1$`, op.OperationID, at)
			require.False(t, seen[op.OperationID] || successors[op.OperationID], at)
			seen[op.OperationID] = true
			require.NotEmpty(t, op.Summary, at)
			require.True(t, op.Deprecated, at)
			since, err := time.Parse(time.DateOnly, op.Extensions["x-deprecated-at"].(string))
			require.NoError(t, err, at)
			sunset, err := time.Parse(time.DateOnly, op.Extensions["x-sunset"].(string))
			require.NoError(t, err, at)
			require.True(t, sunset.After(since), at)
			require.True(t, successors[op.Extensions["x-successor"].(string)], at)
			require.Equal(t, []string{"application/json"}, keys(op.Responses.Default().Value.Content), at)
			for _, response := range op.Responses.Map() {
				for _, media := range response.Value.Content {
					require.True(t, response == op.Responses.Default() || media.Example != nil, at)
				}
			}
			if op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Value.Content {
				require.Nil(t, media.Schema.Value.AdditionalProperties.Has, "%s: unknown fields are ignored", at)
				require.NotNil(t, media.Example, at)
				bounded(t, op.OperationID, media.Schema.Value)
			}
		}
	}
}
