package audit_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

// base is when the events of these tests begin to occur; within the last year.
var base = time.Now().UTC().Add(-24 * time.Hour).Truncate(time.Second)

// bench is the log on a database of the test's own.
type bench struct {
	*audit.Service
	t    *testing.T
	pool *pgxpool.Pool
}

func setup(t *testing.T) *bench {
	t.Helper()
	pool := postgrestest.Open(t)
	return &bench{Service: audit.New(audit.Deps{Pool: pool}), t: t, pool: pool}
}

// event is one that happened so many minutes after base.
func event(minutes int, change ...func(*outbox.Event)) outbox.Event {
	actor, cause := uuid.New(), uuid.New()
	e := outbox.Event{
		ID: uuid.New(), Type: "user.registered", Version: 1, AggregateType: "user", AggregateID: uuid.New(),
		OccurredAt: base.Add(time.Duration(minutes) * time.Minute), ActorID: &actor, CorrelationID: "r-" + uuid.NewString(),
		CausationID: &cause, Data: json.RawMessage(`{"a": 1}`),
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

// record records events, each in a transaction of its own.
func (b *bench) record(events ...outbox.Event) {
	b.t.Helper()
	for _, e := range events {
		require.NoError(b.t, postgres.InTx(b.t.Context(), b.pool, func(tx postgres.Tx) error {
			return b.Record(b.t.Context(), tx, e)
		}))
	}
}

// fill adds rows of about size bytes, so many days ago.
func (b *bench) fill(rows, size, daysAgo int) {
	b.t.Helper()
	b.exec(`insert into audit_events (event_id, type, version, aggregate_type, aggregate_id, occurred_at, data)
		select gen_random_uuid(), 'user.registered', 1, 'user', gen_random_uuid(), now() - make_interval(days => $3),
			jsonb_build_object('x', repeat('x', $2)) from generate_series(1, $1)`, rows, size, daysAgo)
}

func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql, args...)
	require.NoError(b.t, err)
}

func (b *bench) count(where string) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), "select count(*) from audit_events where "+where).Scan(&n))
	return n
}

// list gives one page.
func (b *bench) list(in audit.ListInput) ([]audit.Event, bool) {
	b.t.Helper()
	list, more, err := b.List(b.t.Context(), in)
	require.NoError(b.t, err)
	return list, more
}

// all gives the whole log, oldest first, by the export.
func (b *bench) all(f audit.Filter, limit int) (out []audit.Event) {
	b.t.Helper()
	read := b.Export(f)
	for after := (*audit.Place)(nil); ; {
		n := 0
		for e, err := range read(b.t.Context(), after, limit) {
			require.NoError(b.t, err)
			out = append(out, e)
			n++
		}
		if n < limit {
			return out
		}
		place := out[len(out)-1].Place()
		after = &place
	}
}

func ids(events []audit.Event) []uuid.UUID {
	out := []uuid.UUID{}
	for _, e := range events {
		out = append(out, e.ID)
	}
	return out
}

// patience bounds waits; nothing takes this long unless it is broken.
const patience = 20 * time.Second

func (b *bench) eventually(what string, is func() bool) {
	b.t.Helper()
	require.Eventually(b.t, is, patience, 10*time.Millisecond, what)
}
