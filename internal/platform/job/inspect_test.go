package job_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
)

func TestDepthsTellHowFullEachQueueIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := b.idle(job.Config{}, notes(job.Spec{Queue: job.QueueOnboarding}, nil, nil))
	for range 6 {
		b.insert(q, note{})
	}
	b.exec(`update river_job set state = 'running' where id = 1;
		update river_job set state = 'scheduled', scheduled_at = now() + interval '1 hour' where id = 2;
		update river_job set state = 'retryable', scheduled_at = now() + interval '1 hour' where id = 3;
		update river_job set scheduled_at = now() - interval '1 minute' where id = 5;
		update river_job set state = 'completed', finalized_at = now() where id = 6`)
	all, err := q.Depths(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 4)
	var names []string
	for _, d := range all {
		names = append(names, d.Queue)
	}
	require.Equal(t, job.Queues(), names)
	require.Equal(t, job.Depth{Queue: job.QueueAuth}, all[0])
	got := all[3]
	require.InDelta(t, time.Minute, got.OldestAge, float64(patience))
	got.OldestAge = 0
	require.Equal(t, job.Depth{Queue: job.QueueOnboarding, Available: 2, Running: 1, Scheduled: 1, Retryable: 1}, got)

	b.exec("update river_job set scheduled_at = now() + interval '3 seconds' where state = 'available'")
	all, err = q.Depths(t.Context())
	require.NoError(t, err)
	require.Zero(t, all[3].OldestAge, "what is due in a moment has not waited")
}

// pauseWithin is how soon a node obeys a pause, with what a busy machine takes.
const pauseWithin = 2*time.Second + 2*time.Second

func TestAPausedQueueIsLeftAloneUntilItIsResumed(t *testing.T) {
	t.Parallel()
	for name, pollOnly := range map[string]bool{"by a node that is notified": false, "by a node that polls": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			runs := make(chan job.Run, 1000)
			config := job.Config{PollOnly: pollOnly, Concurrency: map[string]int{job.QueueConversation: 5, job.QueueMaintenance: 0}}
			q := b.node(config, notes(job.Spec{}, runs, nil))
			b.insert(q, note{})
			within(t, runs)

			desk := b.idle(job.Config{Concurrency: map[string]int{}}, notes(job.Spec{}, nil, nil))
			depth, err := desk.Pause(t.Context(), job.QueueConversation)
			require.NoError(t, err)
			require.True(t, depth.Paused)
			require.Equal(t, job.QueueConversation, depth.Queue)
			paused := time.Now()
			for obeys := false; !obeys; {
				require.Less(t, time.Since(paused), pauseWithin)
				b.insert(q, note{})
				select {
				case <-runs:
				case <-time.After(600 * time.Millisecond): // more than a poll
					obeys = true
				}
			}
			t.Logf("obeyed within %s", time.Since(paused))
			later := b.node(config, notes(job.Spec{}, runs, nil))
			require.NoError(t, later.Stop(t.Context()))
			require.NoError(t, q.Stop(t.Context()))
			require.Empty(t, runs)

			again := b.node(config, notes(job.Spec{}, runs, nil)) // a pause outlives its nodes
			depth, err = desk.Resume(t.Context(), job.QueueConversation)
			require.NoError(t, err)
			require.False(t, depth.Paused)
			within(t, runs)
			require.NoError(t, again.Stop(t.Context()))
		})
	}
}

func TestAQueueThatNobodyWorksYetCanBePaused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := b.idle(job.Config{}, notes(job.Spec{}, nil, nil))
	for range 2 {
		depth, err := q.Pause(t.Context(), job.QueueAuth)
		require.NoError(t, err)
		require.Equal(t, job.Depth{Queue: job.QueueAuth, Paused: true}, depth)
	}
	all, err := q.Depths(t.Context())
	require.NoError(t, err)
	require.True(t, all[0].Paused)
	require.False(t, all[1].Paused)
}

func TestAnUnknownQueueIsNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := b.idle(job.Config{}, notes(job.Spec{}, nil, nil))
	_, err := q.Pause(t.Context(), "*")
	require.True(t, fault.Is(err, "resource.not_found"))
	_, err = q.Resume(t.Context(), "default")
	require.True(t, fault.Is(err, "resource.not_found"))
}
