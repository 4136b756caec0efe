package gate_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

func TestRequestsAreCountedByLimitAndWhatItSaid(t *testing.T) {
	t.Parallel()
	g := gate.New(gate.Config{Client: redistest.Shared(t), Timeout: patience, Limits: []string{"test"}})
	subject := rand.Text()
	for range 3 {
		g.Take(t.Context(), subject, limit(t, "2/24h"))
	}
	g.Take(t.Context(), subject, gate.Limit{Name: "a name that is not known", Quota: 1, Window: 1e9})
	g.Take(t.Context(), subject, gate.Limit{Name: "test"})
	away := gate.New(gate.Config{Client: redistest.Client(t, "redis://127.0.0.1:1"), Limits: []string{"test"}})
	away.Take(t.Context(), subject, limit(t, "2/24h"))
	lines := func(allowed, refused, uncounted, other string) string {
		return `
# HELP fluentpro_rate_limit_requests_total Requests that a limit was asked about, by what it said.
# TYPE fluentpro_rate_limit_requests_total counter
fluentpro_rate_limit_requests_total{limit="other",outcome="allowed"} ` + other + `
fluentpro_rate_limit_requests_total{limit="other",outcome="refused"} 0
fluentpro_rate_limit_requests_total{limit="other",outcome="uncounted"} 0
fluentpro_rate_limit_requests_total{limit="test",outcome="allowed"} ` + allowed + `
fluentpro_rate_limit_requests_total{limit="test",outcome="refused"} ` + refused + `
fluentpro_rate_limit_requests_total{limit="test",outcome="uncounted"} ` + uncounted + "\n"
	}
	const name = "fluentpro_rate_limit_requests_total"
	require.NoError(t, testutil.CollectAndCompare(g.Metrics(), strings.NewReader(lines("2", "1", "0", "1")), name))
	require.NoError(t, testutil.CollectAndCompare(away.Metrics(), strings.NewReader(lines("0", "0", "1", "0")), name))
	require.Equal(t, 1, testutil.CollectAndCount(g.Metrics(), "fluentpro_breaker_state"))
}
