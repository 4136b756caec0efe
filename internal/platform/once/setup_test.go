package once_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

const patience = 10 * time.Second // for what must happen at all; the machine may be busy

// body is what a client sends; made is what its effect gives.
type body struct {
	Text string         `json:"text"`
	Map  map[string]any `json:"map,omitempty"`
}

type made struct {
	ID uuid.UUID `json:"id"`
}

// bench is a database with a table of effects, and a clock to move.
type bench struct {
	t    *testing.T
	pool *pgxpool.Pool
	keys *once.Keys
	now  atomic.Pointer[time.Time]
}

func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, pool: postgrestest.Open(t)}
	start := time.Now()
	b.now.Store(&start)
	b.keys = once.New([]byte("a secret of the service"), func() time.Time { return *b.now.Load() })
	b.exec("create table effects (id uuid primary key)")
	return b
}

func (b *bench) pass(d time.Duration) {
	later := b.now.Load().Add(d)
	b.now.Store(&later)
}

func (b *bench) exec(sql string) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql)
	require.NoError(b.t, err)
}

func (b *bench) count(sql string) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), sql).Scan(&n))
	return n
}

func (b *bench) effects() int { return b.count("select count(*) from effects") }

func (b *bench) claim(key, text string) *once.Claim {
	b.t.Helper()
	c, err := b.keys.Claim(uuid.Nil, "createThing", key, body{Text: text})
	require.NoError(b.t, err)
	return c
}

// do has the effect once, and tells which effect it was and whether an earlier
// request had it.
func (b *bench) do(ctx context.Context, c *once.Claim) (id uuid.UUID, replayed bool, err error) {
	var replay json.RawMessage
	thing := made{ID: uuid.New()}
	err = postgres.InTx(ctx, b.pool, func(tx postgres.Tx) error {
		replay, err = b.take(ctx, tx, c, thing)
		return err
	})
	if err != nil || replay == nil {
		return thing.ID, false, err
	}
	return thing.ID, true, json.Unmarshal(replay, &thing)
}

// take is the part of do inside the transaction.
func (b *bench) take(ctx context.Context, tx postgres.Tx, c *once.Claim, thing made) (json.RawMessage, error) {
	replay, err := b.keys.Take(ctx, tx, c, thing)
	if err != nil || replay != nil {
		return replay, err
	}
	_, err = tx.Exec(ctx, "insert into effects values ($1)", thing.ID)
	return nil, err
}

// first has the effect of c in a transaction that stays open.
func (b *bench) first(c *once.Claim) postgres.Tx {
	b.t.Helper()
	tx, err := b.pool.Begin(b.t.Context())
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = tx.Rollback(context.Background()) }) // harmless after a commit
	replay, err := b.take(b.t.Context(), tx, c, made{ID: uuid.New()})
	require.NoError(b.t, err)
	require.Nil(b.t, replay)
	return tx
}

// awaitWaiters returns once n statements wait for a lock.
func (b *bench) awaitWaiters(n int) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		return b.count("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == n
	}, patience, 5*time.Millisecond)
}

// outcome is what do gave.
type outcome struct {
	id       uuid.UUID
	replayed bool
	err      error
}

// inBackground does c while the test goes on.
func (b *bench) inBackground(c *once.Claim) <-chan outcome {
	out := make(chan outcome, 1)
	go func() {
		id, replayed, err := b.do(context.Background(), c)
		out <- outcome{id, replayed, err}
	}()
	return out
}

func requireReused(t *testing.T, err error) {
	t.Helper()
	f := fault.Find(err)
	require.NotNil(t, f, "%v", err)
	require.Equal(t, "idempotency.key_reused", f.Code)
	require.Equal(t, fault.Unprocessable, f.Kind)
	require.Equal(t, "header/Idempotency-Key", f.Fields[0].Pointer)
}

func requireInProgress(t *testing.T, err error) {
	t.Helper()
	f := fault.Find(err)
	require.NotNil(t, f, "%v", err)
	require.Equal(t, "idempotency.in_progress", f.Code)
	require.Equal(t, fault.Conflict, f.Kind)
	require.Positive(t, f.RetryAfter)
}
