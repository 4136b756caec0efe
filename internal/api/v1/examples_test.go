package v1_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// journey is the order in which one learner can send every example.
var journey = []string{
	"signUpV1", "logInV1", "refreshV1", "getAuthStatusV1", "getAuthMeV1", "verifyTokenV1", "getMeV1", "getUserV1",
	"setNativeLanguageV1", "setIndustryV1", "searchRolesV1", "selectRoleV1", "listPartnersV1", "selectPartnersV1", "listSituationsV1",
	"selectSituationsV1", "getSelectionsV1", "completePartTwoV1", "getSummaryV1", "completeV1", "getProgressV1", "trackProgressV1",
	"updateMeV1", "resetProgressV1", "reindexRolesV1", "generateEmbeddingsV1", "clearIndexV1", "logOutV1",
}

// volatile formats differ in each run: of them only the kind is compared.
var volatile = []string{"uuid", "date-time", "jwt", "opaque-token"}

// example is an operation with where it is.
type example struct {
	*openapi3.Operation
	method, path string
}

func examples() map[string]example {
	all := map[string]example{}
	for path, item := range apitest.ContractV1().Paths.Map() {
		for method, op := range item.Operations() {
			all[op.OperationID] = example{op, method, path}
		}
	}
	return all
}

// Every operation is asked as its example says, and answers as its example says.
func TestExamplesAreTrue(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l, all := s.Nobody(), examples()
	require.ElementsMatch(t, slices.Collect(maps.Keys(all)), journey)
	admin := s.Admin(t)
	known := map[string]string{} // what only this run knows: ids and tokens by their names
	for _, name := range journey {
		op := all[name]
		who := l
		if op.Extensions["x-permission"] == "administer" {
			who = admin
		}
		path := strings.NewReplacer("{user_id}", known["user_id"], "{partner_id}", "clients").Replace(op.path)
		call := apitest.Call{Method: op.method, Path: "/api/v1" + path}
		if op.RequestBody != nil {
			in := maps.Clone(op.RequestBody.Value.Content["application/json"].Example.(map[string]any))
			for member := range in {
				if value, ok := known[member]; ok {
					in[member] = value
				}
			}
			call.Body = in
		}
		var out map[string]any
		who.Do(t, call).Expect(t, http.StatusOK, &out)
		media := op.Responses.Value("200").Value.Content["application/json"]
		same(t, name, media.Schema.Value, media.Example, out)
		if name == "refreshV1" || name == "logInV1" {
			l.Tokens.AccessToken, known["refresh_token"] = out["access_token"].(string), out["refresh_token"].(string)
		}
		if name == "signUpV1" {
			known["user_id"] = out["user_id"].(string)
		}
		if name == "searchRolesV1" {
			known["role_id"] = out["matches"].([]any)[0].(map[string]any)["id"].(string)
		}
	}
}

// same compares an answer with its example. Of a list the example may show the beginning.
func same(t *testing.T, at string, s *openapi3.Schema, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		require.True(t, ok, at)
		require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(object)), at)
		for name, value := range want {
			same(t, at+"/"+name, s.Properties[name].Value, value, object[name])
		}
	case []any:
		list, ok := got.([]any)
		require.True(t, ok, at)
		require.GreaterOrEqual(t, len(list), len(want), at)
		for i, value := range want {
			same(t, at, s.Items.Value, value, list[i])
		}
	default:
		if slices.Contains(volatile, s.Format) || strings.HasSuffix(at, "/auth0_id") {
			require.IsType(t, want, got, at)
			return
		}
		wanted, err := json.Marshal(want)
		require.NoError(t, err)
		given, err := json.Marshal(got)
		require.NoError(t, err)
		require.JSONEq(t, string(wanted), string(given), at)
	}
}
