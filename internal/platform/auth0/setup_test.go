package auth0_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
	"github.com/fluentpro/fluentpro/internal/platform/auth0"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

const (
	clientSecret = "very-secret-client-secret"
	email        = "mei.lin@example.com"
	password     = "Orchid-Harbour-7"
	address      = "203.0.113.7"
	tokenPath    = "/oauth/token"
	keysPath     = "/.well-known/jwks.json"
	usersPath    = "/api/v2/users"
	// patience bounds every wait of these tests; nothing takes this long unless it is broken.
	patience = 10 * time.Second
)

// firstKey is made once: each takes a moment of both cores.
var firstKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// bundle is a client before a stand-in of a tenant, both by one clock.
type bundle struct {
	t      *testing.T
	clock  *clock
	tenant *tenant.Server
	web    *httptest.Server
	client *auth0.Client
	logs   *logBuffer
}

// setup puts a client before a tenant. It fails fast where it fails at all.
func setup(t *testing.T, changes ...func(*auth0.Config)) *bundle {
	t.Helper()
	b := &bundle{t: t, clock: newClock()}
	b.tenant = tenant.New(tenant.Config{ClientSecret: clientSecret, Key: firstKey(), Now: b.clock.Now})
	b.serve(b.tenant, changes...)
	b.tenant.SetURL(b.web.URL)
	return b
}

// against puts a client before a handler of the test's own.
func against(t *testing.T, handler http.HandlerFunc, changes ...func(*auth0.Config)) *bundle {
	t.Helper()
	b := &bundle{t: t, clock: newClock()}
	b.serve(handler, changes...)
	return b
}

func (b *bundle) serve(handler http.Handler, changes ...func(*auth0.Config)) {
	b.t.Helper()
	b.logs = &logBuffer{}
	b.web = httptest.NewServer(handler)
	b.t.Cleanup(b.web.Close)
	cfg := b.config()
	for _, change := range changes {
		change(&cfg)
	}
	client, err := auth0.New(cfg)
	require.NoError(b.t, err)
	b.t.Cleanup(client.Close)
	b.client = client
}

func (b *bundle) config() auth0.Config {
	return auth0.Config{
		Domain: b.web.URL, ClientID: tenant.DefaultClientID, ClientSecret: clientSecret + "\n",
		Connection: tenant.DefaultConnection, Audience: tenant.DefaultAudience,
		Timeout: patience, RetryWait: time.Millisecond, Breaker: auth0.BreakerConfig{Failures: 100},
		Now: b.clock.Now, Logger: slog.New(slog.NewTextHandler(b.logs, nil)),
	}
}

// asked counts the requests of one kind, such as "GET /oauth/token".
func (b *bundle) asked(what string) int { return b.tenant.Requests()[what] }

// unavailable expects the one fault there is, and what may not be in it.
func (b *bundle) unavailable(err error) *fault.Error {
	b.t.Helper()
	require.Error(b.t, err)
	require.True(b.t, fault.Is(err, "server.unavailable"), "%v", err)
	require.Equal(b.t, fault.Unavailable, fault.Find(err).Kind)
	require.Positive(b.t, fault.Find(err).RetryAfter)
	require.NotErrorIs(b.t, err, auth0.ErrInvalidToken)
	b.keepsSecrets(err)
	return fault.Find(err)
}

// keepsSecrets looks for what must be in no error and no log line.
func (b *bundle) keepsSecrets(err error) {
	b.t.Helper()
	for _, secret := range []string{clientSecret, password, "eyJ", "Mfa", email, "mei.lin"} {
		require.NotContains(b.t, err.Error(), secret)
		require.NotContains(b.t, b.logs.String(), secret)
	}
}

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logBuffer collects log lines from several goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// says answers every request with a status and a JSON text.
func says(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}
