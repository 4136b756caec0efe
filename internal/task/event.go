package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// Types of events of a task. After one of the last three, none follows.
const (
	EventProgressed = "task.progressed"
	EventCompleted  = "task.completed"
	EventFailed     = "task.failed"
	EventCancelled  = "task.cancelled"
)

// Bounds of telling of an end.
const (
	publishRetry = 200 * time.Millisecond // between tries while the log is away
	publishWait  = 3 * time.Second        // then readers find the end in the database
)

// Event is one event of a task: the whole task as it is then. Its JSON is the form
// kept in the event log; nodes of neighbouring releases read each other's.
type Event struct {
	Type string `json:"type"`
	Task Task   `json:"task"`
}

// eventOf is what a reader is told of a task.
func eventOf(t Task) Event {
	switch t.Status {
	case StatusCompleted:
		return Event{Type: EventCompleted, Task: t}
	case StatusFailed:
		return Event{Type: EventFailed, Task: t}
	case StatusCancelled:
		return Event{Type: EventCancelled, Task: t}
	default:
		return Event{Type: EventProgressed, Task: t}
	}
}

// streamOf names the log of a task.
func streamOf(id uuid.UUID) string { return "task:" + id.String() }

// publish puts a task as it is now into its log, once. Readers who miss it find
// the task in the database, so a log that is away is no error.
func (s *Service) publish(ctx context.Context, t Task) {
	if err := s.append(ctx, t); err != nil {
		s.logger.DebugContext(ctx, "publish a task", "task", t.ID, "error", err)
	}
}

// publishEnd is publish for the end, which is worth more than one try.
func (s *Service) publishEnd(ctx context.Context, t Task) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishWait)
	defer cancel()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := s.append(ctx, t)
		if err != nil && !errors.Is(err, eventlog.ErrUnavailable) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(publishRetry)))
	if err != nil {
		s.logger.WarnContext(ctx, "publish the end of a task", "task", t.ID, "error", err)
	}
}

func (s *Service) append(ctx context.Context, t Task) error {
	data, err := json.Marshal(eventOf(t))
	if err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	_, err = s.log.Append(ctx, eventlog.AppendInput{Stream: streamOf(t.ID), Fence: t.lease, After: eventlog.AnyID, Entry: data})
	return err
}
