package job_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/job"
)

func TestRunsAreCountedByKindAndHowTheyEnded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 10)
	q := b.node(job.Config{}, notes(job.Spec{MaxAttempts: 2}, runs, func(_ context.Context, _ job.Run, n note) error {
		switch n.Name {
		case "good":
			return nil
		case "hopeless":
			return job.Permanent(errors.New("never"))
		}
		return errors.New("not today")
	}))
	for _, name := range []string{"good", "good", "hopeless", "bad"} {
		b.insert(q, note{name})
	}
	b.eventually("all are over", func() bool { return b.jobs("completed") == 2 && b.jobs("discarded") == 2 })
	require.NoError(t, q.Stop(t.Context()))
	require.NoError(t, testutil.CollectAndCompare(q.Metrics(), strings.NewReader(`
# HELP fluentpro_job_runs_total Runs of background jobs, by how they ended.
# TYPE fluentpro_job_runs_total counter
fluentpro_job_runs_total{kind="test.note",outcome="done"} 2
fluentpro_job_runs_total{kind="test.note",outcome="failed"} 1
fluentpro_job_runs_total{kind="test.note",outcome="given_up"} 2
fluentpro_job_runs_total{kind="test.note",outcome="put_off"} 0
# HELP fluentpro_job_running Jobs under way on this node.
# TYPE fluentpro_job_running gauge
fluentpro_job_running{queue="auth"} 0
fluentpro_job_running{queue="conversation"} 0
fluentpro_job_running{queue="maintenance"} 0
fluentpro_job_running{queue="onboarding"} 0
`), "fluentpro_job_runs_total", "fluentpro_job_running"))
}

func TestWhatWaitsIsToldOnceItWasLookedAt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := b.idle(job.Config{Concurrency: map[string]int{job.QueueAuth: 3}}, notes(job.Spec{}, nil, nil))
	b.insert(q, note{"a"})
	b.insert(q, note{"b"})
	require.Zero(t, testutil.CollectAndCount(q.Metrics(), "fluentpro_job_available"), "nobody has looked")
	_, err := q.Depths(t.Context())
	require.NoError(t, err)
	_, err = q.Pause(t.Context(), job.QueueAuth)
	require.NoError(t, err)
	_, err = q.Depths(t.Context())
	require.NoError(t, err)
	require.NoError(t, testutil.CollectAndCompare(q.Metrics(), strings.NewReader(`
# HELP fluentpro_job_available Jobs that may run now and wait for a worker, on all nodes; told by the node that looked last.
# TYPE fluentpro_job_available gauge
fluentpro_job_available{queue="auth"} 0
fluentpro_job_available{queue="conversation"} 2
fluentpro_job_available{queue="maintenance"} 0
fluentpro_job_available{queue="onboarding"} 0
# HELP fluentpro_job_queue_paused 1 where an operator has paused the queue; told by the node that looked last.
# TYPE fluentpro_job_queue_paused gauge
fluentpro_job_queue_paused{queue="auth"} 1
fluentpro_job_queue_paused{queue="conversation"} 0
fluentpro_job_queue_paused{queue="maintenance"} 0
fluentpro_job_queue_paused{queue="onboarding"} 0
`), "fluentpro_job_available", "fluentpro_job_queue_paused"))
}
