package task_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
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

func TestAKeyStandsForTheTaskThatWasUnderWay(t *testing.T) {
	t.Parallel()
	n := setup(t)
	first, err := n.create(mei, "", input{Room: 1})
	require.NoError(t, err)
	run := n.begun()
	joined, err := n.create(mei, "k", input{Room: 1})
	require.NoError(t, err)
	require.Equal(t, first.ID, joined.ID)
	require.False(t, joined.Replayed, "its first use")
	run.gives(nil)
	n.ended(first.Task, task.StatusCompleted)

	second, err := n.create(mei, "", input{Room: 1})
	require.NoError(t, err)
	again, err := n.create(mei, "k", input{Room: 1})
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID, "not the one that is under way now")
	require.True(t, again.Replayed)
	theirs, err := n.create(other, "k", input{Room: 2})
	require.NoError(t, err, "another user's key is another")
	require.NotEqual(t, first.ID, theirs.ID)
	require.NotEqual(t, second.ID, theirs.ID)
	n.begun().gives(nil)
	n.begun().gives(nil)
}

func TestWhatIsRefusedStartsNothingAndUsesNoKeyUp(t *testing.T) {
	t.Parallel()
	n := setup(t)
	refused := fault.New(fault.Conflict, "rehearsal.closed", "The room is closed.")
	ask := func(key string, refusal error) (task.Created, error) {
		return n.Create(t.Context(), task.CreateInput{
			StartInput: task.StartInput{UserID: mei, Kind: kind, Input: input{Room: 1}}, Operation: "rehearse", IdempotencyKey: key, Refusal: refusal,
		})
	}
	for _, key := range []string{"", "k", "k"} {
		_, err := ask(key, refused)
		requireFault(t, err, "rehearsal.closed")
	}
	require.Zero(t, n.count("tasks"))
	first, err := ask("k", nil)
	require.NoError(t, err)
	require.False(t, first.Replayed)
	run := n.begun()
	_, err = ask("", refused)
	requireFault(t, err, "rehearsal.closed")
	again, err := ask("k", refused)
	require.NoError(t, err, "a retry gets its first answer")
	require.Equal(t, first.ID, again.ID)
	run.gives(nil)
}

func TestTasksAskedForAtOnceWithoutAKeyAreOneOnAllNodes(t *testing.T) {
	t.Parallel()
	n := setup(t)
	two := n.node()
	ids := make(chan uuid.UUID, 8)
	var all sync.WaitGroup
	for i := range cap(ids) {
		all.Go(func() {
			made, err := []*node{n, two}[i%2].create(mei, "", input{Room: 1})
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
	require.Equal(t, 1, n.count("tasks"))
	run.gives(nil)
}

// about is the same, one for each room.
func about(room int) task.StartInput {
	return task.StartInput{UserID: mei, Kind: kind, Input: input{Room: room}, About: map[string]int{"room": room}}
}

func TestWorkAboutAnotherThingIsAnotherTask(t *testing.T) {
	t.Parallel()
	n := setup(t)
	ask := func(in task.StartInput) task.Created {
		made, err := n.Create(t.Context(), task.CreateInput{StartInput: in, Operation: "rehearse"})
		require.NoError(t, err)
		return made
	}
	first, second := ask(about(1)), ask(about(2))
	require.NotEqual(t, first.ID, second.ID, "both at the same time")
	require.Equal(t, first.ID, ask(about(1)).ID)
	require.Equal(t, second.ID, ask(about(2)).ID)
	require.Equal(t, first.ID, ask(task.StartInput{UserID: mei, Kind: kind, Input: input{Room: 3}}).ID, "whatever it is about")
	n.begun().gives(nil)
	n.begun().gives(nil)
	require.Equal(t, 2, n.count("tasks"))
}

func TestAnIDStartsOneTask(t *testing.T) {
	t.Parallel()
	n := setup(t)
	once := func(id uuid.UUID, in task.StartInput) bool {
		started, err := n.StartOnce(t.Context(), id, in)
		require.NoError(t, err)
		return started
	}
	id := uuid.Must(uuid.NewV7())
	require.True(t, once(id, about(1)))
	run := n.begun()
	require.False(t, once(id, about(1)), "while it is under way")
	require.False(t, once(uuid.Must(uuid.NewV7()), about(1)), "nor does another id, for the same")
	next := uuid.Must(uuid.NewV7())
	require.True(t, once(next, about(2)))
	n.begun().gives(nil)
	run.gives(nil)
	for _, one := range []uuid.UUID{id, next} {
		n.ended(task.Task{ID: one}, task.StatusCompleted)
	}
	require.False(t, once(id, about(1)), "nor when it is over")
	require.Equal(t, 2, n.count("tasks"))
	_, err := n.StartOnce(t.Context(), uuid.Must(uuid.NewV7()), task.StartInput{UserID: mei, Kind: kind, Input: func() {}})
	require.ErrorContains(t, err, "unsupported type")
}
