package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
)

// Tokens that authenticate knows.
const (
	goodToken   = "good.token"
	readerToken = "reader.token"
	downToken   = "down.token"
)

func someone() web.Identity {
	return web.Identity{
		UserID:    uuid.MustParse("019a2b4e-5c00-7000-8000-000000000001"),
		SessionID: uuid.MustParse("019a2b4e-5c00-7000-8000-000000000002"),
		Roles:     []string{"user", "writer"},
		ExpiresAt: time.Date(2026, 11, 2, 9, 15, 0, 0, time.UTC),
	}
}

func authenticate(_ context.Context, token string, _ gate.Limit) (web.Identity, gate.Pass, error) {
	who, err := identify(token)
	return who, gate.Pass{Allowed: true}, err
}

// unlimited are the limits of the contracts, all off.
var unlimited = map[string]gate.Limit{"auth": {}, "api": {}, "matching": {}, "messages": {}, "admin": {}}

func countNothing(context.Context, string, gate.Limit) gate.Pass { return gate.Pass{Allowed: true} }

func identify(token string) (web.Identity, error) {
	identity := someone()
	switch token {
	case goodToken:
		return identity, nil
	case readerToken:
		identity.Roles = []string{"user"}
		return identity, nil
	case downToken:
		return web.Identity{}, fault.New(fault.Unavailable, "server.unavailable", "Sessions cannot be read.").WithRetryAfter(1500 * time.Millisecond)
	default:
		return web.Identity{}, fault.New(fault.Unauthenticated, "auth.invalid_token", "The access token is not valid.")
	}
}

// guardConfig serves both contracts.
func guardConfig() web.GuardConfig {
	return web.GuardConfig{Limits: unlimited, Count: countNothing, Authenticate: authenticate, Deprecation: oldDeprecation(time.Now), Permissions: map[string][]string{
		"read": {"user"}, "write": {"writer"}, "purge": {}, "practise": {"user"}, "inspect": {"moderator"}, "administer": {"admin"},
	}}
}

// bundle is a server of one contract whose handlers are given by the test.
type bundle struct {
	echo *echo.Echo
	log  *logBook
}

// setup serves file under /api/v2 with the whole stack. Operations without a
// handler answer 200 with the value that the guard left, or {}.
func setup(t testing.TB, file string, handlers map[string]echo.HandlerFunc) *bundle {
	t.Helper()
	return setupWith(t, file, handlers, web.StackConfig{})
}

func setupWith(t testing.TB, file string, handlers map[string]echo.HandlerFunc, cfg web.StackConfig) *bundle {
	t.Helper()
	b := &bundle{echo: echo.New(), log: &logBook{}}
	cfg.Logger = slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	web.Stack(b.echo, cfg)
	document := load(t, file)
	guards, err := document.Guards(guardConfig())
	require.NoError(t, err)
	for _, route := range document.Routes() {
		handler := handlers[route.Operation]
		if handler == nil {
			handler = giveBack
		}
		b.echo.Add(route.Method, "/api/v2"+route.Path, handler, guards[route.Operation]...)
	}
	return b
}

// giveBack answers with the checked value of the body.
func giveBack(c echo.Context) error {
	if body, ok := c.Request().Body.(interface{ ValidatedValue() any }); ok {
		return c.JSON(http.StatusOK, body.ValidatedValue())
	}
	return c.JSON(http.StatusOK, map[string]any{})
}

// logBook keeps what was logged, line by line.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lines gives the entries with this message.
func (l *logBook) lines(t testing.TB, message string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(l.String()) {
		entry := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		if entry["msg"] == message {
			all = append(all, entry)
		}
	}
	return all
}

// request makes one with a token and, for a body, its usual type.
func request(method, target, body string, headers ...string) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req := httptest.NewRequest(method, target, reader)
	req.Header.Set("Authorization", "Bearer "+goodToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

func (b *bundle) do(req *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	b.echo.ServeHTTP(recorder, req)
	return recorder
}

// problem is an error as a client reads it.
type problem struct {
	Type      string        `json:"type"`
	Title     string        `json:"title"`
	Status    int           `json:"status"`
	Detail    string        `json:"detail"`
	Instance  string        `json:"instance"`
	Code      string        `json:"code"`
	RequestID string        `json:"request_id"`
	Errors    []fault.Field `json:"errors"`
	ReplyID   string        `json:"reply_id"`
}

func readProblem(t testing.TB, answer *httptest.ResponseRecorder) problem {
	t.Helper()
	require.Equal(t, web.ProblemType, answer.Header().Get("Content-Type"), answer.Body.String())
	var p problem
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &p), answer.Body.String())
	require.Equal(t, answer.Code, p.Status)
	require.Equal(t, "/problems/"+p.Code, p.Type)
	require.Equal(t, answer.Header().Get("X-Request-ID"), p.RequestID)
	require.NotEmpty(t, p.Detail)
	return p
}

// live serves the bundle on a socket until the test ends.
func (b *bundle) live(t testing.TB) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(b.echo)
	t.Cleanup(server.Close)
	return server
}

// dial opens a bare connection to the server, to write on it byte by byte.
func dial(t testing.TB, server *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
