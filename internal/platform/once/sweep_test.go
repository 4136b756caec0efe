package once_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/once"
)

func TestASweepDeletesTheExpiredInBites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, key := range []string{"oldest", "older", "old"} {
		_, _, err := b.do(t.Context(), b.claim(key, "hello"))
		require.NoError(t, err)
		b.pass(time.Minute)
	}
	b.pass(once.Lifetime - time.Minute)
	_, _, err := b.do(t.Context(), b.claim("new", "hello"))
	require.NoError(t, err)

	n, err := b.keys.Sweep(t.Context(), b.pool, 2)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Equal(t, 2, b.count("select count(*) from idempotency_keys where key in ('old', 'new')"), "the oldest go first")
	n, err = b.keys.Sweep(t.Context(), b.pool, 2)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, 1, b.count("select count(*) from idempotency_keys where key = 'new'"))
}

func TestASweepSparesAKeyThatIsClaimedAnewMeanwhile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, _, err := b.do(t.Context(), b.claim("k", "hello"))
	require.NoError(t, err)
	b.pass(once.Lifetime)
	tx := b.first(b.claim("k", "hello"))
	type result struct {
		n   int64
		err error
	}
	swept := make(chan result, 1)
	go func() {
		n, err := b.keys.Sweep(context.Background(), b.pool, 10)
		swept <- result{n, err}
	}()
	b.awaitWaiters(1)
	require.NoError(t, tx.Commit(t.Context()))
	got := <-swept
	require.NoError(t, got.err)
	require.Zero(t, got.n)
	_, replayed, err := b.do(t.Context(), b.claim("k", "hello"))
	require.NoError(t, err)
	require.True(t, replayed)
}

func TestAKeySweptBetweenClaimAndReplayIsInProgress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.keys.Replay(t.Context(), b.pool, b.claim("gone", "hello"))
	requireInProgress(t, err)
}
