package task_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/task"
)

// cancel cancels a task of Mei's.
func (n *node) cancel(t task.Task) task.Task {
	n.t.Helper()
	got, err := n.Cancel(n.t.Context(), mei, t.ID)
	require.NoError(n.t, err)
	return got
}

func TestAQueuedTaskIsCancelledAtOnceAndItsJobFindsItSo(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	made := n.start()
	r := n.read(made, 0)
	require.NoError(t, r.next())
	got := n.cancel(made)
	require.Equal(t, task.StatusCancelled, got.Status)
	require.EqualValues(t, 2, got.Revision)
	require.Equal(t, got, n.now(made))
	require.Equal(t, "progressed cancelled", kinds(r.untilEnd()))
	require.Equal(t, got, n.cancel(made), "cancelling again changes nothing")
	require.Equal(t, "queued cancelled", n.told(made))

	n.stage.node()
	n.eventually("the job is over", func() bool { return n.count("river_job where state = 'completed' and attempt = 1") == 1 })
	require.Empty(t, n.runs)
	require.Equal(t, got, n.now(made))
}

func TestARunningTaskIsCancelledWithinASecondWhereverItRuns(t *testing.T) {
	t.Parallel()
	n := setup(t)
	elsewhere := n.stage.node(idle)
	for name, by := range map[string]*node{"on its node": n, "on another": elsewhere} {
		made := n.start()
		run := n.begun()
		run.Total(10)
		run.Add(4)
		n.reaches(made, 4)
		asked := time.Now()
		got := by.cancel(made)
		require.Equal(t, task.StatusRunning, got.Status, name)
		require.Equal(t, got.Revision, by.cancel(made).Revision, "asked again, nothing changes")
		<-run.ctx.Done()
		require.Less(t, time.Since(asked), 5*time.Second, "a second, and what a busy machine takes")
		require.ErrorIs(t, context.Cause(run.ctx), task.ErrCancelled, name)
		ended := n.ended(made, task.StatusCancelled)
		require.Equal(t, task.Tally{Done: 4, Total: ptr[int64](10)}, ended.Progress, "it keeps its progress")
		require.Nil(t, ended.Problem)
		require.Equal(t, "queued progressed cancelled", n.told(made))
		require.Equal(t, ended, by.cancel(made))
	}
	n.quiet()
	require.Equal(t, 2, n.count("river_job where state = 'completed'"))
}

func TestManyRunsAreWatchedTogetherAndOneIsCancelled(t *testing.T) {
	t.Parallel()
	n := setup(t)
	kept := n.start()
	keeps := n.begun()
	stopped := n.start()
	stops := n.begun()
	n.cancel(stopped)
	n.ended(stopped, task.StatusCancelled)
	require.Error(t, stops.ctx.Err())
	require.NoError(t, keeps.ctx.Err())
	keeps.gives(nil)
	n.ended(kept, task.StatusCompleted)
}

func TestATaskThatWaitsToBeTriedAgainIsCancelledAtOnce(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.start()
	run := n.begun()
	run.Add(2)
	run.fails(errors.New("not today"))
	n.quiet()
	got := n.cancel(made)
	require.Equal(t, task.StatusCancelled, got.Status)
	require.EqualValues(t, 2, got.Progress.Done)
	n.eventually("the job is over", func() bool { return n.count("river_job where state = 'completed'") == 1 })
	require.Empty(t, n.runs)
	require.Equal(t, got, n.now(made))
}

func TestACancelThatComesAsARunFailsEndsTheTask(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.startWith(input{Deaf: true})
	run := n.begun()
	run.Add(2)
	n.exec("update tasks set cancel_requested_at = now()")
	run.fails(errors.New("not today"))
	require.EqualValues(t, 2, n.ended(made, task.StatusCancelled).Progress.Done)
	n.quiet()
	require.Equal(t, 1, n.count("river_job where state = 'completed'"))
}

func TestWorkThatIsDoneAllTheSameIsCompleted(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.startWith(input{Deaf: true})
	run := n.begun()
	n.cancel(made)
	<-run.ctx.Done()
	run.gives(map[string]any{"late": true})
	n.ended(made, task.StatusCompleted)
}

func TestACancelOutlivesTheWorkerThatWasToHeedIt(t *testing.T) {
	t.Parallel()
	n := setup(t, one)
	made := n.startWith(input{Deaf: true})
	run := n.begun()
	run.Add(6)
	n.reaches(made, 6)
	n.cancel(made)
	n.stage.node(one)
	n.lapse() // the worker died before it saw
	require.EqualValues(t, 6, n.ended(made, task.StatusCancelled).Progress.Done)
	require.Empty(t, n.runs)
	run.gives(map[string]any{})
	n.quiet()
	require.Equal(t, task.StatusCancelled, n.now(made).Status)
}

func TestATaskThatHasEndedIsGivenAsItIs(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.start()
	n.begun().gives(map[string]any{"a": 1})
	done := n.ended(made, task.StatusCompleted)
	require.Equal(t, done, n.cancel(made))
	require.Equal(t, done, n.now(made))
}

func TestOnlyItsUserMayCancelATask(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	made := n.start()
	_, err := n.Cancel(t.Context(), other, made.ID)
	requireFault(t, err, "resource.not_found")
	_, err = n.Cancel(t.Context(), mei, uuid.New())
	requireFault(t, err, "resource.not_found")
	require.Equal(t, task.StatusQueued, n.now(made).Status)
}
