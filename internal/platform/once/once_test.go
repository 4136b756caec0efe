package once_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

func TestARepeatHasNoEffectAndGivesTheFirstResult(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, replayed, err := b.do(t.Context(), b.claim("k", "hello"))
	require.NoError(t, err)
	require.False(t, replayed)
	for range 2 {
		again, replayed, err := b.do(t.Context(), b.claim("k", "hello"))
		require.NoError(t, err)
		require.True(t, replayed)
		require.Equal(t, first, again)
	}
	require.Equal(t, 1, b.effects())
}

func TestAnotherBodyUnderAUsedKeyIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, _, err := b.do(t.Context(), b.claim("k", "hello"))
	require.NoError(t, err)
	_, _, err = b.do(t.Context(), b.claim("k", "goodbye"))
	requireReused(t, err)
	require.Equal(t, 1, b.effects())
}

func TestTheOrderInAMapMakesNoOtherBody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 20 {
		m := map[string]any{}
		for _, name := range []string{"a", "b", "c", "d"} {
			m[name] = name
		}
		c, err := b.keys.Claim(uuid.Nil, "createThing", "k", body{Map: m})
		require.NoError(t, err)
		_, _, err = b.do(t.Context(), c)
		require.NoError(t, err)
	}
	require.Equal(t, 1, b.effects())
}

func TestOfTwentyAtOnceOneHasTheEffect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var mu sync.Mutex
	var wg sync.WaitGroup
	ids, replays := map[uuid.UUID]bool{}, 0
	begin := make(chan struct{})
	for range 20 {
		c := b.claim("k", "hello")
		wg.Go(func() {
			<-begin
			id, replayed, err := b.do(context.Background(), c)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if ids[id] = true; replayed {
				replays++
			}
		})
	}
	close(begin)
	wg.Wait()
	require.Len(t, ids, 1, "one answer")
	require.Equal(t, 19, replays)
	require.Equal(t, 1, b.effects())
}

func TestADuplicateWaitsForTheFirstAndGetsItsResult(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx := b.first(b.claim("k", "hello"))
	second := b.inBackground(b.claim("k", "hello"))
	b.awaitWaiters(1)
	require.NoError(t, tx.Commit(t.Context()))
	got := <-second
	require.NoError(t, got.err)
	require.True(t, got.replayed)
	require.Equal(t, 1, b.effects())
}

func TestADuplicateTakesOverWhenTheFirstFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx := b.first(b.claim("k", "hello"))
	second := b.inBackground(b.claim("k", "hello"))
	b.awaitWaiters(1)
	require.NoError(t, tx.Rollback(t.Context()))
	got := <-second
	require.NoError(t, got.err)
	require.False(t, got.replayed)
	require.Equal(t, 1, b.effects())
}

func TestADuplicateOfAFirstThatTakesTooLongIsToldToRetry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx := b.first(b.claim("k", "hello"))
	err := postgres.InTx(t.Context(), b.pool, func(impatient postgres.Tx) error {
		_, err := impatient.Exec(t.Context(), "set local lock_timeout = '10ms'")
		require.NoError(t, err)
		_, err = b.keys.Take(t.Context(), impatient, b.claim("k", "hello"), nil)
		return err
	})
	requireInProgress(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	_, replayed, err := b.do(t.Context(), b.claim("k", "hello"))
	require.NoError(t, err)
	require.True(t, replayed)
}

// A batch holds more than the claim: what waits for another row is no duplicate.
func TestAWaitForSomethingElseIsNotBlamedOnTheKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec("insert into effects values ('00000000-0000-0000-0000-000000000001')")
	holder, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, holder.Rollback(context.Background())) }()
	_, err = holder.Exec(t.Context(), "select from effects for update")
	require.NoError(t, err)

	err = postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
		_, err := tx.Exec(t.Context(), "set local lock_timeout = '10ms'")
		require.NoError(t, err)
		batch := &pgx.Batch{}
		var taken bool
		require.NoError(t, b.keys.Queue(batch, b.claim("k", "hello"), nil, &taken))
		batch.Queue("select from effects for update")
		err = tx.SendBatch(t.Context(), batch).Close()
		require.True(t, taken)
		return once.Refusal(err)
	})
	require.True(t, fault.Is(err, "server.unavailable"), "%v", err)
}

func TestAnEffectThatFailsFreesItsKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine := errors.New("no such partner")
	err := postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
		replay, err := b.keys.Take(t.Context(), tx, b.claim("k", "hello"), nil)
		require.NoError(t, err)
		require.Nil(t, replay)
		return mine
	})
	require.ErrorIs(t, err, mine)
	_, replayed, err := b.do(t.Context(), b.claim("k", "goodbye"))
	require.NoError(t, err)
	require.False(t, replayed)
}

func TestAKeyIsRememberedForItsLifetimeAndNotLonger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, _, err := b.do(t.Context(), b.claim("k", "hello"))
	require.NoError(t, err)
	b.pass(once.Lifetime - time.Second)
	_, replayed, err := b.do(t.Context(), b.claim("k", "hello"))
	require.NoError(t, err)
	require.True(t, replayed)

	b.pass(time.Second)
	_, replayed, err = b.do(t.Context(), b.claim("k", "goodbye"))
	require.NoError(t, err)
	require.False(t, replayed, "free for anything")
	_, _, err = b.do(t.Context(), b.claim("k", "hello"))
	requireReused(t, err)
	require.Equal(t, 2, b.effects())
}

func TestOfTwoThatFindAnExpiredKeyOneHasTheEffect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, _, err := b.do(t.Context(), b.claim("k", "hello"))
	require.NoError(t, err)
	b.pass(once.Lifetime)
	tx := b.first(b.claim("k", "hello"))
	second := b.inBackground(b.claim("k", "hello"))
	b.awaitWaiters(1)
	require.NoError(t, tx.Commit(t.Context()))
	got := <-second
	require.NoError(t, got.err)
	require.True(t, got.replayed)
	require.Equal(t, 2, b.effects())
}

func TestUsersAndOperationsHaveKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, scope := range []uuid.UUID{uuid.Nil, uuid.New(), uuid.New()} {
		for _, operation := range []string{"createThing", "createOther"} {
			c, err := b.keys.Claim(scope, operation, "k", body{Text: "hello"})
			require.NoError(t, err)
			_, replayed, err := b.do(t.Context(), c)
			require.NoError(t, err)
			require.False(t, replayed)
		}
	}
	require.Equal(t, 6, b.effects())
}

func TestWithoutAKeyTheEffectHappensEachTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.claim("", "hello")
	require.Nil(t, c)
	require.Nil(t, c.IDOrNil())
	for range 2 {
		_, replayed, err := b.do(t.Context(), c)
		require.NoError(t, err)
		require.False(t, replayed)
	}
	require.Equal(t, 2, b.effects())

	batch := &pgx.Batch{}
	var taken bool
	require.NoError(t, b.keys.Queue(batch, nil, nil, &taken))
	require.True(t, taken)
	require.Zero(t, batch.Len())
}

func TestAClaimIsKnownByItsID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.claim("k", "hello")
	_, _, err := b.do(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, c.ID, *c.IDOrNil())
	var stored uuid.UUID
	require.NoError(t, b.pool.QueryRow(t.Context(), "select claim_id from idempotency_keys").Scan(&stored))
	require.Equal(t, c.ID, stored)
}

func TestNothingOfTheBodyIsStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, _, err := b.do(t.Context(), b.claim("k", "tr0ub4dor"))
	require.NoError(t, err)
	var row, mac string
	require.NoError(t, b.pool.QueryRow(t.Context(),
		"select i::text, encode(fingerprint, 'escape') from idempotency_keys i").Scan(&row, &mac))
	require.NotContains(t, row, "tr0ub4dor")
	require.NotContains(t, mac, "tr0ub4dor")
	require.Equal(t, 32, b.count("select length(fingerprint) from idempotency_keys"))

	// Nor can a body be guessed from its fingerprint without the secret.
	other := once.New([]byte("another secret"), time.Now)
	c, err := other.Claim(uuid.Nil, "createThing", "k", body{Text: "tr0ub4dor"})
	require.NoError(t, err)
	_, err = other.Replay(t.Context(), b.pool, c)
	requireReused(t, err)
}

func TestWhatIsNoJSONIsAnError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.keys.Claim(uuid.Nil, "createThing", "k", make(chan int))
	require.ErrorContains(t, err, "fingerprint")
	require.ErrorContains(t, postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
		_, err := b.keys.Take(t.Context(), tx, b.claim("k", "hello"), make(chan int))
		return err
	}), "idempotent result")
}

func TestADatabaseThatGoesAwayIsNotTakenForAFreeKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	err := postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
		_, err := b.pool.Exec(t.Context(), "select pg_terminate_backend($1, 5000)", tx.Conn().PgConn().PID())
		require.NoError(t, err)
		_, err = b.keys.Take(t.Context(), tx, b.claim("k", "hello"), nil)
		return err
	})
	require.True(t, fault.Is(err, "server.unavailable"), "%v", err)

	b.exec("drop table idempotency_keys")
	_, err = b.keys.Replay(t.Context(), b.pool, b.claim("k", "hello"))
	require.ErrorContains(t, err, "read idempotency key")
	_, err = b.keys.Sweep(t.Context(), b.pool, 1)
	require.ErrorContains(t, err, "sweep idempotency keys")
}
