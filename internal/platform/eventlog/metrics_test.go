package eventlog_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

func TestAppendsAndDeliveriesAreCounted(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		appendN(t, log, "s", 1, 3)
		for range 2 {
			sub := log.Follow(t.Context(), "s", eventlog.ID{})
			_, err := read(t, sub, 3)
			require.NoError(t, err)
			sub.Close()
		}
		_, err := log.Append(t.Context(), eventlog.AppendInput{Stream: "s", After: eventlog.ID{Ms: 7}, Entry: []byte("x")})
		require.ErrorIs(t, err, eventlog.ErrDiverged)
		_, err = log.Append(t.Context(), eventlog.AppendInput{Stream: "s", Fence: 2, After: eventlog.AnyID, Entry: []byte("x")})
		require.NoError(t, err)
		_, err = log.Append(t.Context(), eventlog.AppendInput{Stream: "s", Fence: 1, After: eventlog.AnyID, Entry: []byte("x")})
		require.ErrorIs(t, err, eventlog.ErrFenced)
		require.NoError(t, testutil.CollectAndCompare(log.Metrics(), strings.NewReader(`
# HELP fluentpro_log_appends_total Entries that were to be appended to live logs, by how it ended.
# TYPE fluentpro_log_appends_total counter
fluentpro_log_appends_total{outcome="diverged"} 1
fluentpro_log_appends_total{outcome="done"} 4
fluentpro_log_appends_total{outcome="fenced"} 1
fluentpro_log_appends_total{outcome="unavailable"} 0
# HELP fluentpro_log_deliveries_total Entries of live logs handed to subscribers, once for each.
# TYPE fluentpro_log_deliveries_total counter
fluentpro_log_deliveries_total 6
`), "fluentpro_log_appends_total", "fluentpro_log_deliveries_total"))
	})
}
