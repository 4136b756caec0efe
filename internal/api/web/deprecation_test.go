package web_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
)

// oldContract has one operation that is deprecated as its place holders say, and one
// that may be asked by anybody.
const oldContract = `
openapi: 3.1.1
info: {title: Old, version: 1.0.0}
components: {securitySchemes: {bearer: {type: http, scheme: bearer}}, schemas: {Thing: %s}}
security: [{bearer: []}]
paths:
  /things:
    get:
      operationId: oldThings
      %s
      responses: {'204': {description: Done.}}
  /who:
    get:
      operationId: oldWho
      security: [{}, {bearer: []}]
      x-rate-limit: auth
      responses: {'204': {description: Done.}}
`

const deprecated = `deprecated: true
      x-deprecated-at: "2026-09-01"
      x-sunset: "2027-09-01"
      x-successor: listThings`

// oldGuards compiles the contract with what it says of oldThings.
func oldGuards(t *testing.T, says string, now func() time.Time) (map[string][]echo.MiddlewareFunc, error) {
	t.Helper()
	document, err := web.Load(oldDocument(says, "{}"))
	require.NoError(t, err)
	cfg := guardConfig()
	cfg.Deprecation = oldDeprecation(now)
	return document.Guards(cfg)
}

// oldDocument is the contract with what it says of oldThings and of the schema Thing.
func oldDocument(says, thing string) []byte { return fmt.Appendf(nil, oldContract, thing, says) }

func oldDeprecation(now func() time.Time) web.DeprecationConfig {
	return web.DeprecationConfig{
		Now: now,
		Successor: func(id string) (string, bool) {
			return "/api/v2/things/{thing_id}", id == "listThings"
		},
		Guide: func(name string) string { return "/guide#" + name },
	}
}

// oldServer answers 204 with whoever asks as X-User.
func oldServer(t *testing.T, says string, now func() time.Time) *echo.Echo {
	t.Helper()
	guards, err := oldGuards(t, says, now)
	require.NoError(t, err)
	e := echo.New()
	web.Stack(e, web.StackConfig{Logger: slog.New(slog.DiscardHandler), ErrorForms: map[string]web.ErrorForm{
		"1": func(p web.Problem) (int, any) { return p.Status, map[string]any{"detail": p.Detail, "extra": p.Extra} },
	}})
	answer := func(c echo.Context) error {
		c.Response().Header().Set("X-User", web.IdentityFrom(c.Request().Context()).UserID.String())
		return c.NoContent(http.StatusNoContent)
	}
	e.GET("/api/v1/things", answer, guards["oldThings"]...)
	e.GET("/api/v1/who", answer, guards["oldWho"]...)
	return e
}

func ask(t *testing.T, e *echo.Echo, path, token string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, req)
	return answer
}

func TestADeprecatedOperationSaysSoUntilItEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 8, 31, 23, 59, 59, 0, time.UTC)
	e := oldServer(t, deprecated, func() time.Time { return now })
	told := func(answer *httptest.ResponseRecorder) {
		t.Helper()
		require.Equal(t, "@1788220800", answer.Header().Get("Deprecation"), "RFC 9745")
		require.Equal(t, "Wed, 01 Sep 2027 00:00:00 GMT", answer.Header().Get("Sunset"), "RFC 8594")
		require.Equal(t, []string{
			`</guide#oldThings>; rel="deprecation"`, `</guide#oldThings>; rel="sunset"`,
			`</api/v2/things/%7Bthing_id%7D>; rel="successor-version"`,
		}, answer.Header().Values("Link"))
	}
	good := ask(t, e, "/api/v1/things", goodToken)
	require.Equal(t, http.StatusNoContent, good.Code)
	told(good)
	refused := ask(t, e, "/api/v1/things", "")
	require.Equal(t, http.StatusUnauthorized, refused.Code)
	told(refused)
	require.Empty(t, ask(t, e, "/api/v1/who", "").Header().Get("Deprecation"))

	now = now.Add(time.Second)
	for _, token := range []string{goodToken, ""} {
		ended := ask(t, e, "/api/v1/things", token)
		require.Equal(t, http.StatusGone, ended.Code)
		told(ended)
		require.Equal(t, "application/json", ended.Header().Get("Content-Type"))
		require.JSONEq(t, `{"detail":"This operation has ended. Use listThings instead.","extra":{"successor":"listThings"}}`, ended.Body.String())
	}
}

func TestAnOperationMayEndWithoutASuccessor(t *testing.T) {
	t.Parallel()
	says := strings.Replace(deprecated, "listThings", `"none: Nobody used it."`, 1)
	e := oldServer(t, says, func() time.Time { return time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC) })
	ended := ask(t, e, "/api/v1/things", goodToken)
	require.Equal(t, http.StatusGone, ended.Code)
	require.Contains(t, ended.Body.String(), "Nothing takes its place: Nobody used it.")
	require.Len(t, ended.Header().Values("Link"), 2)
}

func TestAContractThatDeprecatesByHalvesIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ says, want string }{
		"no dates":         {"deprecated: true", "x-deprecated-at must be a date"},
		"no sunset":        {strings.Replace(deprecated, "x-sunset", "x-other", 1), "x-sunset must be a date"},
		"a time":           {strings.Replace(deprecated, "2027-09-01", "2027-09-01T00:00:00Z", 1), "x-sunset must be a date"},
		"reversed":         {strings.Replace(deprecated, "2027", "2025", 1), "x-sunset must be later than x-deprecated-at"},
		"the same day":     {strings.Replace(deprecated, "2027", "2026", 1), "x-sunset must be later than x-deprecated-at"},
		"a wrong heir":     {strings.Replace(deprecated, "listThings", "listNothing", 1), "x-successor must name an operation of the newer document"},
		"no reason":        {strings.Replace(deprecated, "listThings", `"none: "`, 1), "x-successor must name"},
		"dates for naught": {strings.Replace(deprecated, "deprecated: true", "summary: Things", 1), "it has x-deprecated-at, but is not deprecated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := oldGuards(t, test.says, time.Now)
			require.ErrorContains(t, err, "oldThings")
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestWhoMayBeAnybodyIsNobodyWithoutAGoodToken(t *testing.T) {
	t.Parallel()
	e := oldServer(t, deprecated, time.Now)
	for token, user := range map[string]string{
		goodToken: someone().UserID.String(), "": "00000000-0000-0000-0000-000000000000", "bad": "00000000-0000-0000-0000-000000000000",
	} {
		answer := ask(t, e, "/api/v1/who", token)
		require.Equal(t, http.StatusNoContent, answer.Code, token)
		require.Equal(t, user, answer.Header().Get("X-User"), token)
	}
	require.Equal(t, http.StatusServiceUnavailable, ask(t, e, "/api/v1/who", downToken).Code, "what cannot be known is not denied")
}
