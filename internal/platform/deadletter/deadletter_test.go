package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// bench is a box on a database of its own.
type bench struct {
	*deadletter.Box
	t    *testing.T
	pool *pgxpool.Pool
}

func setup(t *testing.T) *bench {
	t.Helper()
	pool := postgrestest.Open(t)
	return &bench{Box: deadletter.New(pool), t: t, pool: pool}
}

// event is the letter of an event that a group failed at.
func event(subject string) deadletter.Letter {
	return deadletter.Letter{
		Source: deadletter.SourceEvent, Kind: "user.registered", Queue: "welcome", Subject: subject,
		Payload: []byte(`{"event_id": "x"}`), Attempts: 2,
		Errors: []deadletter.Failure{{Attempt: 1, At: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), Error: "not today"}},
		Origin: telemetry.Origin{ActorID: uuid.New(), CorrelationID: "request-1", CausationID: uuid.New()},
	}
}

func (b *bench) write(l deadletter.Letter) {
	b.t.Helper()
	require.NoError(b.t, deadletter.Write(b.t.Context(), b.pool, l))
}

// all lists what passes the filters of in.
func (b *bench) all(in deadletter.ListInput) []deadletter.Letter {
	b.t.Helper()
	in.Limit = 100
	page, more, err := b.List(b.t.Context(), in)
	require.NoError(b.t, err)
	require.False(b.t, more)
	return page
}

func (b *bench) exec(sql string) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql)
	require.NoError(b.t, err)
}

func TestALetterIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := event("a")
	b.write(want)
	got := b.all(deadletter.ListInput{})[0]
	require.NotZero(t, got.ID)
	require.WithinDuration(t, time.Now(), got.CreatedAt, time.Minute)
	require.JSONEq(t, string(want.Payload), string(got.Payload))
	want.ID, want.CreatedAt, want.Payload = got.ID, got.CreatedAt, got.Payload
	require.Equal(t, want, got)
}

func TestWhatIsGivenUpHasOneOpenLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(event("a"))
	first := b.all(deadletter.ListInput{})[0]
	again := event("a")
	again.Attempts, again.Errors = 3, append(again.Errors, deadletter.Failure{Attempt: 2, Error: "nor tomorrow"})
	b.write(again)
	b.write(event("b"))
	elsewhere := event("a")
	elsewhere.Queue = "audit"
	b.write(elsewhere)

	letters := b.all(deadletter.ListInput{})
	require.Len(t, letters, 3)
	updated := letters[2]
	require.Equal(t, first.ID, updated.ID)
	require.Equal(t, first.CreatedAt, updated.CreatedAt)
	require.Equal(t, 3, updated.Attempts)
	require.Equal(t, "nor tomorrow", updated.Errors[1].Error)

	b.Register(deadletter.SourceEvent, func(context.Context, postgres.Tx, deadletter.Letter) error { return nil })
	_, err := b.Replay(t.Context(), first.ID, uuid.Nil)
	require.NoError(t, err)
	b.write(event("a"))
	require.Len(t, b.all(deadletter.ListInput{}), 4, "after a replay it may be given up again")
}

func TestALetterOfAnUnknownSourceIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := event("a")
	l.Source = "moon"
	require.ErrorContains(t, deadletter.Write(t.Context(), b.pool, l), "write dead letter of moon a")
}

func TestLettersAreListedInPagesByAgeAndFiltered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 5 {
		b.write(event(fmt.Sprint(i)))
	}
	job := event("5")
	job.Source, job.Kind, job.Queue = deadletter.SourceJob, "conversation.reply", "conversation"
	b.write(job)
	b.exec("update dead_letters set created_at = '2026-11-02' where subject in ('2', '3')") // the id decides
	b.exec("update dead_letters set replayed_at = now() where subject = '4'")

	var got []string
	in := deadletter.ListInput{Limit: 2}
	for more := true; more; {
		page, rest, err := b.List(t.Context(), in)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), 2)
		for _, l := range page {
			got = append(got, l.Subject)
		}
		end := page[len(page)-1]
		in.Before, more = &deadletter.Place{At: end.CreatedAt, ID: end.ID}, rest
	}
	require.ElementsMatch(t, []string{"0", "1", "2", "3", "4", "5"}, got)
	three, two := 0, 0
	for i, s := range got {
		switch s {
		case "3":
			three = i
		case "2":
			two = i
		}
	}
	require.Equal(t, three+1, two)

	for name, c := range map[string]struct {
		in   deadletter.ListInput
		want int
	}{
		"by source": {deadletter.ListInput{Source: deadletter.SourceEvent}, 5}, "by kind": {deadletter.ListInput{Kind: "conversation.reply"}, 1},
		"by queue": {deadletter.ListInput{Queue: "welcome"}, 5}, "open": {deadletter.ListInput{Status: deadletter.Open}, 5},
		"replayed": {deadletter.ListInput{Status: deadletter.Replayed}, 1},
		"together": {deadletter.ListInput{Source: deadletter.SourceEvent, Status: deadletter.Open, Queue: "welcome", Kind: "user.registered"}, 4},
	} {
		require.Len(t, b.all(c.in), c.want, name)
	}
}

func TestAReplayAndItsEffectAreOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(event("a"))
	id := b.all(deadletter.ListInput{})[0].ID
	mine := errors.New("not today either")
	var failure error
	b.Register(deadletter.SourceEvent, func(ctx context.Context, tx postgres.Tx, l deadletter.Letter) error {
		require.Equal(t, id, l.ID)
		_, err := tx.Exec(ctx, "create table effect ()")
		return errors.Join(err, failure)
	})
	effects := func() (n int) {
		require.NoError(t, b.pool.QueryRow(t.Context(), "select count(*) from pg_class where relname = 'effect'").Scan(&n))
		return n
	}

	failure = mine
	_, err := b.Replay(t.Context(), id, uuid.Nil)
	require.ErrorIs(t, err, mine)
	require.Zero(t, effects())
	require.Len(t, b.all(deadletter.ListInput{Status: deadletter.Open}), 1)

	failure = nil
	by := uuid.New()
	l, err := b.Replay(t.Context(), id, by)
	require.NoError(t, err)
	require.Equal(t, 1, effects())
	require.Equal(t, by, *l.ReplayedBy)
	require.Equal(t, l, b.all(deadletter.ListInput{})[0])

	_, err = b.Replay(t.Context(), id, by)
	f := fault.Find(err)
	require.NotNil(t, f)
	require.Equal(t, "dead_letter.replayed", f.Code)
	require.Equal(t, *l.ReplayedAt, f.Details["replayed_at"])
}

func TestWhatCannotBeReplayedIsSaid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.Replay(t.Context(), uuid.New(), uuid.Nil)
	require.True(t, fault.Is(err, "resource.not_found"), "%v", err)
	b.write(event("a"))
	_, err = b.Replay(t.Context(), b.all(deadletter.ListInput{})[0].ID, uuid.Nil)
	require.True(t, fault.Is(err, "dead_letter.unknown_kind"), "%v", err)

	nothing := func(context.Context, postgres.Tx, deadletter.Letter) error { return nil }
	b.Register(deadletter.SourceEvent, nothing)
	require.Panics(t, func() { b.Register(deadletter.SourceEvent, nothing) })
}

func TestReplayedLettersAreSweptAfterAMonthInBites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, subject := range []string{"open", "young", "old", "older"} {
		b.write(event(subject))
	}
	b.exec(`update dead_letters set created_at = now() - interval '1 year';
		update dead_letters set replayed_at = now() - interval '29 days' where subject = 'young';
		update dead_letters set replayed_at = now() - interval '31 days' where subject = 'old';
		update dead_letters set replayed_at = now() - interval '32 days' where subject = 'older'`)
	n, err := b.Sweep(t.Context(), 1)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Len(t, b.all(deadletter.ListInput{Status: deadletter.Replayed}), 2, "the oldest goes first")
	n, err = b.Sweep(t.Context(), 10)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	var left []string
	for _, l := range b.all(deadletter.ListInput{}) {
		left = append(left, l.Subject)
	}
	require.ElementsMatch(t, []string{"open", "young"}, left)
}

func TestADatabaseThatIsAwayIsSaid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.pool.Close()
	_, _, err := b.List(t.Context(), deadletter.ListInput{Limit: 1})
	require.ErrorContains(t, err, "list dead letters")
	_, err = b.Replay(t.Context(), uuid.New(), uuid.Nil)
	require.Error(t, err)
	_, err = b.Sweep(t.Context(), 1)
	require.ErrorContains(t, err, "sweep dead letters")
	require.Error(t, deadletter.Write(t.Context(), b.pool, event("a")))
}
