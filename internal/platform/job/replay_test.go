package job_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// because is why things happen in these tests.
var because = telemetry.Origin{
	ActorID: uuid.MustParse("01900000-0000-7000-8000-000000000001"), CorrelationID: "request-1",
	CausationID: uuid.MustParse("01900000-0000-7000-8000-000000000002"),
}

// insertAs inserts a job because of o.
func (b *bench) insertAs(q *job.Queue, o telemetry.Origin, args job.Args) {
	b.t.Helper()
	ctx := telemetry.WithOrigin(b.t.Context(), o)
	require.NoError(b.t, postgres.InTx(ctx, b.pool, func(tx postgres.Tx) error { return q.Insert(ctx, tx, args) }))
}

// box is one whose letters of jobs are replayed by q.
func (b *bench) box(q *job.Queue) *deadletter.Box {
	box := deadletter.New(b.pool)
	box.Register(deadletter.SourceJob, q.Replay)
	return box
}

func TestARunAndAGivingUpHaveTheOriginOfTheInsert(t *testing.T) {
	t.Parallel()
	b := setup(t)
	origins := make(chan telemetry.Origin, 10)
	q := b.node(job.Config{}, func(r *job.Registry) {
		notes(job.Spec{MaxAttempts: 1}, make(chan job.Run, 10), func(ctx context.Context, _ job.Run, _ note) error {
			origins <- telemetry.OriginFrom(ctx)
			return errors.New("not today")
		})(r)
		job.OnGivenUp(r, func(ctx context.Context, _ job.Run, _ note, _ error) error {
			origins <- telemetry.OriginFrom(ctx)
			return nil
		})
	})
	b.insertAs(q, because, note{})
	require.Equal(t, because, within(t, origins))
	require.Equal(t, because, within(t, origins))
	require.Equal(t, because, b.letter().Origin)

	b.insert(q, note{"because of nobody"})
	require.Zero(t, within(t, origins))
	require.Equal(t, 1, b.number("select count(*) from river_job where not metadata ? 'origin'"))
}

func TestAReplayedJobRunsAnewForTheSameReason(t *testing.T) {
	t.Parallel()
	b := setup(t)
	type seen struct {
		args   note
		origin telemetry.Origin
	}
	runs, did := make(chan job.Run, 10), make(chan seen, 10)
	mended := make(chan struct{})
	q := b.node(job.Config{}, notes(job.Spec{MaxAttempts: 1}, runs, func(ctx context.Context, _ job.Run, args note) error {
		did <- seen{args, telemetry.OriginFrom(ctx)}
		select {
		case <-mended:
			return nil
		default:
			return errors.New("not today")
		}
	}))
	b.insertAs(q, because, note{"mine"})
	first := within(t, did)
	within(t, runs)
	l := b.letter()
	close(mended)

	by := uuid.New()
	replayed, err := b.box(q).Replay(t.Context(), l.ID, by)
	require.NoError(t, err)
	require.Equal(t, by, *replayed.ReplayedBy)
	require.NotNil(t, replayed.ReplayedAt)
	require.Equal(t, first, within(t, did))
	require.Equal(t, 1, within(t, runs).Attempt, "with all its attempts")
	b.eventually("done", func() bool { return b.jobs("completed") == 1 })

	_, err = b.box(q).Replay(t.Context(), l.ID, by)
	require.True(t, fault.Is(err, "dead_letter.replayed"), "%v", err)
	require.Equal(t, 2, b.number("select count(*) from river_job"))
}

func TestOfTwoReplaysAtOnceOneHappens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := b.idle(job.Config{}, notes(job.Spec{}, nil, nil))
	b.writeLetter("test.note")
	id := b.letter().ID
	box := b.box(q)
	results := make(chan error, 8)
	var wg sync.WaitGroup
	for range cap(results) {
		wg.Go(func() {
			_, err := box.Replay(t.Context(), id, uuid.Nil)
			results <- err
		})
	}
	wg.Wait()
	close(results)
	done := 0
	for err := range results {
		if err == nil {
			done++
			continue
		}
		require.True(t, fault.Is(err, "dead_letter.replayed"), "%v", err)
	}
	require.Equal(t, 1, done)
	require.Equal(t, 1, b.number("select count(*) from river_job where queue = 'maintenance' and max_attempts = 4"))
	require.Nil(t, b.letter().ReplayedBy)
}

// writeLetter stores the letter of a job of a kind.
func (b *bench) writeLetter(kind string) {
	b.t.Helper()
	require.NoError(b.t, deadletter.Write(b.t.Context(), b.pool, deadletter.Letter{
		Source: deadletter.SourceJob, Kind: kind, Queue: job.QueueMaintenance, Subject: "7", Payload: []byte(`{"name": "mine"}`), Attempts: 4,
	}))
}

func TestANodeDoesNotReplayWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := b.idle(job.Config{}, notes(job.Spec{}, nil, nil))
	b.writeLetter("test.parcel")
	_, err := b.box(q).Replay(t.Context(), b.letter().ID, uuid.Nil)
	require.True(t, fault.Is(err, "dead_letter.unknown_kind"), "%v", err)
	require.Zero(t, b.number("select count(*) from river_job"))
	require.Nil(t, b.letter().ReplayedAt, "it stays open")
}

func TestAUniqueJobIsThereOnceUntilItIsOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 10)
	release := make(chan struct{})
	q := b.node(job.Config{}, notes(job.Spec{Unique: true}, runs, func(context.Context, job.Run, note) error {
		<-release
		return nil
	}))
	b.insertAs(q, because, note{"mine"})
	within(t, runs)
	b.insert(q, note{"mine"})
	b.insert(q, note{"another's"})
	within(t, runs)
	require.Equal(t, 2, b.number("select count(*) from river_job"))

	b.writeLetter("test.note")
	_, err := b.box(q).Replay(t.Context(), b.letter().ID, uuid.Nil)
	require.NoError(t, err)
	require.Equal(t, 2, b.number("select count(*) from river_job"), "a replay is no exception")
	close(release)
	b.eventually("both are done", func() bool { return b.jobs("completed") == 2 })
	b.insert(q, note{"mine"})
	within(t, runs)
}
