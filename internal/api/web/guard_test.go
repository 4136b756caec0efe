package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
)

const thingPath = "/api/v2/things/019a2b4e-5c00-7000-8000-000000000003"

func TestAnOperationNeedsATokenOfTheRightForm(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	for header, code := range map[string]string{
		"":                          "auth.required",
		"Basic dTpw":                "auth.required",
		"Bearer":                    "auth.invalid_token",
		"Bearer ":                   "auth.invalid_token",
		"Bearer ===":                "auth.invalid_token",
		"Bearer good token":         "auth.invalid_token",
		"Bearer good.token, Bearer": "auth.invalid_token",
		"Bearer b\xc3\xa4d":         "auth.invalid_token",
		"Bearer other.token":        "auth.invalid_token",
	} {
		req := request(http.MethodGet, "/api/v2/things", "")
		req.Header.Set("Authorization", header)
		answer := b.do(req)
		require.Equal(t, http.StatusUnauthorized, answer.Code, header)
		require.Equal(t, code, readProblem(t, answer).Code, header)
		want := "Bearer"
		if code == "auth.invalid_token" {
			want = `Bearer error="invalid_token"`
		}
		require.Equal(t, want, answer.Header().Get("WWW-Authenticate"), header)
	}

	none := request(http.MethodGet, "/api/v2/things", "")
	none.Header.Del("Authorization")
	require.Equal(t, "auth.required", readProblem(t, b.do(none)).Code)
	two := request(http.MethodGet, "/api/v2/things", "")
	two.Header.Add("Authorization", "Bearer "+goodToken)
	require.Equal(t, "auth.invalid_token", readProblem(t, b.do(two)).Code)

	for _, good := range []string{"Bearer good.token", "bearer good.token", "BEARER   good.token"} {
		require.Equal(t, http.StatusOK, b.do(request(http.MethodGet, "/api/v2/things", "", "Authorization", good)).Code, good)
	}
}

func TestAPermissionIsNeededWhereTheContractNamesOne(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	body := `{"name":"Lamp","kind":"small"}`
	require.Equal(t, http.StatusOK, b.do(request(http.MethodPost, "/api/v2/things", body)).Code)

	answer := b.do(request(http.MethodPost, "/api/v2/things", body, "Authorization", "Bearer "+readerToken))
	require.Equal(t, http.StatusForbidden, answer.Code)
	require.Equal(t, "auth.forbidden", readProblem(t, answer).Code)
	require.Equal(t, http.StatusForbidden, b.do(request(http.MethodDelete, thingPath, "")).Code, "nobody has this permission")
	require.Equal(t, http.StatusOK, b.do(request(http.MethodGet, thingPath, "", "Authorization", "Bearer "+readerToken)).Code, "none is needed")
}

func TestAnOpenOperationIgnoresABadToken(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, map[string]echo.HandlerFunc{"open": func(c echo.Context) error {
		require.Zero(t, web.IdentityFrom(c.Request().Context()))
		return c.NoContent(http.StatusNoContent)
	}})
	require.Equal(t, http.StatusNoContent, b.do(request(http.MethodPost, "/api/v2/open", "", "Authorization", "Bearer bad")).Code)
}

func TestAHandlerKnowsWhoAsksAndFromWhere(t *testing.T) {
	t.Parallel()
	var identity web.Identity
	var client web.Client
	var id, operation string
	b := setup(t, smallContract, map[string]echo.HandlerFunc{"getThing": func(c echo.Context) error {
		ctx := c.Request().Context()
		identity, client, id, operation = web.IdentityFrom(ctx), web.ClientFrom(ctx), web.RequestIDFrom(ctx), web.OperationFrom(ctx)
		require.False(t, web.HeadOnly(ctx))
		return c.NoContent(http.StatusOK)
	}})
	req := request(http.MethodGet, thingPath, "", "User-Agent", "phone \xff 1.0"+strings.Repeat("x", 600), "X-Request-ID", "from-client_1.0")
	require.Equal(t, http.StatusOK, b.do(req).Code)
	require.Equal(t, someone(), identity)
	require.Equal(t, "192.0.2.1", client.Address)
	require.Equal(t, thingPath, client.Path)
	require.True(t, strings.HasPrefix(client.UserAgent, "phone  1.0x"))
	require.LessOrEqual(t, len(client.UserAgent), 512)
	require.Equal(t, "from-client_1.0", id)
	require.Equal(t, "getThing", operation)

	ctx := web.WithIdentity(context.Background(), someone())
	require.Equal(t, someone(), web.IdentityFrom(ctx))
	require.Zero(t, web.IdentityFrom(context.Background()))
	require.Empty(t, web.RequestIDFrom(context.Background()))
	require.Zero(t, web.ClientFrom(context.Background()))
}

func TestAnAnswerThatTheClientDoesNotAcceptIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	for accept, want := range map[string]int{
		"":                                 http.StatusOK,
		"*/*":                              http.StatusOK,
		"application/*":                    http.StatusOK,
		"application/json":                 http.StatusOK,
		"application/json; charset=utf-8":  http.StatusOK,
		"text/html, application/json;q=.1": http.StatusOK,
		"text/html, */*;q=0.1":             http.StatusOK,
		"text/html, *; q=.2, */*; q=.2":    http.StatusOK,
		"garbage":                          http.StatusOK,
		"text/html":                        http.StatusNotAcceptable,
		"application/xml, text/*":          http.StatusNotAcceptable,
		"application/problem+json":         http.StatusNotAcceptable,
		"application/json;q=0":             http.StatusNotAcceptable,
	} {
		answer := b.do(request(http.MethodGet, "/api/v2/things", "", "Accept", accept))
		require.Equal(t, want, answer.Code, accept)
		if want != http.StatusOK {
			require.Equal(t, "request.not_acceptable", readProblem(t, answer).Code)
		}
	}
	require.Equal(t, http.StatusOK, b.do(request(http.MethodGet, thingPath, "", "Accept", "text/event-stream")).Code, "one of two types")
	require.Equal(t, http.StatusForbidden, b.do(request(http.MethodDelete, thingPath, "", "Accept", "text/html")).Code, "who may comes first")
}

func TestGuardsRefuseAContractTheyCannotKeep(t *testing.T) {
	t.Parallel()
	const frame = `
openapi: 3.1.1
info: {title: t, version: '1'}
security: [{bearer: []}]
components: {securitySchemes: {bearer: {type: http, scheme: bearer}, other: {type: http, scheme: basic}}}
paths:
  /a/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    post:
      operationId: makeA
      responses: {'200': {description: d}}
`
	ok := web.GuardConfig{Limits: unlimited, Authenticate: authenticate, Permissions: map[string][]string{"p": {"user"}}}
	for _, test := range []struct {
		name, more, want string
		cfg              web.GuardConfig
	}{
		{"an unknown permission", "      x-permission: fly\n", "fly", ok},
		{"a permission of nobody's", "      x-permission: p\n      security: []\n", "permission", ok},
		{"two tokens", "      security: [{bearer: []}, {bearer: []}]\n", "security", ok},
		{"a permission of anybody", "      x-permission: p\n      security: [{}, {bearer: []}]\n", "security", ok},
		{"nothing to authenticate with", "", "authenticate", web.GuardConfig{}},
		{"a list as parameter", "      parameters: [{name: q, in: query, schema: {type: array, items: {type: string}}}]\n", "array", ok},
		{"a cookie", "      parameters: [{name: q, in: cookie, schema: {type: string}}]\n", "cookie", ok},
		{"a parameter of any type", "      parameters: [{name: q, in: query, schema: {}}]\n", "one type", ok},
		{"a form", "      requestBody: {content: {text/plain: {schema: {type: string}}}}\n", "text/plain", ok},
		{"a body of any form", "      requestBody: {content: {application/json: {}}}\n", "schema", ok},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			document, err := web.Load([]byte(frame + test.more))
			require.NoError(t, err)
			_, err = document.Guards(test.cfg)
			require.ErrorContains(t, err, "makeA")
			require.ErrorContains(t, err, test.want)
		})
	}
	document, err := web.Load([]byte(frame + "      x-permission: p\n"))
	require.NoError(t, err)
	guards, err := document.Guards(ok)
	require.NoError(t, err)
	require.Len(t, guards["makeA"], 1)
}
