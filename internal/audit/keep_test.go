package audit_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// days is how long an event is kept.
const days = int(audit.Retention / (24 * time.Hour))

// refused checks that the table's own trigger refused.
func refused(t *testing.T, err error, what string) {
	t.Helper()
	var server *pgconn.PgError
	require.ErrorAs(t, err, &server, what)
	require.Equal(t, "23001", server.Code, what)
	require.Contains(t, server.Message, "append only", what)
}

func TestWhatIsRecordedCannotBeChangedDeletedOrEmptied(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.record(event(0))
	b.fill(1, 10, days+1) // old enough to be swept
	for what, sql := range map[string]string{
		"update":                "update audit_events set type = 'user.erased'",
		"update of nothing new": "update audit_events set type = type",
		"delete":                "delete from audit_events",
		"truncate":              "truncate audit_events",
		"upsert":                "insert into audit_events (event_id, type, version, aggregate_type, aggregate_id, occurred_at, data) select event_id, 'x', 1, 'x', event_id, now(), '{}' from audit_events on conflict (event_id) do update set type = 'x'",
	} {
		_, err := b.pool.Exec(t.Context(), sql)
		refused(t, err, what)
	}
	require.Equal(t, 2, b.count("type = 'user.registered'"))
}

func TestTheSweepsWayDeletesNothingThatIsYoung(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(1, 10, days-1)
	for _, sql := range []string{"delete from audit_events", "update audit_events set occurred_at = now() - interval '2 years'", "truncate audit_events"} {
		err := postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
			_, err := tx.Exec(t.Context(), "set local fluentpro.audit_sweep = 'on'")
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), sql)
			return err
		})
		refused(t, err, sql)
	}
	require.Equal(t, 1, b.count("true"))
}

func TestASweepDeletesInBitesWhatWasKeptForAYear(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(3, 10, days+1)
	b.fill(1, 10, days+100)
	b.fill(2, 10, days-1)
	n, err := b.Sweep(t.Context(), 2)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Zero(t, b.count("occurred_at < now() - interval '460 days'"), "the oldest go first")
	n, err = b.Sweep(t.Context(), 10)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Equal(t, 2, b.count("true"))

	_, err = b.pool.Exec(t.Context(), "delete from audit_events")
	refused(t, err, "the way is closed again")
}

// sweep is the job by its name.
type sweep struct{}

func (sweep) Kind() string { return "maintenance.sweep_audit_events" }

func TestTheJobSweepsUntilNothingIsLeft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(2500, 10, days+1)
	b.fill(1, 10, 1)
	registry := job.NewRegistry()
	b.RegisterJobs(registry)
	queue, err := job.New(job.Config{Pool: b.pool, Registry: registry, Concurrency: map[string]int{job.QueueMaintenance: 1}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, queue.Start(t.Context()))
	defer func() { require.NoError(t, queue.Stop(context.Background())) }()
	require.NoError(t, postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
		return queue.Insert(t.Context(), tx, sweep{})
	}))
	b.eventually("all old events are gone", func() bool { return b.count("true") == 1 })
}

func TestASweepThatTheDatabaseRefusesSaysSo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec("drop table audit_events")
	_, err := b.Sweep(t.Context(), 10)
	require.ErrorContains(t, err, "sweep audit log")
	_, _, err = b.List(t.Context(), audit.ListInput{Limit: 1})
	require.ErrorContains(t, err, "read audit log")
}
