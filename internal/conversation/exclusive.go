package conversation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/lock"
)

// lockWait is how long a change waits for those before it.
const lockWait = 5 * time.Second

var errBusy = fault.New(fault.Conflict, "conversation.busy", "Too many changes of this conversation wait for one another.")

// overtakenError says that the row has a fencing number as high as ours, or higher.
type overtakenError struct{ fence int64 }

// Error names the number that was found.
func (e overtakenError) Error() string {
	return fmt.Sprintf("the conversation was changed under the fencing number %d", e.fence)
}

// exclusively does something under the lock of a conversation, so that its changes wait in
// Redis, in order, and not in transactions. What it does must hand the fencing number to
// its write, by lockHead. Where that is refused, because a newer holder has written or
// because Redis has forgotten the numbers, it is done again under a higher one. Without
// Redis, when fence is nil, the row's own lock and the guard by the version are enough, as
// they are for what is one statement only, Send. Fault: conversation.busy.
func (s *Service) exclusively(ctx context.Context, conversation uuid.UUID, do func(fence *int64) error) error {
	in := lock.AcquireInput{Name: conversation.String(), Wait: lockWait}
	for range changeTries {
		held, err := s.locks.Acquire(ctx, in)
		switch {
		case errors.Is(err, lock.ErrUnavailable):
			return do(nil)
		case errors.Is(err, lock.ErrBusy):
			return errBusy.WithRetryAfter(time.Second).WithCause(err)
		case err != nil:
			return fmt.Errorf("lock conversation %s: %w", conversation, err)
		}
		fence := held.Fence()
		err = do(&fence)
		if err := held.Release(ctx); err != nil {
			s.logger.DebugContext(ctx, "release a conversation", "conversation_id", conversation, "error", err.Error())
		}
		overtaken, ok := errors.AsType[overtakenError](err)
		if !ok {
			return err
		}
		in.Floor = overtaken.fence
	}
	return errBusy.WithRetryAfter(time.Second)
}
