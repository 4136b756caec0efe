package docs_test

import (
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestAContractIsServedByteForByteAsYAML(t *testing.T) {
	t.Parallel()
	contracts := shipped(t)
	s := setup(t, contracts)
	response := s.get("/openapi/v2.yaml")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "application/yaml", response.Header.Get("Content-Type"))
	require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
	require.Equal(t, string(contracts["v2"]), s.body(response))
}

func TestAContractSaysTheSameAsJSON(t *testing.T) {
	t.Parallel()
	contracts := shipped(t)
	s := setup(t, contracts)
	response := s.get("/openapi/v2.json")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "application/json", response.Header.Get("Content-Type"))
	text := s.body(response)

	_, err := openapi3.NewLoader().LoadFromData([]byte(text))
	require.NoError(t, err)
	var fromYAML, fromJSON any
	require.NoError(t, yaml.Unmarshal(contracts["v2"], &fromYAML))
	require.NoError(t, yaml.Unmarshal([]byte(text), &fromJSON), "JSON is YAML too")
	require.Equal(t, plainNumbers(fromYAML), plainNumbers(fromJSON))
}

// plainNumbers makes 10 and 10.0 the same.
func plainNumbers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case int:
		return float64(v)
	}
	return value
}

func TestJSONKeepsTheOrderOfTheDocumentAndTheTypesOfItsValues(t *testing.T) {
	t.Parallel()
	s := setup(t, map[string][]byte{"v1": []byte(oldContract)})
	require.Equal(t, `{"openapi":"3.1.1","info":{"title":"Old","version":"1.0.0"},"paths":{`+
		`"/z":{"get":{"operationId":"z","deprecated":true,"x-sunset":"2027-09-01","responses":{"200":{"description":"ok"}}}},`+
		`"/a":{"get":{"operationId":"a","responses":{"200":{"description":"\u003cok\u003e \u0026 more"}}}}},`+
		`"components":{"schemas":{"N":{"type":["integer","null"],"maximum":10000000,"minimum":-16,"default":null,`+
		`"example":1.5,"readOnly":true}}}}`, s.page("/openapi/v1.json"))
}
