package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/riverqueue/river"
)

// ErrLeaseLost is the cause of a run whose job another worker has taken over:
// whatever it still does must have no effect.
var ErrLeaseLost = errors.New("the job's lease was lost to another worker")

// errHandOver is the cause of a run that ends because its node shuts down.
var errHandOver = errors.New("the node is shutting down")

const (
	retryTake   = time.Second     // after which a job is looked at again whose lease could not be asked for
	giveBackMax = 2 * time.Second // for giving a lease back, which may be after the run's own time
)

// leases holds the leases of the jobs that run here, renews them all with one
// query, and makes jobs of dead workers available again.
type leases struct {
	store  store
	sweeps time.Duration
	logger *slog.Logger

	mu      sync.Mutex
	held    map[int64]context.CancelCauseFunc // by lease number
	handing bool                              // runs end at once, those that begin as well

	quit chan struct{}
	once sync.Once
	wg   sync.WaitGroup
}

func newLeases() *leases {
	return &leases{held: map[int64]context.CancelCauseFunc{}, quit: make(chan struct{})}
}

// start begins to renew four times in a lease's life, and to sweep. stop must follow.
func (l *leases) start() {
	l.wg.Go(func() { l.loop(l.store.lifetime/4, l.renew) })
	l.wg.Go(func() { l.loop(l.sweeps, l.sweep) })
}

// stop ends both loops and waits for them. Idempotent, and safe before start.
func (l *leases) stop() {
	l.once.Do(func() { close(l.quit) })
	l.wg.Wait()
}

func (l *leases) loop(every time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-l.quit:
			return
		case <-tick.C:
			ctx, cancel := context.WithTimeout(context.Background(), every)
			if err := do(ctx); err != nil {
				l.logger.Warn("job leases", "error", err)
			}
			cancel()
		}
	}
}

func (l *leases) renew(ctx context.Context) error {
	l.mu.Lock()
	numbers := make([]int64, 0, len(l.held))
	for n := range l.held {
		numbers = append(numbers, n)
	}
	l.mu.Unlock()
	if len(numbers) == 0 {
		return nil
	}
	kept, err := l.store.renew(ctx, numbers)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range numbers {
		if cancel := l.held[n]; cancel != nil && !kept[n] {
			cancel(ErrLeaseLost)
		}
	}
	return nil
}

// handOver ends every run so that other nodes can go on with the jobs at once.
func (l *leases) handOver() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handing = true
	for _, cancel := range l.held {
		cancel(errHandOver)
	}
}

func (l *leases) hold(number int64, cancel context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[number] = cancel
	if l.handing {
		cancel(errHandOver)
	}
}

func (l *leases) drop(number int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, number)
}

func (l *leases) sweep(ctx context.Context) error {
	revived, err := l.store.revive(ctx)
	if len(revived) > 0 {
		l.logger.Info("jobs of a lost worker are available again", "jobs", revived)
	}
	return err
}

// run takes the job's lease, does the work under it, and gives it back. What it
// returns is for the queue: it changes a job only while that is running, by
// whomever, so a run that lost its job must not call it done or failed.
func (l *leases) run(ctx context.Context, jobID int64, work func(ctx context.Context, lease int64) error) error {
	number, held, err := l.take(ctx, jobID)
	if err != nil { // no fault of the job's, so it costs no attempt
		l.logger.Warn("job leases", "job", jobID, "error", err)
		return river.JobSnooze(retryTake)
	}
	if !held { // another worker is at it; look again when its lease could have lapsed
		return river.JobSnooze(l.store.lifetime)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.hold(number, cancel)
	err = work(ctx, number)
	l.drop(number)
	return l.conclude(ctx, number, err)
}

func (l *leases) take(ctx context.Context, jobID int64) (int64, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.store.lifetime)
	defer cancel()
	return l.store.take(ctx, jobID)
}

// conclude gives the lease back and decides what the queue is told after a run.
func (l *leases) conclude(ctx context.Context, number int64, err error) error {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackMax)
	defer cancel()
	giveBack := l.store.complete
	if err != nil {
		giveBack = l.store.release
	}
	ours, unknown := giveBack(last, number)
	switch {
	case unknown != nil: // the lease lapses by itself
		l.logger.Warn("job leases", "error", unknown)
		if err == nil {
			return river.JobSnooze(l.store.lifetime) // whether it is done cannot be said: at least once
		}
	case !ours:
		return river.JobSnooze(l.store.lifetime) // the new holder ends it, or lapses as well
	case err != nil && errors.Is(context.Cause(ctx), errHandOver):
		return river.JobSnooze(0)
	}
	return err
}

// worker adapts one kind of work to the queue.
type worker[T Args] struct {
	river.WorkerDefaults[T]
	spec   Spec
	leases *leases
	work   func(ctx context.Context, run Run, args T) error
}

// Timeout bounds one run.
func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.spec.Timeout }

// Work runs the job under its lease. A panic becomes an error of the run; every
// error is logged.
func (w *worker[T]) Work(ctx context.Context, j *river.Job[T]) error {
	last := j.Attempt >= j.MaxAttempts
	err := w.leases.run(ctx, j.ID, func(ctx context.Context, lease int64) (err error) {
		defer func() {
			if p := recover(); p != nil {
				w.leases.logger.Error("job panicked", "job", j.ID, "kind", j.Kind, "panic", p, "stack", string(debug.Stack()))
				err = fmt.Errorf("job %s panicked: %v", j.Kind, p)
			}
		}()
		return w.work(ctx, Run{Lease: lease, Attempt: j.Attempt, Last: last}, j.Args)
	})
	var snooze *river.JobSnoozeError
	if err != nil && !errors.As(err, &snooze) {
		w.leases.logger.Warn("job failed", "job", j.ID, "kind", j.Kind, "attempt", j.Attempt, "last", last, "error", err)
	}
	return err
}
