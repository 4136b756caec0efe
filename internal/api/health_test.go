package api_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

// dependency is what /readyz says of one.
type dependency struct {
	Status    string
	Required  bool
	LatencyMS float64 `json:"latency_ms"`
	Reason    string
}

// readiness is what /readyz says.
type readiness struct {
	Status       string
	Reasons      []string
	Dependencies map[string]dependency
}

// ready asks /readyz and expects a status.
func ready(t *testing.T, s *apitest.Server, status int) (r readiness) {
	t.Helper()
	a := s.Nobody().Get(t, "/readyz").Expect(t, status, &r)
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	require.Equal(t, status != http.StatusOK, a.Header.Get("Retry-After") != "")
	alive := s.Nobody().Get(t, "/healthz").Expect(t, http.StatusOK, nil)
	require.JSONEq(t, `{"status":"alive"}`, string(alive.Body), "the process lives in any case")
	return r
}

func TestReadinessTellsEachDependency(t *testing.T) {
	t.Parallel()
	r := ready(t, apitest.New(t, apitest.WithTenant()), http.StatusOK)
	require.Equal(t, "ready", r.Status)
	require.Empty(t, r.Reasons)
	require.Len(t, r.Dependencies, 4)
	for _, name := range []string{"postgres", "redis", "model", "auth0"} {
		d := r.Dependencies[name]
		require.Equal(t, "up", d.Status, name)
		require.Equal(t, name == "postgres", d.Required, name)
		require.Empty(t, d.Reason, name)
	}
	require.Positive(t, r.Dependencies["postgres"].LatencyMS)
	require.NotContains(t, ready(t, apitest.New(t), http.StatusOK).Dependencies, "auth0", "it is not used")
}

func TestWithoutRedisANodeIsDegradedAndReady(t *testing.T) {
	t.Parallel()
	r := ready(t, apitest.New(t, apitest.WithConfig(func(c *app.Config) { c.RedisURL = secret.NewURL("redis://127.0.0.1:1") })), http.StatusOK)
	require.Equal(t, "degraded", r.Status)
	require.Equal(t, "down", r.Dependencies["redis"].Status)
	require.Equal(t, "it cannot be reached", r.Dependencies["redis"].Reason, "no address")
	require.Equal(t, []string{"redis: it cannot be reached"}, r.Reasons)
}

func TestWithoutAModelANodeIsDegradedAndReady(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	for range 2 { // each is attempted three times, and five failures in a row are enough
		s.Model.Script(slices.Repeat([]partner.Step{{Status: http.StatusServiceUnavailable}}, 3)...)
	}
	l.Say(t, l.Talk(t), "Hello")
	l.Say(t, l.Talk(t), "Hello")
	require.Eventually(t, func() bool { return ready(t, s, http.StatusOK).Status == "degraded" }, 20*time.Second, 20*time.Millisecond)
	r := ready(t, s, http.StatusOK)
	require.Equal(t, "it has been failing; its breaker is open", r.Dependencies["model"].Reason)
}

func TestWithoutItsDatabaseANodeIsNotReady(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	name := s.Config.DatabaseURL.Reveal()
	admin, err := postgres.Open(t.Context(), postgres.Config{URL: apitest.Database(t), MaxConns: 1})
	require.NoError(t, err)
	defer admin.Close()
	var database string
	own, err := postgres.Open(t.Context(), postgres.Config{URL: name, MaxConns: 1})
	require.NoError(t, err)
	require.NoError(t, own.QueryRow(t.Context(), "select current_database()").Scan(&database))
	own.Close()
	allow := func(yes string) {
		_, err := admin.Exec(context.WithoutCancel(t.Context()), "alter database "+database+" allow_connections "+yes)
		require.NoError(t, err)
	}
	allow("false")
	defer allow("true")
	_, err = admin.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", database)
	require.NoError(t, err)
	r := ready(t, s, http.StatusServiceUnavailable)
	require.Equal(t, "unavailable", r.Status)
	require.Equal(t, "down", r.Dependencies["postgres"].Status)
	require.NotEmpty(t, r.Dependencies["postgres"].Reason)
	require.Contains(t, r.Reasons[0], "postgres: ")
	require.Equal(t, "up", r.Dependencies["redis"].Status)
}

func TestANodeThatDrainsIsNotReadyWhateverElse(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithConfig(func(c *app.Config) { c.RedisURL = secret.NewURL("redis://127.0.0.1:1") }))
	s.App.NotReady()
	r := ready(t, s, http.StatusServiceUnavailable)
	require.Equal(t, "draining", r.Status)
	require.Equal(t, []string{"redis: it cannot be reached", "the node is stopping"}, r.Reasons)
	require.Equal(t, "up", r.Dependencies["postgres"].Status)
}
