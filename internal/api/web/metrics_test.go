package web_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
)

// counting serves the small contract with everything counted.
func counting(t testing.TB, handlers map[string]echo.HandlerFunc) (*bundle, *web.Metrics) {
	t.Helper()
	m := web.NewMetrics()
	b := &bundle{echo: echo.New(), log: &logBook{}}
	web.Stack(b.echo, web.StackConfig{Logger: slog.New(slog.NewJSONHandler(b.log, nil)), Metrics: m})
	cfg := guardConfig()
	cfg.Metrics, cfg.Version = m, "v2"
	document := load(t, smallContract)
	guards, err := document.Guards(cfg)
	require.NoError(t, err)
	for _, route := range document.Routes() {
		handler := handlers[route.Operation]
		if handler == nil {
			handler = giveBack
		}
		b.echo.Add(route.Method, "/api/v2"+route.Path, handler, guards[route.Operation]...)
	}
	b.echo.GET("/docs", func(c echo.Context) error { return c.String(http.StatusOK, "docs") })
	return b, m
}

// tells requires that exactly these lines are told of some metrics.
func tells(t *testing.T, m *web.Metrics, lines string, names ...string) {
	t.Helper()
	require.NoError(t, testutil.CollectAndCompare(m, strings.NewReader(lines), names...))
}

func TestRequestsAreCountedByTheirOperationAndHowTheyEnded(t *testing.T) {
	t.Parallel()
	b, m := counting(t, map[string]echo.HandlerFunc{
		"listThings": func(echo.Context) error { return errors.New("broken") },
	})
	b.do(request(http.MethodPost, "/api/v2/things", lamp))
	b.do(request(http.MethodPost, "/api/v2/things", lamp))
	b.do(request(http.MethodPost, "/api/v2/things", `{"a`))
	b.do(request(http.MethodGet, "/api/v2/things", ""))
	for _, odd := range []string{"/docs", "/api/v2/nowhere", "/%00", "/api/v9/things", "/../../etc/passwd"} {
		b.do(request(http.MethodGet, odd, ""))
	}
	b.do(request("BREW", "/api/v2/things", ""))
	tells(t, m, `
# HELP fluentpro_http_requests_in_flight Requests whose handler is at work.
# TYPE fluentpro_http_requests_in_flight gauge
fluentpro_http_requests_in_flight 0
# HELP fluentpro_http_requests_total Requests that were answered, by the class of the status.
# TYPE fluentpro_http_requests_total counter
fluentpro_http_requests_total{operation="createThing",status="2xx",version="v2"} 2
fluentpro_http_requests_total{operation="createThing",status="4xx",version="v2"} 1
fluentpro_http_requests_total{operation="listThings",status="5xx",version="v2"} 1
fluentpro_http_requests_total{operation="other",status="2xx",version="none"} 1
fluentpro_http_requests_total{operation="other",status="4xx",version="none"} 5
# HELP fluentpro_problems_total Errors that clients were told, by their code.
# TYPE fluentpro_problems_total counter
fluentpro_problems_total{code="request.malformed",door="http"} 1
fluentpro_problems_total{code="route.method_not_allowed",door="http"} 1
fluentpro_problems_total{code="server.internal",door="http"} 1
`, "fluentpro_http_requests_total", "fluentpro_http_requests_in_flight", "fluentpro_problems_total")
	require.Equal(t, 3, testutil.CollectAndCount(m, "fluentpro_http_request_duration_seconds"))
}

func TestFailuresToAuthenticateAreCountedByTheirReason(t *testing.T) {
	t.Parallel()
	b, m := counting(t, nil)
	for _, token := range []string{"", "Bearer other.token", "Bearer two words", "Bearer " + readerToken} {
		req := request(http.MethodPost, "/api/v2/things", lamp)
		req.Header.Del("Authorization")
		if token != "" {
			req.Header.Set("Authorization", token)
		}
		b.do(req)
	}
	tells(t, m, `
# HELP fluentpro_problems_total Errors that clients were told, by their code.
# TYPE fluentpro_problems_total counter
fluentpro_problems_total{code="auth.forbidden",door="http"} 1
fluentpro_problems_total{code="auth.invalid_token",door="http"} 2
fluentpro_problems_total{code="auth.required",door="http"} 1
`, "fluentpro_problems_total")
}

func TestTheDurationEndsWhenTheAnswerBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, m := counting(t, map[string]echo.HandlerFunc{
			"listThings": func(c echo.Context) error {
				time.Sleep(20 * time.Millisecond)
				c.Response().WriteHeader(http.StatusOK)
				time.Sleep(time.Hour)
				_, err := io.WriteString(c.Response(), "{}")
				return err
			},
		})
		b.do(request(http.MethodGet, "/api/v2/things", ""))
		text, err := testutil.CollectAndFormat(m, expfmt.TypeTextPlain, "fluentpro_http_request_duration_seconds")
		require.NoError(t, err)
		require.Contains(t, string(text), `fluentpro_http_request_duration_seconds_sum{operation="listThings",version="v2"} 0.02`)
	})
}

func TestAStreamIsOpenUntilItEndsAndSaysWhy(t *testing.T) {
	t.Parallel()
	type step struct {
		reason string
		err    error
	}
	steps := make(chan step, 1)
	var during string
	var m *web.Metrics
	b, m := counting(t, map[string]echo.HandlerFunc{
		"listThings": func(c echo.Context) error {
			how := <-steps
			s := web.Streaming(c.Request().Context())
			s.Wrote(2)
			s.Wrote(0)
			text, err := testutil.CollectAndFormat(m, expfmt.TypeTextPlain, "fluentpro_streams_open")
			during = string(text)
			if how.reason != "" {
				s.Ends(how.reason)
			}
			s.End(how.err)
			return errors.Join(err, c.NoContent(http.StatusOK))
		},
	})
	for _, how := range []step{
		{"", nil}, {web.EndDraining, nil}, {"", context.Canceled}, {"", io.ErrUnexpectedEOF}, {web.EndDone, os.ErrDeadlineExceeded}, {web.EndTokenExpiring, nil},
	} {
		steps <- how
		require.Equal(t, http.StatusOK, b.do(request(http.MethodGet, "/api/v2/things", "")).Code)
		require.Contains(t, during, `fluentpro_streams_open{operation="listThings"} 1`)
	}
	tells(t, m, `
# HELP fluentpro_stream_events_total Events written to streams.
# TYPE fluentpro_stream_events_total counter
fluentpro_stream_events_total{operation="listThings"} 12
# HELP fluentpro_streams_ended_total Streams that have ended, by why.
# TYPE fluentpro_streams_ended_total counter
fluentpro_streams_ended_total{reason="done"} 1
fluentpro_streams_ended_total{reason="draining"} 1
fluentpro_streams_ended_total{reason="failed"} 1
fluentpro_streams_ended_total{reason="left"} 1
fluentpro_streams_ended_total{reason="session_revoked"} 0
fluentpro_streams_ended_total{reason="token_expiring"} 1
fluentpro_streams_ended_total{reason="too_slow"} 1
# HELP fluentpro_streams_open Streams of Server-Sent Events under way.
# TYPE fluentpro_streams_open gauge
fluentpro_streams_open{operation="listThings"} 0
`, "fluentpro_stream_events_total", "fluentpro_streams_ended_total", "fluentpro_streams_open")
	web.Streaming(t.Context()).End(nil) // outside of a request nobody counts
}

// BenchmarkStack compares a whole request through the stack and a guard, which writes its
// line to nowhere, with and without metrics.
func BenchmarkStack(b *testing.B) {
	for name, m := range map[string]*web.Metrics{"without metrics": nil, "with metrics": web.NewMetrics()} {
		b.Run(name, func(b *testing.B) {
			e := echo.New()
			web.Stack(e, web.StackConfig{Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)), Metrics: m})
			cfg := guardConfig()
			cfg.Metrics, cfg.Version = m, "v2"
			document := load(b, realContract)
			guards, err := document.Guards(cfg)
			require.NoError(b, err)
			for _, route := range document.Routes() {
				e.Add(route.Method, "/api/v2"+route.Path, giveBack, guards[route.Operation]...)
			}
			req := request(http.MethodGet, "/api/v2/conversations?limit=20&status=active", "")
			run(b, func() {
				answer := httptest.NewRecorder()
				if e.ServeHTTP(answer, req); answer.Code != http.StatusOK {
					b.Fatal(answer.Code, answer.Body)
				}
			})
		})
	}
}

func TestUsesOfWhatIsDeprecatedAreCountedByName(t *testing.T) {
	t.Parallel()
	m := web.NewMetrics()
	cfg := guardConfig()
	cfg.Deprecation, cfg.Metrics, cfg.Version = oldDeprecation(func() time.Time { return time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC) }), m, "v1"
	document, err := web.Load(oldDocument(deprecated, "{}"))
	require.NoError(t, err)
	guards, err := document.Guards(cfg)
	require.NoError(t, err)
	e := echo.New()
	e.GET("/api/v1/things", giveBack, guards["oldThings"]...)
	for range 3 {
		e.ServeHTTP(httptest.NewRecorder(), request(http.MethodGet, "/api/v1/things", ""))
	}
	tells(t, m, `
# HELP fluentpro_deprecated_uses_total Requests that used what the contract deprecates.
# TYPE fluentpro_deprecated_uses_total counter
fluentpro_deprecated_uses_total{name="oldThings",version="v1"} 3
`, "fluentpro_deprecated_uses_total")
}
