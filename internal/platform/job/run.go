package job

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// errWorkersLost is why a job is given up whose runs took their workers along.
var errWorkersLost = errors.New("the job was begun as often as it may be, and no worker came to an end with it")

const (
	retryTake    = time.Second      // after which a job is looked at again whose lease could not be asked for
	giveBackMax  = 2 * time.Second  // for giving a lease back, which may be after the run's own time
	giveUpMax    = 30 * time.Second // for what is done when a job is given up
	discardMax   = 5 * time.Second  // for storing that it was
	maxErrorText = 2000             // bytes of an error that are kept
)

// raw is arguments that the engine does not read: text that cannot be read is to
// be an error of the run like any other.
type raw struct{ kind string }

// Kind names the job.
func (r raw) Kind() string { return r.kind }

// UnmarshalJSON takes everything and keeps nothing.
func (*raw) UnmarshalJSON([]byte) error { return nil }

// worker adapts one kind of work to the queue.
type worker struct {
	river.WorkerDefaults[raw]
	kind   *kind
	leases *leases
}

// Timeout bounds one run.
func (w *worker) Timeout(*river.Job[raw]) time.Duration { return w.kind.Timeout }

// Work runs the job under its lease. Every error is logged.
func (w *worker) Work(ctx context.Context, j *river.Job[raw]) error {
	ctx = telemetry.WithOrigin(ctx, originOf(j.Metadata))
	end := w.leases.metrics.begin(j.JobRow)
	err := w.leases.run(ctx, j.JobRow, w.kind)
	end(err)
	var snooze *river.JobSnoozeError
	if err != nil && !errors.As(err, &snooze) {
		w.leases.logger.Warn("job failed", "job", j.ID, "kind", j.Kind, "attempt", j.Attempt, "last", j.Attempt >= j.MaxAttempts, "error", err)
	}
	return tidy(err)
}

// run takes the job's lease, does the work under it, and gives it back. What it
// returns is for the engine, which changes a job only while that is running, by
// whomever: so a run that lost its job must not call it done or failed, and one
// that gave it up has ended it before.
func (l *leases) run(ctx context.Context, row *rivertype.JobRow, k *kind) error {
	number, held, err := l.take(ctx, row.ID)
	if err != nil { // no fault of the job's, so it costs no attempt
		l.logger.Warn("job leases", "job", row.ID, "error", err)
		return river.JobSnooze(retryTake)
	}
	if !held { // another worker is at it; look again when its lease could have lapsed
		return river.JobSnooze(l.store.lifetime)
	}
	run := Run{Lease: number, Attempt: row.Attempt, Last: row.Attempt >= row.MaxAttempts}
	if row.Attempt > row.MaxAttempts { // an attempt that is not a failure is one whose worker was lost
		return l.giveUp(ctx, row, k, run, errWorkersLost)
	}
	taken, err := l.under(ctx, number, func(ctx context.Context) error {
		return l.guard(row, func() error { return k.work(ctx, run, row.EncodedArgs) })
	})
	if err != nil && taken == nil && (run.Last || isPermanent(err)) {
		return l.giveUp(ctx, row, k, run, err)
	}
	return l.conclude(ctx, row, number, taken, err)
}

func (l *leases) take(ctx context.Context, jobID int64) (int64, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.store.lifetime)
	defer cancel()
	return l.store.take(ctx, jobID)
}

// guard makes an error of a panic.
func (l *leases) guard(row *rivertype.JobRow, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			l.logger.Error("job panicked", "job", row.ID, "kind", row.Kind, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("job %s panicked: %v", row.Kind, p)
		}
	}()
	return do()
}

// conclude gives the lease back and decides what the engine is told after a run
// that did not end the job for good without success. An error that is told counts
// as the job's, so what another worker is to go on with is put off instead.
func (l *leases) conclude(ctx context.Context, row *rivertype.JobRow, number int64, taken, err error) error {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackMax)
	defer cancel()
	giveBack := l.store.complete
	if err != nil {
		giveBack = l.store.release
	}
	ours, unknown := giveBack(last, number)
	switch {
	case unknown != nil: // the lease lapses by itself
		l.logger.Warn("job leases", "job", row.ID, "error", unknown)
		if errors.Is(taken, ErrLeaseLost) {
			l.keepCount(last, row)
		}
		if err == nil || taken != nil {
			return river.JobSnooze(l.store.lifetime) // whether it is done cannot be said: at least once
		}
	case !ours:
		l.keepCount(last, row)
		return river.JobSnooze(l.store.lifetime) // the new holder ends it, or lapses as well
	case err != nil && taken != nil:
		return river.JobSnooze(0)
	}
	return err
}

// keepCount makes a put-off leave the count of attempts as it is. The engine
// takes one off, from the count as this run knows it, which for a job that others
// have begun since would undo their attempts: a job that costs each worker its
// lease would never be given up. Those who begin it between this reading and the
// engine's writing, which comes in batches, are not counted: the job then has as many
// runs more.
func (l *leases) keepCount(ctx context.Context, row *rivertype.JobRow) {
	count, err := l.store.attempt(ctx, row.ID)
	if err != nil {
		count = row.Attempt + 1 // one at least has begun it
	}
	row.Attempt = count + 1
}

// giveUp ends a job for good: it tells who wants to know, then discards the job
// and stores its dead letter in one transaction. When that cannot be done, the
// count stays, so that the next worker gives the job up without running it.
func (l *leases) giveUp(ctx context.Context, row *rivertype.JobRow, k *kind, run Run, cause error) error {
	ctx = context.WithoutCancel(ctx)
	if kept, err := l.renewOne(ctx, run.Lease); err == nil && !kept {
		return l.conclude(ctx, row, run.Lease, ErrLeaseLost, cause)
	}
	run.Last = true
	if k.givenUp != nil {
		taken, err := l.under(ctx, run.Lease, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, giveUpMax)
			defer cancel()
			return l.guard(row, func() error { return k.givenUp(ctx, run, row.EncodedArgs, cause) })
		})
		if err != nil && taken != nil {
			row.Attempt++
			return l.conclude(ctx, row, run.Lease, taken, cause)
		}
		if err != nil {
			cause = fmt.Errorf("%w; on giving the job up: %w", cause, err)
		}
	}
	return l.discard(ctx, row, run, cause)
}

// renewOne says whether a lease is still ours.
func (l *leases) renewOne(ctx context.Context, number int64) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, giveBackMax)
	defer cancel()
	kept, err := l.store.renew(ctx, []int64{number})
	return kept[number], err
}

func (l *leases) discard(ctx context.Context, row *rivertype.JobRow, run Run, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, discardMax)
	defer cancel()
	ours, err := l.store.discard(ctx, run.Lease, letterOf(row), errorText(cause))
	switch {
	case err != nil:
		l.logger.Warn("job leases", "job", row.ID, "error", err)
		row.Attempt++
		return river.JobSnooze(l.store.lifetime)
	case !ours:
		l.keepCount(ctx, row)
		return river.JobSnooze(l.store.lifetime)
	}
	l.logger.Error("job given up", "job", row.ID, "kind", row.Kind, "attempt", run.Attempt)
	return cause
}

// letterOf is the dead letter of a job, without its errors.
func letterOf(row *rivertype.JobRow) deadletter.Letter {
	return deadletter.Letter{
		Source: deadletter.SourceJob, Kind: row.Kind, Queue: row.Queue, Subject: strconv.FormatInt(row.ID, 10),
		Payload: row.EncodedArgs, Attempts: min(row.Attempt, row.MaxAttempts), Origin: originOf(row.Metadata),
	}
}

// errorText is an error as the database takes it: no zero bytes, and not longer
// than anybody reads.
func errorText(err error) string {
	text := strings.ReplaceAll(err.Error(), "\x00", "")
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	return strings.ToValidUTF8(text, "")
}

// tidyError is an error with a text that the database takes.
type tidyError struct {
	error
	text string
}

// Error gives the text.
func (e tidyError) Error() string { return e.text }

// Unwrap gives the error itself.
func (e tidyError) Unwrap() error { return e.error }

// tidy gives an error a text that the database takes: one that it refuses would
// keep the ends of other jobs from being stored as well.
func tidy(err error) error {
	if err == nil {
		return nil
	}
	if text := errorText(err); text != err.Error() {
		return tidyError{err, text}
	}
	return err
}
