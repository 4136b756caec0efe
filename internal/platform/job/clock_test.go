package job_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/job"
)

// The database's clock decides: a node whose own is an hour off retries, hands
// over and takes over when it should.
func TestANodeWithAWrongClockChangesNothing(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"an hour ahead": time.Hour, "an hour back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := func(cfg job.Config) job.Config {
				return job.OnClock(cfg, func() time.Time { return time.Now().Add(off) })
			}
			t.Run("a retry", func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				runs := make(chan job.Run, 10)
				q := b.node(wrong(job.Config{}), notes(job.Spec{}, runs, func(_ context.Context, run job.Run, _ note) error {
					if run.Attempt == 1 {
						return errors.New("not today")
					}
					return nil
				}))
				b.insert(q, note{})
				within(t, runs)
				require.Equal(t, 2, within(t, runs).Attempt)
				require.Zero(t, b.number("select count(*) from river_job where attempted_at - created_at < interval '500 milliseconds'"),
					"not at once either")
			})
			t.Run("a hand-over", func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				here, there := make(chan job.Run, 1), make(chan job.Run, 1)
				a := b.node(wrong(job.Config{LeaseLifetime: time.Hour}), notes(job.Spec{}, here, func(ctx context.Context, _ job.Run, _ note) error {
					<-ctx.Done()
					return ctx.Err()
				}))
				b.insert(a, note{})
				within(t, here)
				require.NoError(t, a.Stop(ended(t)))
				b.node(wrong(job.Config{LeaseLifetime: time.Hour}), notes(job.Spec{}, there, nil))
				within(t, there)
			})
			t.Run("a take-over, and none too early", func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				runs, release := make(chan job.Run, 10), make(chan struct{})
				register := notes(job.Spec{}, runs, func(context.Context, job.Run, note) error {
					<-release
					return nil
				})
				b.insert(b.idle(job.Config{}, register), note{})
				b.strand(true)
				b.node(wrong(quick()), register)
				within(t, runs)
				b.node(quick(), register)
				var taken time.Time
				require.NoError(t, b.pool.QueryRow(t.Context(), "select attempted_at from river_job").Scan(&taken))
				b.eventually("two lives have passed", func() bool {
					return b.number("select count(*) from job_leases where expires_at > $1::timestamptz + interval '2500 milliseconds'", taken) == 1
				})
				require.Empty(t, runs)
				close(release)
				b.eventually("done", func() bool { return b.jobs("completed") == 1 })
			})
		})
	}
}
