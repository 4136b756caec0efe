package lock_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

func TestLocksAreCountedByHowTheAskingEnded(t *testing.T) {
	t.Parallel()
	locks, name := node(t, patient), random()
	held := acquire(t, locks, name)
	_, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: name})
	require.ErrorIs(t, err, lock.ErrBusy)
	_, err = locks.Acquire(t.Context(), lock.AcquireInput{Name: name, Wait: time.Millisecond})
	require.ErrorIs(t, err, lock.ErrWaited)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = locks.Acquire(gone, lock.AcquireInput{Name: name})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, testutil.CollectAndCompare(locks.Metrics(), strings.NewReader(`
# HELP fluentpro_lock_acquires_total Locks that were asked for, by how it ended.
# TYPE fluentpro_lock_acquires_total counter
fluentpro_lock_acquires_total{outcome="busy"} 1
fluentpro_lock_acquires_total{outcome="left"} 1
fluentpro_lock_acquires_total{outcome="taken"} 1
fluentpro_lock_acquires_total{outcome="unavailable"} 0
fluentpro_lock_acquires_total{outcome="waited"} 1
# HELP fluentpro_lock_held Locks that this node holds.
# TYPE fluentpro_lock_held gauge
fluentpro_lock_held 1
# HELP fluentpro_lock_lost_total Locks that were lost while they were held.
# TYPE fluentpro_lock_lost_total counter
fluentpro_lock_lost_total 0
# HELP fluentpro_lock_waiting Who waits for a lock on this node.
# TYPE fluentpro_lock_waiting gauge
fluentpro_lock_waiting 0
`), "fluentpro_lock_acquires_total", "fluentpro_lock_held", "fluentpro_lock_lost_total", "fluentpro_lock_waiting"))
	release(t, held)
}

func TestALockThatIsLostIsCountedAndSoIsARedisThatIsAway(t *testing.T) {
	t.Parallel()
	server := redistest.Own(t, 0)
	client := redistest.Client(t, server.URL(), func(o *redis.UniversalOptions) { o.MaxRetries = -1 })
	locks := nodeOn(t, client, quick)
	held := acquire(t, locks, random())
	require.NoError(t, server.Stop(t.Context()))
	require.ErrorIs(t, ended(t, held.Context()), lock.ErrLost)
	_, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: random()})
	require.ErrorIs(t, err, lock.ErrUnavailable)
	require.NoError(t, testutil.CollectAndCompare(locks.Metrics(), strings.NewReader(`
# HELP fluentpro_lock_acquires_total Locks that were asked for, by how it ended.
# TYPE fluentpro_lock_acquires_total counter
fluentpro_lock_acquires_total{outcome="busy"} 0
fluentpro_lock_acquires_total{outcome="left"} 0
fluentpro_lock_acquires_total{outcome="taken"} 1
fluentpro_lock_acquires_total{outcome="unavailable"} 1
fluentpro_lock_acquires_total{outcome="waited"} 0
# HELP fluentpro_lock_lost_total Locks that were lost while they were held.
# TYPE fluentpro_lock_lost_total counter
fluentpro_lock_lost_total 1
`), "fluentpro_lock_acquires_total", "fluentpro_lock_lost_total"))
}
