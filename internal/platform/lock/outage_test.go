package lock_test

import (
	"context"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

// silent gives the address of a server that takes connections and says nothing.
func silent(t testing.TB) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close() // with the listener
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		work.Wait()
	})
	return "redis://" + listener.Addr().String() + "/0"
}

func TestASilentRedisIsUnavailableInTime(t *testing.T) {
	t.Parallel()
	locks := nodeOn(t, redistest.Client(t, silent(t)), func(c *lock.Config) { c.CallTimeout = 100 * time.Millisecond })
	began := time.Now()
	_, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: "a", Wait: time.Hour})
	require.ErrorIs(t, err, lock.ErrUnavailable)
	require.Less(t, time.Since(began), 3*time.Second)
}

func TestARedisThatIsAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	server := redistest.Own(t, 0)
	locks := nodeOn(t, redistest.Client(t, server.URL()), quick)
	require.NoError(t, server.Stop(t.Context()))
	_, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: "a", Wait: time.Hour})
	require.ErrorIs(t, err, lock.ErrUnavailable)
}

func TestARedisThatRefusesIsUnavailable(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	require.NoError(t, client.LPush(t.Context(), "lock:{"+name+"}:fence", "no number").Err())
	_, err := nodeOn(t, client, patient).Acquire(t.Context(), lock.AcquireInput{Name: name})
	require.ErrorIs(t, err, lock.ErrUnavailable)
	require.ErrorContains(t, err, "WRONGTYPE")
	require.Eventually(t, func() bool { // and what the script did before is taken back
		return client.Exists(t.Context(), "lock:{"+name+"}:holder").Val() == 0
	}, patience, time.Millisecond)
}

func TestARedisThatComesBackEmptyEndsLocksAndGoesOnAboveTheFloor(t *testing.T) {
	t.Parallel()
	server := redistest.Own(t, 0)
	client := redistest.Client(t, server.URL())
	locks := nodeOn(t, client, quick)
	held, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: "a", Floor: 41})
	require.NoError(t, err)
	require.EqualValues(t, 42, held.Fence())
	waiting := ask(t, locks, lock.AcquireInput{Name: "a", Wait: patience})
	awaitWaiters(t, client, "a", 1)

	require.NoError(t, server.Stop(t.Context()))
	require.ErrorIs(t, within(t, waiting).err, lock.ErrUnavailable)
	redistest.Own(t, portOf(t, server))
	require.Eventually(t, func() bool { return client.Ping(t.Context()).Err() == nil }, patience, time.Millisecond)

	next, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: "a", Floor: held.Fence(), Wait: patience})
	require.NoError(t, err)
	require.EqualValues(t, 43, next.Fence())
	require.ErrorIs(t, ended(t, held.Context()), lock.ErrLost, "the renewal finds another's")
	require.ErrorIs(t, held.Release(t.Context()), lock.ErrLost)

	waiting = ask(t, locks, lock.AcquireInput{Name: "a", Wait: patience})
	awaitWaiters(t, client, "a", 1)
	release(t, next)
	release(t, within(t, waiting).held)
}

func TestALockThatCannotBeRenewedIsLostBeforeItsTTLIsOver(t *testing.T) {
	t.Parallel()
	server := redistest.Own(t, 0)
	locks := nodeOn(t, redistest.Client(t, server.URL()), quick)
	asked := time.Now()
	held := acquire(t, locks, "a")
	require.NoError(t, server.Stop(t.Context()))
	require.ErrorIs(t, ended(t, held.Context()), lock.ErrLost)
	require.Greater(t, time.Since(asked), 900*time.Millisecond, "not before it must")
	require.ErrorIs(t, held.Release(t.Context()), lock.ErrUnavailable)
}

func TestAConnectionThatBreaksIsListenedToAnew(t *testing.T) {
	t.Parallel()
	if redistest.InProcess() {
		t.Skip("the in-process Redis cannot break a connection")
	}
	client := redistest.Client(t, redistest.Own(t, 0).URL())
	locks := nodeOn(t, client, patient)
	for range 3 {
		held := acquire(t, locks, "a")
		waiting := ask(t, locks, lock.AcquireInput{Name: "a", Wait: patience})
		awaitWaiters(t, client, "a", 1)
		require.Eventually(t, func() bool { return len(client.PubSubChannels(t.Context(), "lock:wake:*").Val()) == 1 }, patience, time.Millisecond)
		require.NoError(t, client.Do(t.Context(), "client", "kill", "type", "pubsub").Err())
		began := time.Now()
		release(t, held)
		release(t, within(t, waiting).held)
		require.Less(t, time.Since(began), patience/4, "it asks when it listens again")
	}
}

// It runs alone, not in parallel: it looks at the goroutines of the process.
func TestNoGoroutineIsLeftAfterClose(t *testing.T) {
	client := redistest.Client(t, redistest.Own(t, 0).URL())
	locks := nodeOn(t, client, func(c *lock.Config) { c.CallTimeout, c.Place, c.TTL = time.Second, patience, 3*time.Second })
	held := acquire(t, locks, "a")
	for range 20 {
		ask(t, locks, lock.AcquireInput{Name: "a", Wait: patience})
	}
	awaitWaiters(t, client, "a", 20)
	acquire(t, locks, "b")
	require.Eventually(t, func() bool { return len(goroutines(").keep(")) == 2 }, patience, time.Millisecond)
	require.Len(t, goroutines(").receive("), 1)
	locks.Close()
	require.ErrorIs(t, context.Cause(held.Context()), lock.ErrClosed)
	require.Eventually(t, func() bool { return len(goroutines("internal/platform/lock.(")) == 0 }, patience, time.Millisecond)
}

// goroutines gives the stacks that hold a function of this name.
func goroutines(function string) (stacks []string) {
	all := make([]byte, 1<<20)
	for _, stack := range strings.Split(string(all[:runtime.Stack(all, true)]), "\n\n") {
		if strings.Contains(stack, function) {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}
