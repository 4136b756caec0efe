package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Bounds of writing to the database.
const (
	writeWait  = 2 * time.Second  // for how far a task has come
	storeWait  = 30 * time.Second // for its end, while the database is away
	belatedMax = 5 * time.Second  // for its end, when the run's own time is over
)

// work does one kind of task.
type work func(ctx context.Context, p *Progress, input json.RawMessage) (any, error)

// attempt is one run of a task, from its beginning to its end, or to an error that
// makes the job run again. A run that finds the task ended or a newer worker at it
// leaves it alone, and is no failure.
func (s *Service) attempt(ctx context.Context, run job.Run, args jobArgs, do work) error {
	t, err := s.store.begin(ctx, args.TaskID, run.Lease, s.clock())
	switch {
	case postgres.NoRows(err):
		return s.announceEnd(ctx, args.TaskID)
	case err != nil:
		return err
	case t.cancelRequested: // the worker before this one has died of something else
		return s.end(ctx, t.cancelled())
	}
	s.publish(ctx, t)
	result, cause, err := s.perform(ctx, &t, do)
	switch {
	case errors.Is(cause, job.ErrLeaseLost):
		return nil
	case err == nil:
		if t, err = t.completed(result); err == nil {
			return s.end(ctx, t)
		}
	case errors.Is(cause, ErrCancelled):
		return s.end(ctx, t.cancelled())
	case takenAway(ctx):
		return fmt.Errorf("task %s: %w", t.ID, err)
	}
	if permanent(err) {
		s.logger.InfoContext(ctx, "task failed", "task", t.ID, "kind", t.Kind, "error", err)
		return s.end(ctx, t.failed(err))
	}
	return s.rest(ctx, t, err)
}

// perform does the work, with t's progress written beside it, and leaves in t how
// far it came. cause is why the work's context ended; nil: it did not.
func (s *Service) perform(ctx context.Context, t *Task, do work) (result any, cause, err error) {
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer s.watch.add(t.ID, cancel)()
	now := *t
	p := newProgress(func(reached Tally) bool {
		now.Progress = reached
		return s.advance(ctx, now, cancel)
	})
	p.TaskID = t.ID
	defer func() {
		t.Progress, cause = p.stop(), context.Cause(own)
		if caught := recover(); caught != nil {
			s.logger.ErrorContext(ctx, "task panicked", "task", t.ID, "kind", t.Kind, "panic", caught, "stack", string(debug.Stack()))
			err = fmt.Errorf("task %s panicked: %v", t.Kind, caught)
		}
	}()
	result, err = do(own, p, t.input)
	return result, nil, err
}

// advance writes how far a run has come, and ends it when that shows it to be
// cancelled, or another's; false: to be tried again.
func (s *Service) advance(ctx context.Context, t Task, cancel context.CancelCauseFunc) bool {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), writeWait)
	defer stop()
	t, err := s.store.progress(ctx, t, false, s.clock())
	switch {
	case postgres.NoRows(err):
		cancel(job.ErrLeaseLost)
		return true
	case err != nil:
		s.logger.WarnContext(ctx, "write progress of a task", "error", err)
		return false
	case t.cancelRequested:
		cancel(ErrCancelled)
	}
	s.publish(ctx, t)
	return true
}

// rest leaves a task to the next run, with the progress of the one that failed;
// the job's error comes back. A cancel that came in time ends the task instead.
func (s *Service) rest(ctx context.Context, t Task, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWait)
	defer cancel()
	rested, err := s.store.progress(ctx, t, true, s.clock())
	switch {
	case err != nil:
		return errors.Join(failure, err)
	case rested.cancelRequested:
		return s.end(ctx, rested.cancelled())
	}
	s.publish(ctx, rested)
	return failure
}

// giveUp ends a task that no run will do any more.
func (s *Service) giveUp(ctx context.Context, run job.Run, args jobArgs, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	t, err := patiently(ctx, func() (Task, error) { return s.store.task(ctx, args.TaskID) })
	switch {
	case postgres.NoRows(err), err == nil && (t.Ended() || t.lease > run.Lease):
		return nil
	case err != nil:
		return err
	}
	t.lease = run.Lease // the run may have failed before it began
	return s.end(ctx, t.failed(cause))
}

// end stores the end of a task and announces it. What came of the work exists
// nowhere else yet, so a database that is away is waited for.
func (s *Service) end(ctx context.Context, t Task) error {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), belatedMax)
		defer cancel()
	}
	ended, err := patiently(ctx, func() (Task, error) { return s.store.finish(ctx, t, s.clock()) })
	switch {
	case postgres.NoRows(err): // a newer worker's, or ended by a commit of ours whose answer was lost
		return s.announceEnd(ctx, t.ID)
	case err != nil:
		return err
	}
	s.publishEnd(ctx, ended)
	return nil
}

// announceEnd puts the end of a task that has ended into the log, for a run that
// died before it could. One that has not is a newer worker's, and one that is
// gone was deleted.
func (s *Service) announceEnd(ctx context.Context, id uuid.UUID) error {
	t, err := s.store.task(ctx, id)
	if postgres.NoRows(err) || err == nil && !t.Ended() {
		return nil
	}
	if err == nil {
		s.publishEnd(ctx, t)
	}
	return err
}

// patiently tries again while the database is away.
func patiently(ctx context.Context, do func() (Task, error)) (Task, error) {
	return backoff.Retry(ctx, func() (Task, error) {
		t, err := do()
		if err != nil && !fault.Is(err, "server.unavailable") {
			err = backoff.Permanent(err)
		}
		return t, err
	}, backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(storeWait))
}
