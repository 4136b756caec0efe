package measure_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// tells requires that a part tells exactly these lines.
func tells(t *testing.T, part prometheus.Collector, lines string, names ...string) {
	t.Helper()
	require.NoError(t, testutil.CollectAndCompare(part, strings.NewReader(lines), names...))
}

func TestAValueThatIsNotKnownCountsAsOther(t *testing.T) {
	t.Parallel()
	cups := measure.CountersBy("cups_total", "Cups.", "drink", "tea", "coffee")
	cups.Of("tea").Inc()
	cups.Of("'; drop table cups").Inc()
	cups.Of("").Add(2)
	tells(t, cups, `
# HELP cups_total Cups.
# TYPE cups_total counter
cups_total{drink="coffee"} 0
cups_total{drink="other"} 3
cups_total{drink="tea"} 1
`)
	open := measure.GaugesBy("open", "Open.", "kind", "door")
	open.Of("door").Inc()
	tells(t, open, `
# HELP open Open.
# TYPE open gauge
open{kind="door"} 1
`)
	took := measure.HistogramsBy("took_seconds", "Took.", measure.Quick, "kind", "door")
	took.Of("door").Observe(0.2)
	require.Equal(t, 1, testutil.CollectAndCount(took))
}

func TestPartsAreRegisteredAsOne(t *testing.T) {
	t.Parallel()
	n, level, took := measure.Counter("n_total", "N."), measure.Gauge("level", "Level."), measure.Histogram("took_seconds", "Took.", measure.Patient)
	measure.Since(took, time.Now().Add(-time.Second))
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(measure.Collectors{n, level, took}))
	count, err := testutil.GatherAndCount(registry)
	require.NoError(t, err)
	require.Equal(t, 3, count)
	require.Error(t, registry.Register(n), "it is there")
}

func TestFiguresAreReadOnceForAll(t *testing.T) {
	t.Parallel()
	reads := 0
	part := measure.Stats(func() int { reads++; return reads }, prometheus.Labels{"client": "a"},
		measure.Figure[int]{Name: "now", Help: "Now.", Of: func(n int) float64 { return float64(n) }},
		measure.Figure[int]{Name: "ever_total", Help: "Ever.", Grows: true, Of: func(n int) float64 { return float64(n) }},
	)
	tells(t, part, `
# HELP ever_total Ever.
# TYPE ever_total counter
ever_total{client="a"} 1
# HELP now Now.
# TYPE now gauge
now{client="a"} 1
`)
}

func TestWhatWasReadLastIsForgottenWhenItIsOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var last measure.Last[int]
		_, ok := last.Within(time.Hour)
		require.False(t, ok, "nothing was read")
		last.Keep(7)
		value, ok := last.Within(time.Minute)
		require.True(t, ok)
		require.Equal(t, 7, value)
		time.Sleep(2 * time.Minute)
		_, ok = last.Within(time.Minute)
		require.False(t, ok)
	})
}

func TestABreakerTellsItsState(t *testing.T) {
	t.Parallel()
	for state, want := range map[gobreaker.State]string{gobreaker.StateClosed: "0", gobreaker.StateHalfOpen: "1", gobreaker.StateOpen: "2"} {
		tells(t, measure.Breaker("model", func() gobreaker.State { return state }), `
# HELP fluentpro_breaker_state State of a circuit breaker: 0 closed, 1 on trial, 2 open.
# TYPE fluentpro_breaker_state gauge
fluentpro_breaker_state{breaker="model"} `+want+"\n")
	}
}

func TestTwoClientsOfRedisAreToldApart(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	for _, name := range []string{"main", "log"} {
		client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		t.Cleanup(func() { _ = client.Close() })
		require.NoError(t, registry.Register(measure.RedisPool(name, client)))
	}
	count, err := testutil.GatherAndCount(registry, "fluentpro_redis_pool_connections")
	require.NoError(t, err)
	require.Equal(t, 2, count)
}
