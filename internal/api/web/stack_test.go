package web_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
)

func TestEveryAnswerCarriesTheRequestsID(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	for _, given := range []string{"a", "A-Z_0.9", strings.Repeat("x", 128)} {
		require.Equal(t, given, b.do(request(http.MethodGet, "/api/v2/none", "", "X-Request-ID", given)).Header().Get("X-Request-ID"))
	}
	for _, bad := range []string{"", "with blank", "ä", strings.Repeat("x", 129), "a\tb", "a/b"} {
		made := b.do(request(http.MethodGet, "/api/v2/things", "", "X-Request-ID", bad)).Header().Get("X-Request-ID")
		id, err := uuid.Parse(made)
		require.NoError(t, err, bad)
		require.EqualValues(t, 7, id.Version())
	}
}

func TestOneLineIsLoggedARequestWithoutWhatMayBeSecret(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	b.do(request(http.MethodGet, thingPath+"?token=secret", "", "X-Request-ID", "r-1", "User-Agent", "phone", "Cookie", "secret"))
	b.do(request(http.MethodPost, "/api/v2/things", lamp, "User-Agent", "phone"))
	lines := b.log.lines(t, "request")
	require.Len(t, lines, 2)
	require.NotContains(t, b.log.String(), "secret")
	delete(lines[0], "time")
	require.IsType(t, 0.0, lines[0]["duration_ms"])
	delete(lines[0], "duration_ms")
	delete(lines[0], "bytes")
	require.Equal(t, map[string]any{
		"level": "WARN", "msg": "request", "method": "GET", "route": "/api/v2/things/:thing_id", "operation": "getThing",
		"status": 400.0, "request_id": "r-1", "user_id": someone().UserID.String(), "address": "192.0.2.1", "user_agent": "phone",
	}, lines[0])
	require.Equal(t, "INFO", lines[1]["level"])
	require.EqualValues(t, len(lamp)+1, lines[1]["bytes"])
}

func TestAnswersCarrySecurityHeaders(t *testing.T) {
	t.Parallel()
	handlers := map[string]echo.HandlerFunc{
		"getThing": func(c echo.Context) error { return c.NoContent(http.StatusNotModified) },
		"listThings": func(c echo.Context) error {
			c.Response().Header().Set("Cache-Control", "public, max-age=60")
			return c.NoContent(http.StatusOK)
		},
	}
	b := setupWith(t, smallContract, handlers, web.StackConfig{TLS: true})
	b.echo.GET("/docs", func(c echo.Context) error {
		c.Response().Header().Set("Content-Security-Policy", "default-src 'self'")
		return c.NoContent(http.StatusOK)
	})
	made := b.do(request(http.MethodPost, "/api/v2/things", lamp)).Header()
	require.Equal(t, "nosniff", made.Get("X-Content-Type-Options"))
	require.Equal(t, "no-referrer", made.Get("Referrer-Policy"))
	require.Equal(t, "DENY", made.Get("X-Frame-Options"))
	require.Equal(t, "default-src 'none'; frame-ancestors 'none'", made.Get("Content-Security-Policy"))
	require.Equal(t, "max-age=31536000", made.Get("Strict-Transport-Security"))
	require.Equal(t, "no-store", made.Get("Cache-Control"))
	require.Equal(t, "2", made.Get("API-Version"))

	require.Equal(t, "public, max-age=60", b.do(request(http.MethodGet, "/api/v2/things", "")).Header().Get("Cache-Control"))
	require.Empty(t, b.do(request(http.MethodGet, thingPath, "")).Header().Get("Cache-Control"), "a 304 leaves the client's copy as it is")
	page := b.do(request(http.MethodGet, "/docs", "")).Header()
	require.Equal(t, "default-src 'self'", page.Get("Content-Security-Policy"))
	require.Empty(t, page.Get("API-Version"))
	require.Empty(t, page.Get("Cache-Control"))
	require.Equal(t, "1", b.do(request(http.MethodGet, "/api/v1/none", "")).Header().Get("API-Version"))
	require.Empty(t, b.do(request(http.MethodGet, "/api/v1x/none", "")).Header().Get("API-Version"))
	require.Empty(t, setup(t, smallContract, nil).do(request(http.MethodGet, "/", "")).Header().Get("Strict-Transport-Security"))
}

func TestOnlyListedOriginsMayCallFromABrowser(t *testing.T) {
	t.Parallel()
	const origin = "https://app.example.com"
	b := setupWith(t, smallContract, nil, web.StackConfig{AllowedOrigins: []string{origin}})
	preflight := func(from string) http.Header {
		answer := b.do(request(http.MethodOptions, "/api/v2/things", "", "Origin", from, "Access-Control-Request-Method", "POST"))
		require.Equal(t, http.StatusNoContent, answer.Code)
		return answer.Header()
	}
	allowed := preflight(origin)
	require.Equal(t, origin, allowed.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "600", allowed.Get("Access-Control-Max-Age"))
	require.Equal(t, "OPTIONS, GET, HEAD, POST", allowed.Get("Access-Control-Allow-Methods"))
	for _, name := range []string{"Authorization", "Idempotency-Key", "Last-Event-ID", "Prefer", "traceparent"} {
		require.Contains(t, allowed.Get("Access-Control-Allow-Headers"), name)
	}
	require.Empty(t, allowed.Get("Access-Control-Allow-Credentials"))
	for _, other := range []string{"https://evil.example.com", "http://app.example.com", "null", origin + ".evil.com"} {
		require.Empty(t, preflight(other).Get("Access-Control-Allow-Origin"), other)
		answer := b.do(request(http.MethodGet, "/api/v2/things", "", "Origin", other))
		require.Equal(t, http.StatusOK, answer.Code)
		require.Empty(t, answer.Header().Get("Access-Control-Allow-Origin"), other)
		require.Empty(t, answer.Header().Get("Access-Control-Expose-Headers"), other)
	}
	for _, req := range []*http.Request{
		request(http.MethodGet, "/api/v2/things", "", "Origin", origin),
		request(http.MethodGet, "/api/v2/none", "", "Origin", origin),
	} {
		h := b.do(req).Header()
		require.Equal(t, origin, h.Get("Access-Control-Allow-Origin"))
		require.Contains(t, h.Get("Vary"), "Origin")
		for _, name := range []string{"X-Request-ID", "API-Version", "ETag", "Location", "Retry-After", "Idempotency-Replayed", "Preference-Applied",
			"RateLimit", "RateLimit-Policy", "Deprecation", "Sunset", "Link", "WWW-Authenticate", "Content-Language", "traceparent"} {
			require.Contains(t, strings.Split(h.Get("Access-Control-Expose-Headers"), ","), name)
		}
	}
	nobody := setup(t, smallContract, nil).do(request(http.MethodGet, "/api/v2/things", "", "Origin", origin))
	require.Empty(t, nobody.Header().Get("Access-Control-Allow-Origin"), "an empty list allows nobody")

	asked := b.do(request(http.MethodOptions, "/api/v2/things", ""))
	require.Equal(t, http.StatusNoContent, asked.Code)
	require.Equal(t, "OPTIONS, GET, HEAD, POST", asked.Header().Get("Allow"))
	require.Equal(t, http.StatusNotFound, b.do(request(http.MethodOptions, "/api/v2/none", "")).Code)
}

func TestASlashAtTheEndOfAnAPIPathIsAbsent(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	b.echo.GET("/docs/", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	require.Equal(t, http.StatusOK, b.do(request(http.MethodGet, "/api/v2/things/", "")).Code)
	require.Equal(t, http.StatusOK, b.do(request(http.MethodGet, "/api/v2/things/?limit=5", "")).Code)
	require.Equal(t, http.StatusNotFound, b.do(request(http.MethodGet, "/api/v2/things//", "")).Code, "one, not two")
	require.Equal(t, http.StatusOK, b.do(request(http.MethodGet, "/docs/", "")).Code, "pages keep theirs")
}

func TestForwardedAddressesAreBelievedFromTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	_, proxies, err := net.ParseCIDR("10.0.0.0/8")
	require.NoError(t, err)
	for _, test := range []struct {
		trusted         []*net.IPNet
		peer, forwarded string
		want            string
	}{
		{nil, "192.0.2.1:1", "203.0.113.9", "192.0.2.1"},
		{nil, "127.0.0.1:1", "203.0.113.9", "127.0.0.1"},
		{[]*net.IPNet{proxies}, "10.1.2.3:1", "203.0.113.9", "203.0.113.9"},
		{[]*net.IPNet{proxies}, "10.1.2.3:1", "198.51.100.1, 203.0.113.9", "203.0.113.9"},
		{[]*net.IPNet{proxies}, "10.1.2.3:1", "203.0.113.9, 10.9.9.9", "203.0.113.9"},
		{[]*net.IPNet{proxies}, "192.168.0.1:1", "203.0.113.9", "192.168.0.1"},
		{[]*net.IPNet{proxies}, "127.0.0.1:1", "203.0.113.9", "127.0.0.1"},
		{[]*net.IPNet{proxies}, "10.1.2.3:1", "garbage", "10.1.2.3"},
	} {
		var got string
		b := setupWith(t, smallContract, map[string]echo.HandlerFunc{"getThing": func(c echo.Context) error {
			got = web.ClientFrom(c.Request().Context()).Address
			return nil
		}}, web.StackConfig{TrustedProxies: test.trusted})
		req := request(http.MethodGet, thingPath, "", "X-Forwarded-For", test.forwarded, "X-Real-Ip", "203.0.113.7")
		req.RemoteAddr = test.peer
		b.do(req)
		require.Equal(t, test.want, got, "%+v", test)
	}
}

func TestEntityTagsAreComparedWeakly(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		``:                    false,
		`*`:                   true,
		` * `:                 true,
		`"v1"`:                true,
		`W/"v1"`:              true,
		`"v0", "v1"`:          true,
		`"v0",W/"v1" , "v2"`:  true,
		`, "v1"`:              true,
		`"a, b", "v1"`:        true,
		`"v2"`:                false,
		`v1`:                  false,
		`"v1`:                 false,
		`"v0" "v1"`:           false,
		`"V1"`:                false,
		`"a", "b"`:            false,
		`w/"v1"`:              false,
		`"v0", garbage, "v1"`: false,
	} {
		require.Equal(t, want, web.NotModified(header, `"v1"`), header)
		require.Equal(t, want, web.NotModified(header, `W/"v1"`), header)
	}
	require.False(t, web.NotModified("*", ""), "there is nothing")
}
