package task

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// ErrCancelled is the cause of a run's context when its task's user has cancelled
// it: the work returns, and the task ends cancelled with the progress it has.
var ErrCancelled = errors.New("the task was cancelled")

// tellWait bounds how long a request waits for the log, which readers can do without.
const tellWait = time.Second

// Cancel stops one of the user's tasks. One that nobody is at ends here; a running
// one is told to stop, within a second and on whichever node it is, and is given
// as it still is: it may end in another way, if it was about to. One that has
// ended is given as it is. Faults: resource.not_found; task.not_cancellable for a
// kind that is Final.
func (s *Service) Cancel(ctx context.Context, userID, id uuid.UUID) (Task, error) {
	if len(s.final) > 0 {
		t, err := s.Get(ctx, userID, id)
		if err != nil || t.Ended() {
			return t, err
		}
		if s.final[t.Kind] {
			return t, errNotCancellable
		}
	}
	t, changed, err := s.store.cancel(ctx, userID, id, s.clock())
	if err == nil && changed {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellWait)
		defer cancel()
		s.publish(ctx, t)
	}
	return t, err
}
