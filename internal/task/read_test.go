package task_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/task"
)

// list gives the ids of one page of Mei's tasks.
func (n *node) list(in task.ListInput) (ids []uuid.UUID, last *task.Place, more bool) {
	n.t.Helper()
	in.UserID = mei
	page, more, err := n.List(n.t.Context(), in)
	require.NoError(n.t, err)
	for _, t := range page {
		ids, last = append(ids, t.ID), &task.Place{At: t.CreatedAt, ID: t.ID}
	}
	return ids, last, more
}

func TestTasksAreListedInPagesTheNewestFirst(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	var want []uuid.UUID
	for range 5 {
		want = append([]uuid.UUID{n.start().ID}, want...)
	}
	var got []uuid.UUID
	var before *task.Place
	for more := true; more; {
		var ids []uuid.UUID
		ids, before, more = n.list(task.ListInput{Limit: 2, Before: before})
		got = append(got, ids...)
	}
	require.Equal(t, want, got)

	_, err := n.Cancel(t.Context(), mei, want[3])
	require.NoError(t, err)
	ids, _, more := n.list(task.ListInput{Limit: 5, Status: ptr(task.StatusCancelled)})
	require.Equal(t, want[3:4], ids)
	require.False(t, more)
	ids, _, _ = n.list(task.ListInput{Limit: 5, Kind: ptr(kind), Status: ptr(task.StatusQueued)})
	require.Len(t, ids, 4)
	ids, _, _ = n.list(task.ListInput{Limit: 5, Kind: ptr("other")})
	require.Empty(t, ids)
	page, _, err := n.List(t.Context(), task.ListInput{UserID: other, Limit: 5})
	require.NoError(t, err)
	require.Empty(t, page)
}

func TestAnothersTaskIsNotFound(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	made := n.start()
	_, err := n.Get(t.Context(), other, made.ID)
	requireFault(t, err, "resource.not_found")
	_, _, err = n.Follow(t.Context(), other, made.ID, 0)
	requireFault(t, err, "resource.not_found")
	_, err = n.Get(t.Context(), mei, uuid.New())
	requireFault(t, err, "resource.not_found")
}

func TestWhatIsWrongWithTheDatabaseIsSaid(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	made := n.start()
	feed, _, err := n.Follow(t.Context(), mei, made.ID, 0)
	require.NoError(t, err)
	defer feed.Close()
	n.exec("alter table tasks rename to elsewhere")
	_, err = n.Get(t.Context(), mei, made.ID)
	require.ErrorContains(t, err, "read task")
	_, _, err = n.List(t.Context(), task.ListInput{UserID: mei, Limit: 1})
	require.ErrorContains(t, err, "list tasks")
	_, err = n.Cancel(t.Context(), mei, made.ID)
	require.ErrorContains(t, err, "cancel task")
	_, err = n.Sweep(t.Context(), 1)
	require.ErrorContains(t, err, "sweep tasks")
}

func TestATaskIsKeptForSevenDaysAfterItsEnd(t *testing.T) {
	t.Parallel()
	ahead := time.Duration(0)
	n := setup(t, func(s *settings) { s.workers = 0; s.now = func() time.Time { return time.Now().Add(ahead) } })
	ended, open := []task.Task{n.start(), n.start(), n.start()}, n.start()
	for _, one := range ended {
		n.cancel(one)
	}
	sweep := func(limit int) int64 {
		gone, err := n.Sweep(t.Context(), limit)
		require.NoError(t, err)
		return gone
	}
	ahead = 7*24*time.Hour - time.Minute
	require.Zero(t, sweep(10))
	ahead = 7*24*time.Hour + time.Minute
	require.EqualValues(t, 2, sweep(2), "in bites")
	_, err := n.Get(t.Context(), mei, ended[0].ID)
	requireFault(t, err, "resource.not_found")
	require.Equal(t, task.StatusCancelled, n.now(ended[2]).Status, "the longest ended go first")
	require.EqualValues(t, 1, sweep(2))
	ahead *= 100
	require.Zero(t, sweep(2))
	require.Equal(t, task.StatusQueued, n.now(open).Status, "what has not ended stays")
}
