package job_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

func TestAJobExistsIfAndOnlyIfItsTransactionCommits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ran := make(chan string, 10)
	q := b.node(job.Config{}, notes(job.Spec{}, make(chan job.Run, 10), func(_ context.Context, _ job.Run, args note) error {
		ran <- args.Name
		return nil
	}))
	mine := errors.New("changed my mind")
	require.ErrorIs(t, postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
		require.NoError(t, q.Insert(t.Context(), tx, note{"rolled back"}))
		return mine
	}), mine)
	b.insert(q, note{"committed"})

	require.Equal(t, "committed", within(t, ran))
	require.NoError(t, q.Stop(t.Context()))
	require.Empty(t, ran)
	require.Equal(t, 1, b.number("select count(*) from river_job"))
	require.Equal(t, 1, b.jobs("completed"))
	require.Zero(t, b.number("select count(*) from job_leases"), "a job that is done needs no lease")
}

func TestAKindWithoutWorkIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := b.idle(job.Config{}, func(*job.Registry) {})
	err := postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error { return q.Insert(t.Context(), tx, note{}) })
	require.EqualError(t, err, "insert job: kind test.note is not registered")

	r := job.NewRegistry()
	job.Every(r, time.Hour, note{})
	_, err = job.New(job.Config{Pool: b.pool, Registry: r, Logger: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "kind test.note is to run every 1h0m0s and is not registered")
}

// errand is a job whose kind only a value knows.
type errand struct{ kind string }

func (e errand) Kind() string { return "test." + e.kind }

func TestOneTypeMayServeSeveralKinds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ran := make(chan string, 10)
	q := b.node(job.Config{}, func(r *job.Registry) {
		for _, kind := range []string{"fetch", "carry"} {
			job.RegisterKind(r, errand{kind}, job.Spec{Queue: job.QueueConversation}, func(context.Context, job.Run, errand) error {
				ran <- kind
				return nil
			})
		}
		require.Panics(t, func() {
			job.RegisterKind(r, errand{"fetch"}, job.Spec{}, func(context.Context, job.Run, errand) error { return nil })
		})
	})
	b.insert(q, errand{"carry"})
	require.Equal(t, "carry", within(t, ran))
	b.insert(q, errand{"fetch"})
	require.Equal(t, "fetch", within(t, ran))
}

func TestAnImpossibleQueueIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := job.New(job.Config{Pool: b.pool, Registry: job.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		Concurrency: map[string]int{job.QueueConversation: -1}})
	require.ErrorContains(t, err, "job queue")
}

func TestAnInsertThatFailsSaysSo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := b.idle(job.Config{}, notes(job.Spec{}, nil, nil))
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	require.ErrorContains(t, q.Insert(t.Context(), tx, note{}), "insert job test.note")
}

func TestAnErrorIsRetriedUntilTheLastAttempt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 10)
	q := b.node(job.Config{LeaseLifetime: time.Hour}, notes(job.Spec{MaxAttempts: 2}, runs, func(context.Context, job.Run, note) error {
		return errors.New("not today")
	}))
	b.insert(q, note{})

	first, second := within(t, runs), within(t, runs)
	require.Equal(t, job.Run{Lease: first.Lease, Attempt: 1}, first)
	require.Equal(t, job.Run{Lease: second.Lease, Attempt: 2, Last: true}, second)
	require.Positive(t, first.Lease)
	require.Greater(t, second.Lease, first.Lease)
	b.eventually("given up", func() bool { return b.jobs("discarded") == 1 })
	require.Empty(t, runs)
}

func TestAPanicIsAnErrorOfTheRunAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 10)
	log := &journal{}
	q := b.node(job.Config{Logger: slog.New(slog.NewTextHandler(log, nil))}, notes(job.Spec{MaxAttempts: 1}, runs, func(_ context.Context, _ job.Run, args note) error {
		if args.Name == "bad" {
			panic("boom")
		}
		return nil
	}))
	b.insert(q, note{"bad"})
	b.insert(q, note{"good"})
	b.eventually("the one is given up and the other done", func() bool { return b.jobs("discarded") == 1 && b.jobs("completed") == 1 })
	require.Equal(t, 1, b.number("select count(*) from river_job where errors[1]->>'error' = 'job test.note panicked: boom'"))
	require.NoError(t, q.Stop(t.Context()))
	require.Contains(t, log.String(), `msg="job panicked"`)
	require.Contains(t, log.String(), "TestAPanicIsAnErrorOfTheRunAlone", "with where it was")
	require.Contains(t, log.String(), `msg="job failed" job=1 kind=test.note attempt=1 last=true error="job test.note panicked: boom"`)
	require.Equal(t, 1, strings.Count(log.String(), "job failed"))
}

func TestARunEndsAtItsTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ended := make(chan error, 1)
	q := b.node(job.Config{}, notes(job.Spec{MaxAttempts: 1, Timeout: 50 * time.Millisecond}, make(chan job.Run, 1),
		func(ctx context.Context, _ job.Run, _ note) error {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return ctx.Err()
		}))
	b.insert(q, note{})
	require.ErrorIs(t, within(t, ended), context.DeadlineExceeded)
	b.eventually("given up", func() bool { return b.jobs("discarded") == 1 })
}

func TestAFloodInOneQueueStarvesNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	flood, reply := make(chan job.Run, 100), make(chan job.Run, 1)
	release := make(chan struct{})
	q := b.node(job.Config{Concurrency: map[string]int{job.QueueConversation: 1, job.QueueMaintenance: 2}}, func(r *job.Registry) {
		notes(job.Spec{Queue: job.QueueMaintenance}, flood, func(context.Context, job.Run, note) error {
			<-release
			return nil
		})(r)
		job.Register(r, job.Spec{Queue: job.QueueConversation}, func(_ context.Context, run job.Run, _ parcel) error {
			reply <- run
			return nil
		})
	})
	for range 50 {
		b.insert(q, note{})
	}
	within(t, flood)
	within(t, flood)
	b.insert(q, parcel{})
	within(t, reply)
	require.Empty(t, flood, "no more than its concurrency at once")
	close(release)
}

func TestANodeLeavesAloneWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	newer := b.idle(job.Config{}, func(r *job.Registry) {
		job.Register(r, job.Spec{Queue: job.QueueConversation}, func(context.Context, job.Run, parcel) error { return nil })
	})
	runs := make(chan job.Run, 10)
	older := b.node(job.Config{}, notes(job.Spec{}, runs, nil))
	b.insert(newer, parcel{})
	b.insert(older, note{})
	within(t, runs)
	require.NoError(t, older.Stop(t.Context()))
	require.Equal(t, 1, b.number("select count(*) from river_job where kind = 'test.parcel' and state = 'available' and attempt = 0"))
}

func TestEveryRunsAgainAndAgainWithoutOverlap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const interval = 50 * time.Millisecond
	runs := make(chan job.Run, 100)
	var under, most atomic.Int32
	register := func(r *job.Registry) {
		job.Every(r, interval, note{"tick"})
		notes(job.Spec{}, runs, func(ctx context.Context, _ job.Run, _ note) error {
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			select { // work that takes longer than the interval
			case <-ctx.Done():
			case <-time.After(4 * interval):
			}
			return nil
		})(r)
	}
	b.node(job.Config{}, register)
	b.node(job.Config{}, register)
	for range 3 {
		within(t, runs)
	}
	require.EqualValues(t, 1, most.Load())
	require.LessOrEqual(t, b.number("select count(*) from river_job where state <> 'completed'"), 1, "they do not pile up")
}
