package job_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/job"
)

// killer is work that takes its worker along.
func killer(runs, given chan job.Run) func(*job.Registry) {
	return func(r *job.Registry) {
		notes(job.Spec{MaxAttempts: 3}, runs, func(ctx context.Context, _ job.Run, _ note) error {
			<-ctx.Done()
			return ctx.Err()
		})(r)
		job.OnGivenUp(r, func(_ context.Context, run job.Run, _ note, _ error) error {
			given <- run
			return nil
		})
	}
}

func TestAJobThatKillsEachOfItsWorkersIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs, given := make(chan job.Run, 10), make(chan job.Run, 10)
	b.insert(b.idle(job.Config{}, killer(runs, given)), note{})
	b.strand(true)
	b.exec("update river_job set attempt = 3") // it has had its runs
	q := b.node(quick(), killer(runs, given))
	l := b.letter()
	require.Equal(t, 3, l.Attempts)
	require.Equal(t, "the worker was lost", l.Errors[0].Error)
	require.Equal(t, 3, l.Errors[0].Attempt)
	require.Equal(t, "the job was begun as often as it may be, and no worker came to an end with it", last(l))
	run := within(t, given)
	require.True(t, run.Last)
	require.Positive(t, run.Lease, "it is told under a lease")
	require.NoError(t, q.Stop(t.Context()))
	require.Empty(t, runs, "it does not run again")
	require.Equal(t, 1, b.jobs("discarded"))
}

// Each run loses its lease, and its worker, which lives on, puts the job back:
// that must not undo the count of those who have taken over since, but for those who
// begin while it does so. So the count may stand still or go back, but never by so much
// that the job goes on for ever.
func TestRunsThatLoseTheirLeaseAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs, given := make(chan job.Run, 10), make(chan job.Run, 10)
	q := b.node(quick(), killer(runs, given))
	b.insert(q, note{})
	for last, begun, over := 0, 0, false; !over; {
		select {
		case run := <-runs:
			begun++
			require.LessOrEqual(t, begun, 2*3, "it would never be given up")
			require.LessOrEqual(t, run.Attempt, last+1, "nothing is counted twice")
			last = max(last, run.Attempt)
			// In this order: the other way round the second could meet the next run, before that has its lease.
			b.exec("update river_job set attempted_at = now() - interval '1 minute'")
			b.exec("update job_leases set number = nextval('job_lease_numbers'), expires_at = now() - interval '1 second'")
		case <-given:
			over = true
			require.Equal(t, 3, last)
		case <-time.After(patience):
			t.Fatal("it is neither run nor given up")
		}
	}
	require.Equal(t, 3, b.letter().Attempts)
	require.Empty(t, runs)
}

// elsewhere makes the one lease another worker's, for as long as it says.
func (b *bench) elsewhere(interval string) {
	b.exec("update job_leases set number = nextval('job_lease_numbers'), expires_at = now() + $1::interval", interval)
}

func TestALastRunThatHasLostItsLeaseGivesNothingUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	given := make(chan job.Run, 10)
	register := func(r *job.Registry) {
		notes(job.Spec{MaxAttempts: 1}, make(chan job.Run, 10), func(context.Context, job.Run, note) error {
			b.elsewhere("1 hour")
			return errors.New("not today")
		})(r)
		job.OnGivenUp(r, func(_ context.Context, run job.Run, _ note, _ error) error {
			given <- run
			return nil
		})
	}
	q := b.node(quick(), register)
	b.insert(q, note{})
	b.eventually("it is put back, with its count", func() bool {
		return b.number("select count(*) from river_job where state = 'available' and attempt = 1") == 1
	})
	require.Empty(t, given)
	require.Empty(t, b.letters())
	b.elsewhere("-1 second") // the other one is lost as well
	require.Equal(t, 2, within(t, given).Attempt)
	b.letter()
}
