package task

import (
	"context"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
)

// tell writes the domain event of the change that made t what it is.
func tell(ctx context.Context, tx Tx, t Task) error {
	return outbox.Write(ctx, tx, t.UpdatedAt, t.ID, t.event())
}

func (t Task) event() outbox.Data {
	switch t.Status {
	case StatusQueued:
		return events.TaskQueued{TaskID: t.ID, UserID: t.UserID, Kind: t.Kind}
	case StatusCompleted:
		return events.TaskCompleted{TaskID: t.ID, UserID: t.UserID, Kind: t.Kind}
	case StatusFailed:
		return events.TaskFailed{TaskID: t.ID, UserID: t.UserID, Kind: t.Kind, Code: t.Problem.Code}
	case StatusCancelled:
		return events.TaskCancelled{TaskID: t.ID, UserID: t.UserID, Kind: t.Kind}
	}
	var total int64 // 0: not known
	if t.Progress.Total != nil {
		total = *t.Progress.Total
	}
	return events.TaskProgressed{TaskID: t.ID, UserID: t.UserID, Kind: t.Kind, Done: t.Progress.Done, Total: total}
}
