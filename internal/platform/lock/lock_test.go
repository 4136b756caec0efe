package lock_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

func TestOneOfManyOnTwoNodesHoldsTheLockAtATime(t *testing.T) {
	t.Parallel()
	nodes := []*lock.Locks{node(t, patient), node(t, patient)}
	name := random()
	var inside atomic.Int64
	var last int64 // guarded by the lock, which the race detector knows nothing of
	var guard sync.Mutex
	var work sync.WaitGroup
	for i := range 32 {
		work.Go(func() {
			for range 10 {
				held, err := nodes[i%2].Acquire(t.Context(), lock.AcquireInput{Name: name, Wait: patience})
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold it", n)
				}
				guard.Lock()
				if held.Fence() <= last {
					t.Errorf("fence %d after %d", held.Fence(), last)
				}
				last = held.Fence()
				guard.Unlock()
				inside.Add(-1)
				if err := held.Release(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	require.EqualValues(t, 320, last, "one number for each of them")
}

func TestNamesShareNothing(t *testing.T) {
	t.Parallel()
	locks, some := node(t, patient), random()
	for _, name := range []string{some, some + "{", some + "}", some + "%7B", "{}" + some, "%" + some} {
		held, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: name})
		require.NoError(t, err, name)
		require.EqualValues(t, 1, held.Fence())
		defer release(t, held)
	}
	_, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: some})
	require.ErrorIs(t, err, lock.ErrBusy)
	require.NotErrorIs(t, err, lock.ErrWaited)
}

func TestTheFenceRisesAndGoesOnAboveTheFloorWhenRedisForgot(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	locks := nodeOn(t, client, patient)
	fence := func(floor int64) int64 {
		held, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: name, Floor: floor})
		require.NoError(t, err)
		release(t, held)
		return held.Fence()
	}
	require.EqualValues(t, 1, fence(0))
	require.EqualValues(t, 2, fence(0))
	require.EqualValues(t, 11, fence(10))
	require.EqualValues(t, 12, fence(3), "what Redis knows is higher")
	require.Greater(t, client.PTTL(t.Context(), "lock:{"+name+"}:fence").Val(), 23*time.Hour)

	require.NoError(t, client.Del(t.Context(), "lock:{"+name+"}:fence").Err())
	require.EqualValues(t, 13, fence(12))
	const most = 1 << 52
	require.EqualValues(t, most+1, fence(most))
	require.EqualValues(t, most+2, fence(0), "no digit is lost")
	require.Greater(t, client.PTTL(t.Context(), "lock:{"+name+"}:fence").Val(), 23*time.Hour)
}

func TestReleaseLeavesAloneWhatIsAnothers(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	locks := nodeOn(t, client, patient)
	first := acquire(t, locks, name)
	require.NoError(t, client.Del(t.Context(), "lock:{"+name+"}:holder").Err())
	second := acquire(t, node(t, patient), name)
	require.Greater(t, second.Fence(), first.Fence())

	require.ErrorIs(t, first.Release(t.Context()), lock.ErrLost)
	require.ErrorIs(t, first.Release(t.Context()), lock.ErrLost, "the same answer again")
	_, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: name})
	require.ErrorIs(t, err, lock.ErrBusy, "the second still has it")

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, second.Release(gone), "also when the caller has gone")
	require.NoError(t, second.Release(gone))
	require.ErrorIs(t, context.Cause(second.Context()), context.Canceled)
	release(t, acquire(t, locks, name))
}

func TestALockIsRenewedBeyondItsTTLUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	other, name := node(t, patient), random()
	locks := node(t, quick)
	ctx, cancel := context.WithCancel(t.Context())
	held, err := locks.Acquire(ctx, lock.AcquireInput{Name: name})
	require.NoError(t, err)
	taken := ask(t, other, lock.AcquireInput{Name: name, Wait: patience})
	select {
	case got := <-taken:
		t.Fatal("it was taken from its holder", got.err)
	case <-held.Context().Done():
		t.Fatal("it was lost", context.Cause(held.Context()))
	case <-time.After(3 * time.Second): // three times the TTL, and nothing happens
	}
	cancel()
	require.ErrorIs(t, ended(t, held.Context()), context.Canceled)
	got := within(t, taken)
	require.NoError(t, got.err, "it runs out, since nobody works under it any more")
	release(t, got.held)
	require.ErrorIs(t, held.Release(t.Context()), lock.ErrLost)
}

func TestAHolderIsToldThatItsLockIsLost(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	held := acquire(t, nodeOn(t, client, quick), name)
	require.NoError(t, client.Set(t.Context(), "lock:{"+name+"}:holder", "another.1.60000", time.Minute).Err())
	require.ErrorIs(t, ended(t, held.Context()), lock.ErrLost)
	require.ErrorIs(t, held.Release(t.Context()), lock.ErrLost)
	require.Equal(t, "another.1.60000", client.Get(t.Context(), "lock:{"+name+"}:holder").Val())
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	client := redistest.Shared(t)
	for _, config := range []lock.Config{
		{},
		{Client: client, TTL: time.Millisecond},
		{Client: client, CallTimeout: time.Microsecond},
		{Client: client, CallTimeout: 3 * time.Second},
		{Client: client, Place: 10 * time.Millisecond},
		{Client: client, FenceTTL: time.Second},
		{Client: client, MaxWaiters: -1},
		{Client: client, Prefix: "{lock}"},
	} {
		_, err := lock.New(config)
		require.Error(t, err)
	}
	locks := node(t)
	for _, in := range []lock.AcquireInput{{}, {Name: "a", Floor: -1}, {Name: "a", Floor: 1 << 53}} {
		_, err := locks.Acquire(t.Context(), in)
		require.Error(t, err)
	}
	gone, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("it is late")
	cancel(cause)
	_, err := locks.Acquire(gone, lock.AcquireInput{Name: random()})
	require.ErrorIs(t, err, cause)
}

func TestCloseEndsWaitingAndTellsHolders(t *testing.T) {
	t.Parallel()
	client, name := redistest.Shared(t), random()
	locks := nodeOn(t, client, patient)
	held := acquire(t, locks, name)
	waiting := ask(t, locks, lock.AcquireInput{Name: name, Wait: patience})
	awaitWaiters(t, client, name, 1)
	locks.Close()
	locks.Close()
	require.ErrorIs(t, within(t, waiting).err, lock.ErrClosed)
	cause := ended(t, held.Context())
	require.ErrorIs(t, cause, lock.ErrLost)
	require.ErrorIs(t, cause, lock.ErrClosed)
	awaitWaiters(t, client, name, 0) // it gave its place back
	require.NoError(t, held.Release(t.Context()), "it was the holder's all the time")
	_, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: name})
	require.ErrorIs(t, err, lock.ErrClosed)
	release(t, acquire(t, node(t, patient), name))
}
