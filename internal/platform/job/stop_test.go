package job_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/job"
)

// ended is a context that has ended.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestStopWaitsForRunningJobs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 1)
	release := make(chan struct{})
	var disturbed atomic.Bool
	q := b.node(job.Config{}, notes(job.Spec{}, runs, func(ctx context.Context, _ job.Run, _ note) error {
		<-release
		disturbed.Store(ctx.Err() != nil)
		return nil
	}))
	b.insert(q, note{})
	within(t, runs)
	stopped := make(chan error, 1)
	go func() { stopped <- q.Stop(context.Background()) }()
	select {
	case <-stopped:
		t.Fatal("did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	require.NoError(t, within(t, stopped))
	require.False(t, disturbed.Load())
	require.Equal(t, 1, b.jobs("completed"))
}

func TestStopHandsOverWhatIsNotDoneInTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	here, there := make(chan job.Run, 1), make(chan job.Run, 1)
	long := job.Config{LeaseLifetime: time.Hour} // nothing waits for a lapse
	a := b.node(long, notes(job.Spec{}, here, func(ctx context.Context, _ job.Run, _ note) error {
		<-ctx.Done()
		return errors.New("interrupted")
	}))
	b.insert(a, note{})
	first := within(t, here)
	require.NoError(t, a.Stop(ended(t)))

	b.node(long, notes(job.Spec{}, there, nil))
	second := within(t, there)
	require.Equal(t, 1, second.Attempt, "a shutdown is no fault of the job's")
	require.Greater(t, second.Lease, first.Lease)
	b.eventually("done", func() bool { return b.jobs("completed") == 1 })
}

func TestAJobThatEndsWellDuringTheHandOverIsDone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 1)
	q := b.node(job.Config{}, notes(job.Spec{}, runs, func(ctx context.Context, _ job.Run, _ note) error {
		<-ctx.Done()
		return nil // what there was could be stored
	}))
	b.insert(q, note{})
	within(t, runs)
	require.NoError(t, q.Stop(ended(t)))
	require.Equal(t, 1, b.jobs("completed"))
}

func TestWorkThatIgnoresTheShutdownIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 1)
	release := make(chan struct{})
	defer close(release)
	q := b.node(job.Config{}, notes(job.Spec{}, runs, func(context.Context, job.Run, note) error {
		<-release
		return nil
	}))
	b.insert(q, note{})
	within(t, runs)
	err := q.Stop(ended(t))
	require.ErrorContains(t, err, "hand jobs over")
	require.Equal(t, err, q.Stop(t.Context()), "the answer stays")
}

func TestStopIsIdempotentAndSafeBeforeStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := b.node(job.Config{}, notes(job.Spec{}, nil, nil))
	require.NoError(t, q.Start(t.Context()), "a second start does nothing")
	require.NoError(t, q.Stop(t.Context()))
	require.NoError(t, q.Stop(t.Context()))

	idle := b.idle(job.Config{}, notes(job.Spec{}, nil, nil))
	require.NoError(t, idle.Stop(t.Context()))
	require.ErrorContains(t, idle.Start(t.Context()), "has been stopped")
}

func TestANodeWithoutConcurrencyOnlyInserts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := b.node(job.Config{Concurrency: map[string]int{}}, notes(job.Spec{}, nil, nil))
	b.insert(q, note{})
	require.NoError(t, q.Stop(t.Context()))
	require.Equal(t, 1, b.jobs("available"))
}

func TestStartWithoutADatabaseIsAnErrorAndCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	cfg, err := pgxpool.ParseConfig("postgres://learner@127.0.0.1:1/fluentpro")
	require.NoError(t, err)
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	defer pool.Close()
	r := job.NewRegistry()
	notes(job.Spec{}, nil, nil)(r)
	q, err := job.New(job.Config{Pool: pool, Registry: r, Logger: slog.New(slog.DiscardHandler), Concurrency: map[string]int{job.QueueConversation: 1}})
	require.NoError(t, err)
	for range 2 {
		require.ErrorContains(t, q.Start(t.Context()), "start job queue")
	}
	require.NoError(t, q.Stop(t.Context()))
}
