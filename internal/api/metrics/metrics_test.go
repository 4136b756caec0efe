package metrics_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
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
	handler, err := metrics.New(metrics.Probes(m), metrics.Build("v1.2.3"))
	require.NoError(t, err)
	scrape := func() string {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
		require.Equal(t, http.StatusOK, answer.Code)
		return answer.Body.String()
	}
	require.NotContains(t, scrape(), "fluentpro_probe", "nothing is known before the first round")
	m.Round(t.Context())
	text := scrape()
	for _, line := range []string{
		`fluentpro_probe_state{probe="database"} 0`, `fluentpro_probe_state{probe="findings"} 2`, `fluentpro_probe_value{probe="findings",unit="count"} 3`,
		`fluentpro_probe_age_seconds{probe="findings"} `, `fluentpro_node_probe_state{probe="database"} 0`,
		`fluentpro_build_info{go="` + runtime.Version() + `",version="v1.2.3"} 1`, "go_goroutines ", "process_resident_memory_bytes ",
	} {
		require.Contains(t, text, line)
	}
}

func TestTheAgeOfABackupGrowsFromTheLastLook(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Open(t)
	newest := time.Time{}
	age := monitor.BackupAge(24*time.Hour, func(context.Context) (time.Time, error) { return newest, nil }, time.Now)
	m := monitor.New(monitor.Deps{Pool: pool, Probes: []monitor.Probe{age}, Logger: slog.New(slog.DiscardHandler)})
	m.Round(t.Context())
	require.Zero(t, testutil.CollectAndCount(metrics.Probes(m), "fluentpro_backup_age_seconds"), "there is none")
	newest = time.Now().Add(-2 * time.Hour)
	other := monitor.New(monitor.Deps{Pool: postgrestest.Open(t), Probes: []monitor.Probe{age}, Logger: slog.New(slog.DiscardHandler)})
	other.Round(t.Context())
	require.Equal(t, 1, testutil.CollectAndCount(metrics.Probes(other), "fluentpro_backup_age_seconds"))
}

func TestPartsWhoseMetricsDoNotGoTogetherAreRefused(t *testing.T) {
	t.Parallel()
	_, err := metrics.New(metrics.Build("a"), metrics.Build("a"))
	require.Error(t, err)
}
