package lock_test

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

const patience = 20 * time.Second // for what must happen at all; the machine may be busy

// patient is how most tests want it: nothing runs out because the machine is busy.
func patient(c *lock.Config) {
	c.CallTimeout, c.Place, c.TTL = patience, 2*patience, 2*patience
}

// quick lets a lock run out while a test looks on.
func quick(c *lock.Config) {
	c.CallTimeout, c.TTL = 500*time.Millisecond, time.Second
}

// node makes Locks of their own on a client of their own, as another node would.
func node(t testing.TB, changes ...func(*lock.Config)) *lock.Locks {
	t.Helper()
	return nodeOn(t, redistest.Shared(t), changes...)
}

func nodeOn(t testing.TB, client redis.UniversalClient, changes ...func(*lock.Config)) *lock.Locks {
	t.Helper()
	config := lock.Config{Client: client}
	for _, change := range changes {
		change(&config)
	}
	locks, err := lock.New(config)
	require.NoError(t, err)
	t.Cleanup(locks.Close)
	return locks
}

func portOf(t testing.TB, server *devstack.Redis) int {
	t.Helper()
	options, err := redis.ParseURL(server.URL())
	require.NoError(t, err)
	_, port, _ := strings.Cut(options.Addr, ":")
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return n
}

func acquire(t testing.TB, locks *lock.Locks, name string) *lock.Held {
	t.Helper()
	held, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: name, Wait: patience})
	require.NoError(t, err)
	return held
}

func release(t testing.TB, held *lock.Held) {
	t.Helper()
	require.NoError(t, held.Release(t.Context()))
}

// outcome is what a call of Acquire in the background gave.
type outcome struct {
	held *lock.Held
	err  error
}

// ask acquires in the background.
func ask(t testing.TB, locks *lock.Locks, in lock.AcquireInput) <-chan outcome {
	t.Helper()
	got := make(chan outcome, 1)
	var work sync.WaitGroup
	t.Cleanup(work.Wait)
	ctx := t.Context()
	work.Go(func() {
		held, err := locks.Acquire(ctx, in)
		got <- outcome{held, err}
	})
	return got
}

func within[T any](t testing.TB, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		t.Fatal("it does not come")
	}
	return value
}

// ended waits for a context and gives why it ended.
func ended(t testing.TB, ctx context.Context) error { //nolint:revive // t comes first in tests
	t.Helper()
	within(t, ctx.Done())
	return context.Cause(ctx)
}

// awaitWaiters returns once n wait for a name.
func awaitWaiters(t testing.TB, client redis.UniversalClient, name string, n int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		count, err := client.ZCard(t.Context(), "lock:{"+name+"}:queue").Result()
		return err == nil && count == n
	}, patience, time.Millisecond)
}

// random gives a name of the test's own.
func random() string { return strings.ToLower(rand.Text()) }
