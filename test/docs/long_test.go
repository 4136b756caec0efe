package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

var longVerb = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| [^|]*\\| (\\d{3}), ")

// The page about background work lists the operations that the contract lets a client wait for,
// with the status of one that was done in time.
func TestThePageListsTheLongVerbsOfTheContract(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root, "gen/openapi/v2.yaml"))
	require.NoError(t, err)
	var promised []string
	for _, item := range document.Paths.Map() {
		for _, operation := range item.Operations() {
			if operation.Parameters.GetByInAndName("header", "Prefer") != nil {
				require.NotNil(t, operation.Responses.Value("202"), operation.OperationID)
				promised = append(promised, fmt.Sprintf("%s %s", operation.OperationID, inTime(operation)))
			}
		}
	}
	slices.Sort(promised)
	text, err := os.ReadFile(filepath.Join(root, "docs/async.md"))
	require.NoError(t, err)
	var listed []string
	for _, m := range longVerb.FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1]+" "+m[2])
	}
	require.NotEmpty(t, listed)
	require.Equal(t, promised, listed)
}

// inTime is the status whose answer says that the wish to wait was granted.
func inTime(operation *openapi3.Operation) string {
	for status, response := range operation.Responses.Map() {
		if response.Value.Headers["Preference-Applied"] != nil {
			return status
		}
	}
	return "none"
}
