package job_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/job"
)

// quick makes lapses short enough to wait for, and long enough for a busy machine.
func quick() job.Config {
	return job.Config{LeaseLifetime: time.Second, SweepInterval: 50 * time.Millisecond}
}

// strand makes the only job look as if its worker had died a minute ago, and had
// taken a lease before if leased.
func (b *bench) strand(leased bool) (lease int64) {
	b.t.Helper()
	b.exec("update river_job set state = 'running', attempt = 1, attempted_at = now() - interval '1 minute', attempted_by = '{gone}'")
	if leased {
		require.NoError(b.t, b.pool.QueryRow(b.t.Context(), `insert into job_leases (job_id, number, expires_at)
			select id, nextval('job_lease_numbers'), now() - interval '50 seconds' from river_job returning number`).Scan(&lease))
	}
	return lease
}

func TestAJobWhoseWorkerIsGoneRunsElsewhere(t *testing.T) {
	t.Parallel()
	for name, leased := range map[string]bool{"after it took the lease": true, "before it took a lease": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.insert(b.idle(job.Config{}, notes(job.Spec{}, nil, nil)), note{})
			lost := b.strand(leased)

			runs := make(chan job.Run, 10)
			q := b.node(quick(), notes(job.Spec{}, runs, nil))
			run := within(t, runs)
			require.Greater(t, run.Lease, lost)
			require.Equal(t, 2, run.Attempt)
			b.eventually("done", func() bool { return b.jobs("completed") == 1 })
			require.NoError(t, q.Stop(t.Context()))
			require.Empty(t, runs)
		})
	}
}

func TestAJobWhoseWorkerLivesIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 10)
	release := make(chan struct{})
	register := notes(job.Spec{}, runs, func(context.Context, job.Run, note) error {
		<-release
		return nil
	})
	cfg := quick()
	cfg.LeaseLifetime = 4 * time.Second // no busy machine holds a renewal up for so long
	a := b.node(cfg, register)
	other := b.node(cfg, register)
	b.insert(a, note{})
	within(t, runs)

	var taken time.Time
	require.NoError(t, b.pool.QueryRow(t.Context(), "select attempted_at from river_job").Scan(&taken))
	b.eventually("the lease is renewed beyond two lives", func() bool {
		return b.number("select count(*) from job_leases where expires_at > $1", taken.Add(2*cfg.LeaseLifetime+time.Second)) == 1
	})
	close(release)
	b.eventually("done", func() bool { return b.jobs("completed") == 1 })
	require.NoError(t, a.Stop(t.Context()))
	require.NoError(t, other.Stop(t.Context()))
	require.Empty(t, runs, "nobody else ran it")
}

// A worker that is held up for longer than a lease loses its job to another. It
// is told, and nothing that it still returns ends the job; the other's end does.
func TestAWorkerThatLostItsLeaseIsToldAndEndsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 10)
	causes := make(chan error, 1)
	taken, release := make(chan struct{}), make(chan struct{})
	q := b.node(quick(), notes(job.Spec{}, runs, func(ctx context.Context, run job.Run, _ note) error {
		if run.Attempt > 1 { // the one who took over
			close(taken)
			<-release
			return nil
		}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		<-taken
		return nil // claims to be done
	}))
	b.insert(q, note{})
	first := within(t, runs)
	b.exec("update job_leases set number = nextval('job_lease_numbers'), expires_at = now() - interval '1 second'")
	b.exec("update river_job set attempted_at = now() - interval '1 minute'")

	require.ErrorIs(t, within(t, causes), job.ErrLeaseLost)
	second := within(t, runs)
	require.Greater(t, second.Lease, first.Lease)
	b.eventually("the loser has put the job back, not ended it", func() bool { return b.jobs("available") == 1 })
	close(release)
	b.eventually("the holder has ended it all the same", func() bool { return b.jobs("completed") == 1 })
	require.NoError(t, q.Stop(t.Context()))
	require.Empty(t, runs, "it does not run a third time")
}

func TestAFailedRunLeavesNoLeaseBehind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 10)
	q := b.node(quick(), notes(job.Spec{MaxAttempts: 1}, runs, func(context.Context, job.Run, note) error {
		return errors.New("not today")
	}))
	b.insert(q, note{})
	within(t, runs)
	b.eventually("given up and swept", func() bool {
		return b.jobs("discarded") == 1 && b.number("select count(*) from job_leases") == 0
	})
}

// A worker that dies right after a failed run has given its lease back already,
// while the queue has not stored yet what became of the job.
func TestAJobIsNobodysForALeaseAtMostWhenItsWorkerDiesAfterTheRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insert(b.idle(job.Config{}, notes(job.Spec{}, nil, nil)), note{})
	b.strand(true)
	b.exec("update job_leases set number = -number, expires_at = now() + interval '500 milliseconds'")
	runs := make(chan job.Run, 10)
	b.node(quick(), notes(job.Spec{}, runs, nil))
	require.Equal(t, 2, within(t, runs).Attempt)
}

func TestALeaseThatCannotBeAskedForCostsNoAttempt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 10)
	q := b.node(quick(), notes(job.Spec{}, runs, nil))
	b.exec("alter table job_leases rename to job_leases_away")
	b.insert(q, note{})
	b.eventually("it was tried", func() bool { return b.number("select count(*) from river_job where metadata ? 'snoozes'") == 1 })
	require.Empty(t, runs)
	b.exec("alter table job_leases_away rename to job_leases")
	require.Equal(t, 1, within(t, runs).Attempt)
}

func TestARunWhoseEndCannotBeStoredRunsAgain(t *testing.T) {
	t.Parallel()
	for name, result := range map[string]error{"done": nil, "failed": errors.New("not today")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			runs := make(chan job.Run, 10)
			release := make(chan struct{})
			q := b.node(quick(), notes(job.Spec{}, runs, func(_ context.Context, _ job.Run, _ note) error {
				<-release
				return result
			}))
			b.insert(q, note{})
			first := within(t, runs)
			b.exec("alter table job_leases rename to job_leases_away")
			close(release)
			b.eventually("the run is over", func() bool { return b.jobs("running") == 0 })
			require.Zero(t, b.jobs("completed"))
			b.exec("alter table job_leases_away rename to job_leases")
			require.Greater(t, within(t, runs).Lease, first.Lease)
		})
	}
}
