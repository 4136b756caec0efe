package lock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

func TestWhoComesFirstIsServedFirstOnWhicheverNode(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	nodes := []*lock.Locks{node(t, patient), node(t, patient), node(t, patient)}
	held := acquire(t, nodes[0], name)
	var waiting []<-chan outcome
	for i, n := range []int{0, 0, 1, 2, 1, 1, 2, 0, 2, 1} {
		waiting = append(waiting, ask(t, nodes[n], lock.AcquireInput{Name: name, Wait: patience}))
		awaitWaiters(t, client, name, int64(i+1))
	}
	began := time.Now()
	for i, next := range waiting {
		release(t, held)
		if i+1 < len(waiting) {
			_, err := nodes[i%3].Acquire(t.Context(), lock.AcquireInput{Name: name})
			require.ErrorIs(t, err, lock.ErrBusy, "nobody passes those who wait")
		}
		got := within(t, next)
		require.NoError(t, got.err)
		require.Greater(t, got.held.Fence(), held.Fence())
		held = got.held
		for _, later := range waiting[i+1:] {
			require.Empty(t, later)
		}
	}
	release(t, held)
	require.Less(t, time.Since(began), patience/2, "they are called: by themselves each asks after a quarter of it at the soonest")
	require.Equal(t, []string{"lock:{" + name + "}:fence"}, redistest.Keys(t, client, "lock:{"+name+"}:*"), "nothing else stays")
}

func TestTooManyWaitersAreSentAway(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	few := func(c *lock.Config) { c.MaxWaiters = 2 }
	nodes := []*lock.Locks{node(t, patient, few), node(t, patient, few)}
	held := acquire(t, nodes[0], name)
	first := ask(t, nodes[0], lock.AcquireInput{Name: name, Wait: patience})
	awaitWaiters(t, client, name, 1)
	second := ask(t, nodes[1], lock.AcquireInput{Name: name, Wait: patience})
	awaitWaiters(t, client, name, 2)
	for _, n := range nodes {
		_, err := n.Acquire(t.Context(), lock.AcquireInput{Name: name, Wait: patience})
		require.ErrorIs(t, err, lock.ErrBusy)
		require.NotErrorIs(t, err, lock.ErrWaited, "at once")
	}
	release(t, held)
	release(t, within(t, first).held)
	release(t, within(t, second).held)
}

func TestWaitingEndsInTimeAndWithItsCaller(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	locks := nodeOn(t, client, patient)
	held := acquire(t, locks, name)

	_, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: name, Wait: 50 * time.Millisecond})
	require.ErrorIs(t, err, lock.ErrBusy)
	require.ErrorIs(t, err, lock.ErrWaited)
	awaitWaiters(t, client, name, 0)

	ctx, cancel := context.WithCancelCause(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := locks.Acquire(ctx, lock.AcquireInput{Name: name, Wait: patience})
		left <- err
	}()
	awaitWaiters(t, client, name, 1)
	behind := ask(t, locks, lock.AcquireInput{Name: name, Wait: patience})
	awaitWaiters(t, client, name, 2)
	cause := errors.New("the caller left")
	cancel(cause)
	require.ErrorIs(t, within(t, left), cause)
	awaitWaiters(t, client, name, 1)
	release(t, held)
	release(t, within(t, behind).held)
}

// A waiter that leaves just as it is called must not take the call along.
func TestAWaiterThatLeavesWhileTheLockIsFreeCallsTheNext(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	locks := nodeOn(t, client, patient)
	held := acquire(t, locks, name)
	// The first in the queue is on a node that hears nothing, and is there to stay.
	enqueue(t, client, name, "deaf.1.5000", time.Now().Add(patience))
	next := ask(t, locks, lock.AcquireInput{Name: name, Wait: patience})
	awaitWaiters(t, client, name, 2)
	release(t, held)
	_, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: name})
	require.ErrorIs(t, err, lock.ErrBusy, "the lock is free, and belongs to the first in the queue")
	require.Empty(t, next)
	require.NoError(t, lock.Abandon(t.Context(), locks, name, "deaf.1.5000"))
	release(t, within(t, next).held)
}

func TestDeadWaitersBlockTheQueueForAMomentOnly(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	locks := nodeOn(t, client) // as it comes: a place is kept for a second
	for i, token := range []string{"dead.1.5000", "dead.2.5000", "dead.3.5000"} {
		enqueue(t, client, name, token, time.Now().Add(time.Second))
		awaitWaiters(t, client, name, int64(i+1))
	}
	began := time.Now()
	held := acquire(t, locks, name)
	require.Less(t, time.Since(began), 2500*time.Millisecond, "all of them together, not one after the other")
	release(t, held)
}

// As after a clock of Redis that went back an hour.
func TestPlacesAndLocksThatLieFarAheadAreCut(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	locks := nodeOn(t, client)
	enqueue(t, client, name, "dead.1.1000", time.Now().Add(time.Hour))
	require.NoError(t, client.Set(t.Context(), "lock:{"+name+"}:holder", "dead.2.1000", time.Hour).Err())
	release(t, acquire(t, locks, name))
}

// As after Redis ran out of memory and chose one key of the two.
func TestAWaiterWithoutAPlaceIsDead(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	locks := nodeOn(t, client, patient)
	enqueue(t, client, name, "dead.1.5000", time.Now().Add(patience))
	require.NoError(t, client.Del(t.Context(), "lock:{"+name+"}:alive").Err())
	release(t, acquire(t, locks, name))
}

func TestAWaiterWhoseCallIsLostAsksByItself(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	held := acquire(t, node(t, patient), name)
	waiting := ask(t, nodeOn(t, client), lock.AcquireInput{Name: name, Wait: patience})
	awaitWaiters(t, client, name, 1)
	require.NoError(t, client.Del(t.Context(), "lock:{"+name+"}:holder").Err()) // without a word
	release(t, within(t, waiting).held)
	require.ErrorIs(t, held.Release(t.Context()), lock.ErrLost)
}

// enqueue puts a token into the queue that nobody stands behind.
func enqueue(t *testing.T, client redis.UniversalClient, name, token string, until time.Time) {
	t.Helper()
	queue, alive := "lock:{"+name+"}:queue", "lock:{"+name+"}:alive"
	n := client.ZCard(t.Context(), queue).Val()
	require.NoError(t, client.ZAdd(t.Context(), queue, redis.Z{Score: float64(n + 1), Member: token}).Err())
	require.NoError(t, client.ZAdd(t.Context(), alive, redis.Z{Score: float64(until.UnixMilli()), Member: token}).Err())
}
