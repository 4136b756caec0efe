package task

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/outbox"
)

// tell writes the domain event of the change that made t what it is.
func tell(ctx context.Context, tx Tx, t Task) error {
	switch t.Status {
	case StatusQueued:
		return queued(ctx, tx, t)
	case StatusCompleted:
		return completed(ctx, tx, t)
	case StatusFailed:
		return failed(ctx, tx, t)
	case StatusCancelled:
		return cancelled(ctx, tx, t)
	default:
		return progressed(ctx, tx, t)
	}
}

func queued(ctx context.Context, tx Tx, t Task) error {
	return outbox.Write(ctx, tx, t.UpdatedAt, t.ID, happening{what: "task.queued", TaskID: t.ID, UserID: t.UserID, Kind: t.Kind})
}

func progressed(ctx context.Context, tx Tx, t Task) error {
	return outbox.Write(ctx, tx, t.UpdatedAt, t.ID, happening{what: "task.progressed", TaskID: t.ID, UserID: t.UserID, Kind: t.Kind,
		Done: &t.Progress.Done, Total: t.Progress.Total})
}

func completed(ctx context.Context, tx Tx, t Task) error {
	return outbox.Write(ctx, tx, t.UpdatedAt, t.ID, happening{what: "task.completed", TaskID: t.ID, UserID: t.UserID, Kind: t.Kind})
}

func failed(ctx context.Context, tx Tx, t Task) error {
	return outbox.Write(ctx, tx, t.UpdatedAt, t.ID, happening{what: "task.failed", TaskID: t.ID, UserID: t.UserID, Kind: t.Kind,
		Code: t.Problem.Code})
}

func cancelled(ctx context.Context, tx Tx, t Task) error {
	return outbox.Write(ctx, tx, t.UpdatedAt, t.ID, happening{what: "task.cancelled", TaskID: t.ID, UserID: t.UserID, Kind: t.Kind})
}

// happening is the content of a domain event about a task.
type happening struct {
	what   string
	TaskID uuid.UUID `json:"task_id"`
	UserID uuid.UUID `json:"user_id"`
	Kind   string    `json:"kind"`
	Done   *int64    `json:"done,omitempty"`
	Total  *int64    `json:"total,omitempty"`
	Code   string    `json:"code,omitempty"`
}

// EventType names what happened.
func (h happening) EventType() string { return h.what }

// EventVersion is that of the content's shape.
func (happening) EventVersion() int { return 1 }

// AggregateType says that it is about a task.
func (happening) AggregateType() string { return "task" }
