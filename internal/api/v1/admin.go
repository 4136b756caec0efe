package v1

import (
	"context"
	"fmt"
	"time"

	"github.com/fluentpro/fluentpro/gen/apiv1"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/task"
)

// How long an answer waits for the index: until it is built, and until it is known how
// much there is to build.
const (
	builtWait = time.Minute
	begunWait = 10 * time.Second
)

const (
	indexBuilt    = "The index is built."
	indexGoesOn   = "The index is being built; the old one serves until then."
	indexWillBeOn = "The index will be built anew; the old one serves until then."
)

// ReindexRolesV1 builds the index of roles anew.
func (s *Server) ReindexRolesV1(ctx context.Context, _ apiv1.ReindexRolesV1RequestObject) (apiv1.ReindexRolesV1ResponseObject, error) {
	count, message, err := s.reindex(ctx)
	return apiv1.ReindexRolesV1200JSONResponse{Success: true, Message: message, IndexedCount: count}, err
}

// GenerateEmbeddingsV1 does the same: an index is built of embeddings.
func (s *Server) GenerateEmbeddingsV1(ctx context.Context, _ apiv1.GenerateEmbeddingsV1RequestObject) (apiv1.GenerateEmbeddingsV1ResponseObject, error) {
	count, message, err := s.reindex(ctx)
	return apiv1.GenerateEmbeddingsV1200JSONResponse{Success: true, Message: message, EmbeddingsCount: count}, err
}

// ClearIndexV1 has the index built anew, and does not wait for it.
func (s *Server) ClearIndexV1(ctx context.Context, _ apiv1.ClearIndexV1RequestObject) (apiv1.ClearIndexV1ResponseObject, error) {
	t, err := s.startReindex(ctx)
	if err != nil {
		return nil, err
	}
	t = s.await(ctx, t, begunWait, func(t task.Task) bool { return t.Progress.Total != nil })
	return apiv1.ClearIndexV1200JSONResponse{Success: true, Message: indexWillBeOn, ClearedCount: total(t)}, nil
}

// reindex gives how many roles the new index has, as far as that is known in time.
func (s *Server) reindex(ctx context.Context) (count int, message string, err error) {
	t, err := s.startReindex(ctx)
	if err != nil {
		return 0, "", err
	}
	t = s.await(ctx, t, builtWait, func(task.Task) bool { return false })
	switch {
	case t.Status == task.StatusCompleted:
		return total(t), indexBuilt, nil
	case t.Problem != nil:
		return 0, "", fault.New(fault.Unavailable, "server.unavailable", "The index could not be built; the old one serves. "+t.Problem.Detail)
	default:
		return total(t), indexGoesOn, nil
	}
}

func (s *Server) startReindex(ctx context.Context) (task.Task, error) {
	made, err := s.Tasks.Create(ctx, task.CreateInput{
		StartInput: task.StartInput{UserID: me(ctx), Kind: catalogue.ReindexKind, Input: catalogue.ReindexInput{Format: 1}},
		Operation:  "reindexRoles",
	})
	if err != nil {
		return task.Task{}, fmt.Errorf("start to build the index: %w", err)
	}
	return made.Task, nil
}

// await follows a task until it has ended or is as wanted, for so long at most. What
// cannot be followed is given as it was: it is stored, and goes on.
func (s *Server) await(ctx context.Context, t task.Task, limit time.Duration, wanted func(task.Task) bool) task.Task {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	feed, _, err := s.Tasks.Follow(ctx, t.UserID, t.ID, 0)
	if err != nil {
		return t
	}
	defer feed.Close()
	for !t.Ended() && !wanted(t) {
		events, err := feed.Next(ctx)
		if err != nil {
			break
		}
		t = events[len(events)-1].Task
	}
	return t
}

// total is how many roles there are to index; 0 while that is not known.
func total(t task.Task) int {
	if t.Progress.Total == nil {
		return 0
	}
	return int(*t.Progress.Total)
}
