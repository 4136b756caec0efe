package tenant_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
)

const password = "Orchid-Harbour-7"

type bundle struct {
	t      *testing.T
	tenant *tenant.Server
	url    string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	s := tenant.New(tenant.Config{})
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.SetURL(web.URL)
	return &bundle{t: t, tenant: s, url: web.URL}
}

// ask gives the status, the body and the head of an answer.
func (b *bundle) ask(method, path, token, body string) (int, map[string]any, http.Header) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	require.NoError(b.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	var out map[string]any
	if strings.HasPrefix(string(text), "{") {
		require.NoError(b.t, json.Unmarshal(text, &out))
	}
	return res.StatusCode, out, res.Header
}

// grant asks for a token in JSON with the application's own credentials.
func (b *bundle) grant(in map[string]string) (int, map[string]any) {
	b.t.Helper()
	all := map[string]string{"client_id": tenant.DefaultClientID, "client_secret": tenant.DefaultClientSecret}
	for name, value := range in {
		all[name] = value
	}
	text, err := json.Marshal(all)
	require.NoError(b.t, err)
	status, out, _ := b.ask(http.MethodPost, "/oauth/token", "", string(text))
	return status, out
}

func (b *bundle) management() string {
	b.t.Helper()
	status, out := b.grant(map[string]string{"grant_type": tenant.GrantClientCredentials, "audience": b.url + "/api/v2/"})
	require.Equal(b.t, http.StatusOK, status)
	return out["access_token"].(string)
}

func realm(more map[string]string) map[string]string {
	in := map[string]string{
		"grant_type": tenant.GrantPasswordRealm, "realm": tenant.DefaultConnection,
		"username": "a@example.com", "password": password, "scope": "openid",
	}
	for name, value := range more {
		in[name] = value
	}
	return in
}

func TestDiscoveryFollowsTheURL(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, out, _ := b.ask(http.MethodGet, "/.well-known/openid-configuration", "", "")
	require.Equal(t, b.url+"/", out["issuer"])
	require.Equal(t, b.url+"/", b.tenant.Issuer())
	_, out, _ = b.ask(http.MethodGet, "/.well-known/jwks.json", "", "")
	require.Len(t, out["keys"], 1)
	b.tenant.RotateKeys()
	_, out, _ = b.ask(http.MethodGet, "/.well-known/jwks.json", "", "")
	require.Len(t, out["keys"], 2)
	b.tenant.RevokeKeys()
	_, out, _ = b.ask(http.MethodGet, "/.well-known/jwks.json", "", "")
	require.Len(t, out["keys"], 1)
}

func TestGrantsAreRefusedAsDocumented(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.AddUser("a@example.com", password, "")
	for _, c := range []struct {
		in     map[string]string
		status int
		code   string
	}{
		{realm(map[string]string{"client_secret": "x"}), 401, "access_denied"},
		{realm(map[string]string{"grant_type": ""}), 400, "invalid_request"},
		{realm(map[string]string{"grant_type": "implicit"}), 403, "unsupported_grant_type"},
		{realm(map[string]string{"password": ""}), 400, "invalid_request"},
		{realm(map[string]string{"realm": "other"}), 400, "invalid_request"},
		{realm(map[string]string{"password": "x"}), 403, "invalid_grant"},
		{map[string]string{"grant_type": tenant.GrantClientCredentials, "audience": "x"}, 403, "access_denied"},
	} {
		status, out := b.grant(c.in)
		require.Equal(t, c.status, status, "%v", c.in)
		require.Equal(t, c.code, out["error"], "%v", c.in)
	}
	status, out := b.grant(realm(nil))
	require.Equal(t, http.StatusOK, status)
	require.NotEmpty(t, out["id_token"])
	b.tenant.Configure(func(s *tenant.Settings) { s.GrantTypes = nil })
	status, out = b.grant(realm(nil))
	require.Equal(t, 403, status)
	require.Equal(t, "unauthorized_client", out["error"])
}

func TestAFormIsTakenToo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	res, err := http.PostForm(b.url+"/oauth/token", url.Values{
		"client_id": {tenant.DefaultClientID}, "client_secret": {tenant.DefaultClientSecret},
		"grant_type": {tenant.GrantClientCredentials}, "audience": {tenant.DefaultAudience},
	})
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
}

func TestTheManagementAPIWantsATokenWithTheScope(t *testing.T) {
	t.Parallel()
	b := setup(t)
	status, out, _ := b.ask(http.MethodGet, "/api/v2/users/auth0%7C1", "x", "")
	require.Equal(t, http.StatusUnauthorized, status)
	require.EqualValues(t, 401, out["statusCode"])
	b.tenant.Configure(func(s *tenant.Settings) { s.Scopes = []string{"read:users"} })
	token := b.management()
	status, out, head := b.ask(http.MethodGet, "/api/v2/users/auth0%7C1", token, "")
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, "inexistent_user", out["errorCode"])
	require.NotEmpty(t, head.Get("X-Ratelimit-Remaining"))
	status, out, _ = b.ask(http.MethodDelete, "/api/v2/users/auth0%7C1", token, "")
	require.Equal(t, http.StatusForbidden, status)
	require.Equal(t, "insufficient_scope", out["errorCode"])
	b.tenant.RevokeTokens()
	status, _, _ = b.ask(http.MethodGet, "/api/v2/users/auth0%7C1", token, "")
	require.Equal(t, http.StatusUnauthorized, status)
}

func TestUsersAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.management()
	create := `{"connection":"` + tenant.DefaultConnection + `","email":"A@example.com","password":"` + password + `","name":"Mei"}`
	status, out, _ := b.ask(http.MethodPost, "/api/v2/users", token, create)
	require.Equal(t, http.StatusCreated, status)
	id := out["user_id"].(string)
	u, ok := b.tenant.User(id)
	require.True(t, ok)
	require.Equal(t, "a@example.com", u.Email)
	status, out, _ = b.ask(http.MethodPost, "/api/v2/users", token, create)
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, "auth0_idp_error", out["errorCode"])

	for body, want := range map[string]string{
		`{"password":"short"}`:                         "PasswordStrengthError: Password is too weak",
		`{"password":"Hello-Mei-2026"}`:                "PasswordNoUserInfoError: Password contains user information",
		`{"password":"Passw0rd!"}`:                     "PasswordDictionaryError: Password is too common",
		`{"password":"Another-One-9","email":"b@c"}`:   "Cannot update password and email simultaneously",
		`{"connection":"other","password":"Fine-123"}`: "The connection does not exist.",
	} {
		status, out, _ = b.ask(http.MethodPatch, "/api/v2/users/"+url.PathEscape(id), token, body)
		require.Equal(t, http.StatusBadRequest, status)
		require.Equal(t, want, out["message"])
	}
	status, out, _ = b.ask(http.MethodPatch, "/api/v2/users/"+url.PathEscape(id), token, `{"surname":"x"}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "invalid_body", out["errorCode"])
	for range 2 {
		status, _, _ = b.ask(http.MethodDelete, "/api/v2/users/"+url.PathEscape(id), token, "")
		require.Equal(t, http.StatusNoContent, status)
	}
	_, ok = b.tenant.User(id)
	require.False(t, ok)
}

func TestAChangedPasswordUnblocksTheAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.tenant.AddUser("a@example.com", password, "")
	for range tenant.MaxWrong {
		b.grant(realm(map[string]string{"password": "x"}))
	}
	status, out := b.grant(realm(nil))
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Equal(t, "too_many_attempts", out["error"])
	b.ask(http.MethodPatch, "/api/v2/users/"+url.PathEscape(id), b.management(), `{"password":"Another-One-9"}`)
	status, _ = b.grant(realm(map[string]string{"password": "Another-One-9"}))
	require.Equal(t, http.StatusOK, status)
}

func TestTheRateLimitCountsByTheTenantsClock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.management()
	b.tenant.Configure(func(s *tenant.Settings) { s.RateLimit, s.RateWindow = 2, time.Hour })
	for _, want := range []int{200, 200, 429} {
		status, out, head := b.ask(http.MethodGet, "/api/v2/clients/"+tenant.DefaultClientID, token, "")
		require.Equal(t, want, status)
		require.Equal(t, "2", head.Get("X-Ratelimit-Limit"))
		require.Equal(t, want == 429, out["errorCode"] == "too_many_requests")
	}
}

func TestItFailsAsItIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.Fail("/oauth/token", 503, 1)
	status, out := b.grant(realm(nil))
	require.Equal(t, 503, status)
	require.Equal(t, "service_unavailable", out["error"])
	status, _ = b.grant(realm(nil))
	require.Equal(t, http.StatusForbidden, status)
	b.tenant.Down(true)
	_, err := http.Get(b.url + "/.well-known/jwks.json")
	require.Error(t, err)
	require.Positive(t, b.tenant.Requests()["GET /.well-known/jwks.json"], "what was cut counts too")
}

func TestPasswordPolicies(t *testing.T) {
	t.Parallel()
	for policy, fits := range map[string][2]string{
		"none": {"a", ""}, "low": {"abcdef", "abcde"}, "fair": {"Abcdefg1", "abcdefg1"}, "good": {"abcdefg1!", "abcdefgh"},
	} {
		b := setup(t)
		b.tenant.Configure(func(s *tenant.Settings) { s.PasswordPolicy = policy })
		id, token := b.tenant.AddUser("someone@example.com", password, ""), b.management()
		for i, want := range []int{http.StatusOK, http.StatusBadRequest} {
			body := `{"password":"` + fits[i] + `"}`
			status, _, _ := b.ask(http.MethodPatch, "/api/v2/users/"+url.PathEscape(id), token, body)
			require.Equal(t, want, status, "%s: %q", policy, fits[i])
		}
	}
}
