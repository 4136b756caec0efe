package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

const patience = 30 * time.Second // for what must happen at all; the machine may be busy

// lifetime of leases in these tests.
const lifetime = 400 * time.Millisecond

// moved is the event of these tests.
type moved struct {
	Step int `json:"step"`
}

func (moved) EventType() string     { return "piece.moved" }
func (moved) EventVersion() int     { return 1 }
func (moved) AggregateType() string { return "piece" }

// lifted is another.
type lifted struct{}

func (lifted) EventType() string     { return "piece.lifted" }
func (lifted) EventVersion() int     { return 1 }
func (lifted) AggregateType() string { return "piece" }

// board is a database and a Redis with nodes at work.
type board struct {
	t     *testing.T
	pool  *pgxpool.Pool
	url   string
	redis redis.UniversalClient
	cut   atomic.Bool // Redis cannot be reached

	mu    sync.Mutex
	awake []*outbox.Consumers
}

// published wakes all consumers, as a relay in their process would.
func (b *board) published(partition int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.awake {
		c.Wake(partition)
	}
}

func setup(t *testing.T) *board {
	t.Helper()
	url := postgrestest.URL(t)
	b := &board{t: t, url: url, pool: postgrestest.Pool(t, url)}
	b.exec(`create table effects (n bigint generated always as identity, grp text, piece uuid, step int, event_id uuid, correlation text)`)
	b.redis = redistest.Shared(t, func(o *redis.UniversalOptions) { o.MaxRetries, o.Dialer = -1, b.dial })
	return b
}

// wire is a connection to Redis that can be cut.
type wire struct {
	net.Conn
	b *board
}

var errCut = errors.New("the wire is cut")

func (w wire) Read(p []byte) (int, error) {
	if w.b.cut.Load() {
		return 0, errCut
	}
	return w.Conn.Read(p)
}

func (w wire) Write(p []byte) (int, error) {
	if w.b.cut.Load() {
		return 0, errCut
	}
	return w.Conn.Write(p)
}

func (b *board) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if b.cut.Load() {
		return nil, errCut
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return wire{conn, b}, err
}

func (b *board) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql, args...)
	require.NoError(b.t, err)
}

func (b *board) number(sql string, args ...any) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), sql, args...).Scan(&n))
	return n
}

func (b *board) eventually(what string, holds func() bool) {
	b.t.Helper()
	require.Eventually(b.t, holds, patience, 5*time.Millisecond, what)
}

// move writes steps of a piece, each in a transaction of its own.
func (b *board) move(piece uuid.UUID, steps ...int) {
	b.t.Helper()
	for _, n := range steps {
		b.write(piece, moved{n})
	}
}

func (b *board) write(piece uuid.UUID, data outbox.Data) {
	b.t.Helper()
	require.NoError(b.t, postgres.InTx(b.t.Context(), b.pool, func(tx postgres.Tx) error {
		return outbox.Write(b.t.Context(), tx, time.Now(), piece, data)
	}))
}

// relay starts one with a pool of its own.
func (b *board) relay(hook func(context.Context, string)) *outbox.Relay {
	b.t.Helper()
	r := outbox.NewRelay(outbox.RelayConfig{Pool: postgrestest.Pool(b.t, b.url), Redis: b.redis, Published: b.published, LeaseLifetime: lifetime, Types: []string{"piece.moved"}, Logger: b.logger()})
	r.OnStep(hook)
	require.NoError(b.t, r.Start(b.t.Context()))
	b.t.Cleanup(r.Stop)
	return r
}

// consumers start with a pool of their own.
func (b *board) consumers(h *outbox.Handlers, hook func(context.Context, string)) *outbox.Consumers {
	b.t.Helper()
	c := outbox.NewConsumers(outbox.ConsumersConfig{
		Pool: postgrestest.Pool(b.t, b.url), Redis: b.redis, Handlers: h, LeaseLifetime: lifetime, RetryAfter: time.Millisecond,
		Bury: b.bury, Logger: b.logger(),
	})
	c.OnStep(hook)
	require.NoError(b.t, c.Start(b.t.Context()))
	b.t.Cleanup(c.Stop)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.awake = append(b.awake, c)
	return c
}

// bury keeps a dead letter as an effect of a group of its own.
func (b *board) bury(ctx context.Context, tx postgres.Tx, e outbox.DeadEvent) error {
	text, err := json.Marshal(e.Failures)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "insert into effects (grp, piece, step, event_id, correlation) values ($1, $2, $3, $4, $5)",
		"dead/"+e.Group, e.Event.AggregateID, e.Attempts, e.Event.ID, string(text))
	return err
}

// writer logs to the test.
type writer struct{ t *testing.T }

func (w writer) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}

func (b *board) logger() *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(writer{b.t}, nil))
}

// record is a handler whose effect is a row.
func record(group string) func(context.Context, postgres.Tx, outbox.Event, moved) error {
	return func(ctx context.Context, tx postgres.Tx, e outbox.Event, data moved) error {
		_, err := tx.Exec(ctx, "insert into effects (grp, piece, step, event_id, correlation) values ($1, $2, $3, $4, $5)",
			group, e.AggregateID, data.Step, e.ID, e.CorrelationID)
		return err
	}
}

// recording is one group that records.
func recording(group string) *outbox.Handlers {
	h := outbox.NewHandlers()
	outbox.On(h, group, record(group))
	return h
}

// steps are those that a group has recorded of a piece, in the order of their effects.
func (b *board) steps(group string, piece uuid.UUID) []int {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), "select step from effects where grp = $1 and piece = $2 order by n", group, piece)
	require.NoError(b.t, err)
	var out []int
	var n int
	for rows.Next() {
		require.NoError(b.t, rows.Scan(&n))
		out = append(out, n)
	}
	require.NoError(b.t, rows.Err())
	return out
}

// sees waits until a group has recorded exactly these steps of a piece.
func (b *board) sees(group string, piece uuid.UUID, want ...int) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return len(b.steps(group, piece)) >= len(want) }, patience, 5*time.Millisecond,
		"group %s: %v, want %v", group, b.steps(group, piece), want)
	require.Equal(b.t, want, b.steps(group, piece))
}

// script says in which run of which step a handler fails or dies.
type script struct {
	mu   sync.Mutex
	runs map[int]int
}

// run counts a run of a step and says which it is.
func (s *script) run(step int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs = map[int]int{}
	}
	s.runs[step]++
	return s.runs[step]
}

// piecesApart gives pieces of different partitions.
func piecesApart(n int) []uuid.UUID {
	var out []uuid.UUID
	var seen []int
	for len(out) < n {
		id := uuid.New()
		if p := outbox.PartitionOf("piece", id); !slices.Contains(seen, p) {
			out, seen = append(out, id), append(seen, p)
		}
	}
	return out
}

// neighbours gives pieces of one partition.
func neighbours(n int) []uuid.UUID {
	out := []uuid.UUID{uuid.New()}
	for len(out) < n {
		if id := uuid.New(); outbox.PartitionOf("piece", id) == outbox.PartitionOf("piece", out[0]) {
			out = append(out, id)
		}
	}
	return out
}
