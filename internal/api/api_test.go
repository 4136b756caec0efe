package api_test

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

// bad is a request that must be refused.
type bad struct {
	method, path string
	body         string
	header       map[string]string
	status       int
	code         string
}

func TestBadRequestsGetAClearProblem(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	messages := "/conversations/" + c.ID.String() + "/messages"
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	jsonType := map[string]string{"Content-Type": "application/json"}
	for name, b := range map[string]bad{
		"unknown route":               {"GET", "/nowhere", "", nil, 404, "route.not_found"},
		"wrong method":                {"DELETE", "/users", "", nil, 405, "route.method_not_allowed"},
		"wrong media type":            {"POST", "/conversations", "a=b", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, "request.unsupported_media_type"},
		"malformed JSON":              {"POST", messages, `{"content":`, jsonType, 400, "request.malformed"},
		"no body":                     {"POST", messages, ``, jsonType, 400, "request.malformed"},
		"bytes after the value":       {"POST", messages, `{"content":"a"} {}`, jsonType, 400, "request.malformed"},
		"bad UTF-8":                   {"POST", messages, "{\"content\":\"\xff\"}", jsonType, 400, "request.malformed"},
		"a NUL in a text":             {"POST", messages, `{"content":"a\u0000b"}`, jsonType, 400, "request.malformed"},
		"a NUL in a map":              {"POST", messages, `{"content":"a","metadata":{"k\u0000":1}}`, jsonType, 400, "request.malformed"},
		"deep nesting":                {"POST", messages, `{"content":"a","metadata":{"x":` + deep + `}}`, jsonType, 400, "request.malformed"},
		"unknown field":               {"POST", messages, `{"content":"a","role":"system"}`, jsonType, 400, "request.invalid"},
		"empty content":               {"POST", messages, `{"content":""}`, jsonType, 400, "request.invalid"},
		"long content":                {"POST", messages, `{"content":"` + strings.Repeat("x", 8001) + `"}`, jsonType, 400, "request.invalid"},
		"too large":                   {"POST", messages, `{"content":"` + strings.Repeat("x", 1<<20) + `"}`, jsonType, 413, "request.too_large"},
		"beyond int64":                {"POST", "/conversations", `{"partner_id":"clients","situation_id":"meetings","token_limit":99999999999999999999}`, jsonType, 400, "request.invalid"},
		"an id that is none":          {"GET", "/conversations/7", "", nil, 404, "resource.not_found"},
		"an escaped slash":            {"GET", "/conversations/a%2Fb", "", nil, 404, "resource.not_found"},
		"a NUL in the path":           {"GET", "/conversations/%00", "", nil, 404, "resource.not_found"},
		"limit of zero":               {"GET", "/conversations?limit=0", "", nil, 400, "request.invalid"},
		"limit that is none":          {"GET", "/conversations?limit=many", "", nil, 400, "request.invalid"},
		"limit twice":                 {"GET", "/conversations?limit=1&limit=2", "", nil, 400, "request.invalid"},
		"unknown parameter":           {"GET", "/conversations?sort=name", "", nil, 400, "request.invalid"},
		"a NUL in the query":          {"GET", "/conversations?tag=%00", "", nil, 400, "request.invalid"},
		"only HTML accepted":          {"GET", "/users/me", "", map[string]string{"Accept": "text/html"}, 406, "request.not_acceptable"},
		"a key of control characters": {"POST", messages, `{"content":"a"}`, map[string]string{"Content-Type": "application/json", "Idempotency-Key": "a b"}, 400, "request.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := apitest.Call{Method: b.method, Path: b.path, Header: b.header}
			if b.body != "" || b.method == "POST" {
				call.Body = []byte(b.body)
			}
			a := l.Do(t, call)
			a.Refused(t, b.status, b.code)
			require.NotEmpty(t, a.Header.Get("X-Request-ID"))
			if b.status == 405 {
				require.Contains(t, a.Header.Get("Allow"), "POST")
			}
		})
	}
	var page apiv2.MessagePage
	l.Get(t, "%s", messages).Expect(t, http.StatusOK, &page)
	require.Len(t, page.Data, 1, "a refused request changes nothing")
}

func TestAPathMayEndInASlashAndHEADAnswersWhereGETDoes(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	l.Get(t, "/users/me/").Expect(t, http.StatusOK, nil)
	for _, path := range []string{"/users/me", "/partners", "/healthz", "/docs", "/console", "/openapi/v2.yaml", "/.well-known/jwks.json"} {
		get := l.Get(t, "%s", path)
		head := l.Do(t, apitest.Call{Method: http.MethodHead, Path: path})
		require.Equal(t, get.Status, head.Status, path)
		require.Equal(t, get.Header.Get("Content-Type"), head.Header.Get("Content-Type"), path)
		require.Empty(t, head.Body, path)
	}
}

func TestHEADOfAStreamEndsAfterItsHeaders(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	var page apiv2.MessagePage
	l.Get(t, "/conversations/%s/messages", c.ID).Expect(t, http.StatusOK, &page)
	a := l.Do(t, apitest.Call{Method: http.MethodHead, Path: fmt.Sprintf("/conversations/%s/messages/%s/events", c.ID, page.Data[0].ID)})
	require.Equal(t, http.StatusOK, a.Status)
	require.Equal(t, "text/event-stream", a.Header.Get("Content-Type"))
}

func TestARequestIDIsTakenOrMade(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	for given, kept := range map[string]bool{"abc-123": true, strings.Repeat("x", 129): false, "a b": false, "": false} {
		a := s.Nobody().Do(t, apitest.Call{Method: http.MethodGet, Path: "/partners", Header: map[string]string{"X-Request-ID": given}})
		require.Equal(t, kept, a.Header.Get("X-Request-ID") == given, given)
		require.NotEmpty(t, a.Header.Get("X-Request-ID"))
	}
}

func TestWhoLacksTheRoleIsForbidden(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	conn, err := pgx.Connect(t.Context(), s.Config.DatabaseURL.Reveal())
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	setRoles := func(roles ...string) {
		_, err := conn.Exec(t.Context(), "update users set roles = $1 where id = $2", roles, l.User.ID)
		require.NoError(t, err)
		var in apiv2.LogInResult
		s.Nobody().Post(t, "/sessions", map[string]any{"email": l.User.Email, "password": apitest.Password}).Expect(t, http.StatusCreated, &in)
		l.Tokens = in.Tokens
	}
	setRoles("moderator")
	l.Post(t, "/conversations", map[string]any{"partner_id": "clients", "situation_id": "meetings"}).Refused(t, http.StatusForbidden, "auth.forbidden")
	l.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
	setRoles("admin")
	l.Talk(t)
}

func TestBrowsersOfAllowedOriginsReadAllOurHeaders(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithConfig(func(c *app.Config) { c.AllowedOrigins = []string{"https://app.example.com"} }))
	ask := func(origin string) apitest.Answer {
		return s.Nobody().Do(t, apitest.Call{Method: http.MethodGet, Path: "/partners", Header: map[string]string{"Origin": origin}})
	}
	a := ask("https://app.example.com")
	require.Equal(t, "https://app.example.com", a.Header.Get("Access-Control-Allow-Origin"))
	for _, name := range []string{"X-Request-ID", "API-Version", "ETag", "Location", "Idempotency-Replayed", "Preference-Applied", "Retry-After"} {
		require.Contains(t, strings.ToLower(a.Header.Get("Access-Control-Expose-Headers")), strings.ToLower(name))
	}
	require.Empty(t, ask("https://evil.example.com").Header.Get("Access-Control-Allow-Origin"))
}

func TestWithoutRedisALearnerStillGetsTheReply(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithConfig(func(c *app.Config) { c.RedisURL = secret.NewURL("redis://127.0.0.1:1") }))
	l := s.SignUp(t)
	c := l.Talk(t)
	sent := l.Say(t, c, "Hello, how are you?")
	a := l.Get(t, "/conversations/%s/messages/%s/events", c.ID, sent.Reply.ID).Expect(t, http.StatusOK, nil)
	require.Contains(t, string(a.Body), "event: message.completed")
}

func TestThePublishedKeysVerifyOurTokens(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	var set struct{ Keys []map[string]string }
	s.Nobody().Get(t, "/.well-known/jwks.json").Expect(t, http.StatusOK, &set)
	require.Len(t, set.Keys, 1)
	_, err := jwt.Parse(l.Tokens.AccessToken, func(token *jwt.Token) (any, error) {
		require.Equal(t, set.Keys[0]["kid"], token.Header["kid"])
		n, err := base64.RawURLEncoding.DecodeString(set.Keys[0]["n"])
		require.NoError(t, err)
		e, err := base64.RawURLEncoding.DecodeString(set.Keys[0]["e"])
		require.NoError(t, err)
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
	}, jwt.WithValidMethods([]string{"RS256"}))
	require.NoError(t, err)
}

func TestTheContractIsServedAsItIs(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	var doc map[string]any
	s.Nobody().Get(t, "/openapi/v2.json").Expect(t, http.StatusOK, &doc)
	require.Equal(t, "3.1.1", doc["openapi"])
	require.Len(t, doc["paths"], apitest.Contract().Paths.Len())
	require.Contains(t, string(s.Nobody().Get(t, "/docs").Expect(t, http.StatusOK, nil).Body), "<html")
	require.Contains(t, string(s.Nobody().Get(t, "/problems/user.email_taken").Expect(t, http.StatusOK, nil).Body), "user.email_taken")
}

func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	l.Do(t, apitest.Call{Method: http.MethodPost, Path: fmt.Sprintf("/conversations/%s/messages", c.ID),
		Body: map[string]any{"content": "a-very-private-sentence"}, Header: map[string]string{"Prefer": "wait=10"}}).Expect(t, http.StatusCreated, nil)
	s.Nobody().Get(t, "/conversations?after=%s", url.QueryEscape("secret-in-query"))
	logs := s.Logs.String()
	require.Contains(t, logs, `"operation":"createMessage"`)
	for _, secret := range []string{l.Tokens.AccessToken, l.Tokens.RefreshToken, apitest.Password, "a-very-private-sentence", "secret-in-query", string(l.User.Email)} {
		require.NotContains(t, logs, secret)
	}
}

// raw speaks HTTP by hand, for what a client library would not send.
func raw(t *testing.T, s *apitest.Server, text string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return response
}

func TestWhatNoLibraryWouldSendIsRefusedToo(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	for name, c := range map[string]struct {
		text   string
		status int
	}{
		"chunked over a MiB": {"POST /api/v2/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", 1<<20+1, bytes.Repeat([]byte(" "), 1<<20+1)), 413},
		"no host":             {"GET /api/v2/partners HTTP/1.1\r\n\r\n", 400},
		"a method of its own": {"BREW /api/v2/partners HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		"options":             {"OPTIONS /api/v2/partners HTTP/1.1\r\nHost: x\r\n\r\n", 204},
	} {
		response := raw(t, s, c.text)
		body, _ := io.ReadAll(io.LimitReader(response.Body, response.ContentLength))
		require.Equal(t, c.status, response.StatusCode, "%s: %s", name, body)
		if c.status == 413 || c.status == 405 {
			require.True(t, json.Valid(body), name)
		}
	}
}
