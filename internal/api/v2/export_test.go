package v2

import (
	"context"

	"github.com/fluentpro/fluentpro/internal/task"
)

// AwaitTask waits as an operation does that starts a task.
func (s *Server) AwaitTask(ctx context.Context, t task.Task, prefer string) (task.Task, bool, string) {
	return s.awaitTask(ctx, t, prefer)
}

// TaskLocation is where such an operation says that the task is.
func TaskLocation(t task.Task) string { return taskLocation(t) }
