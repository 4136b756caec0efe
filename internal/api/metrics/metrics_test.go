package metrics_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/metrics"
	"github.com/fluentpro/fluentpro/internal/monitor"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

func TestEachProbeIsAGauge(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Open(t)
	slow := monitor.Findings(func(context.Context) (monitor.Damage, error) {
		return monitor.Damage{Findings: 3, Conversations: 12}, nil
	}, time.Now)
	m := monitor.New(monitor.Deps{Pool: pool, Probes: []monitor.Probe{monitor.Database(pool), slow}, Logger: slog.New(slog.DiscardHandler)})
	scrape := func() string {
		answer := httptest.NewRecorder()
		metrics.New(m).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
		require.Equal(t, http.StatusOK, answer.Code)
		return answer.Body.String()
	}
	require.Empty(t, scrape(), "nothing is known before the first round")
	m.Round(t.Context())
	text := scrape()
	for _, line := range []string{
		`fluentpro_probe_state{probe="database"} 0`, `fluentpro_probe_state{probe="findings"} 2`, `fluentpro_probe_value{probe="findings",unit="count"} 3`,
		`fluentpro_probe_age_seconds{probe="findings"} `, `fluentpro_node_probe_state{probe="database"} 0`,
	} {
		require.Contains(t, text, line)
	}
}
