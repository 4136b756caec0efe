package task_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/task"
)

// create asks for a rehearsal by an operation.
func (n *node) create(user uuid.UUID, key string, in input) (task.Created, error) {
	return n.Create(n.t.Context(), task.CreateInput{
		StartInput: task.StartInput{UserID: user, Kind: kind, Input: in}, Operation: "rehearse", IdempotencyKey: key,
	})
}

func TestATaskThatIsNotOverIsGivenAgain(t *testing.T) {
	t.Parallel()
	n := setup(t)
	first, err := n.create(mei, "", input{Room: 1})
	require.NoError(t, err)
	run := n.begun()
	again, err := n.create(mei, "", input{Room: 1})
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	require.False(t, again.Replayed)
	theirs, err := n.create(other, "", input{Room: 1})
	require.NoError(t, err)
	require.NotEqual(t, first.ID, theirs.ID, "another user's is another")
	n.begun().gives(nil)
	run.gives(nil)
	n.ended(first.Task, task.StatusCompleted)
	next, err := n.create(mei, "", input{Room: 1})
	require.NoError(t, err)
	require.NotEqual(t, first.ID, next.ID)
	n.begun().gives(nil)
}

func TestAKeyGivesTheTaskThatItBegan(t *testing.T) {
	t.Parallel()
	n := setup(t)
	first, err := n.create(mei, "k", input{Room: 1})
	require.NoError(t, err)
	n.begun().gives(nil)
	n.ended(first.Task, task.StatusCompleted)
	again, err := n.create(mei, "k", input{Room: 1})
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID, "also when it is over")
	require.True(t, again.Replayed)
	require.Equal(t, task.StatusCompleted, again.Status)
	_, err = n.create(mei, "k", input{Room: 2})
	requireFault(t, err, "idempotency.key_reused")
	require.Equal(t, 1, n.count("tasks"))
}

func TestTasksAskedForAtOnceAreOne(t *testing.T) {
	t.Parallel()
	n := setup(t)
	ids := make(chan uuid.UUID, 8)
	var all sync.WaitGroup
	for range cap(ids) {
		all.Go(func() {
			made, err := n.create(mei, uuid.NewString(), input{Room: 1})
			if err != nil {
				t.Error(err)
			}
			ids <- made.ID
		})
	}
	run := n.begun()
	all.Wait()
	first := <-ids
	for range cap(ids) - 1 {
		require.Equal(t, first, <-ids)
	}
	run.gives(nil)
	require.Equal(t, 1, n.count("tasks"))
}
