package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
)

// LeaseLifetime is how long a job stays with a worker that is not heard of.
const LeaseLifetime = 10 * time.Second

// How often running jobs renew their leases, and nodes look for lapsed ones.
const (
	renewEvery = LeaseLifetime / 4
	sweepEvery = 2 * time.Second
)

// ErrLeaseLost is the cause of a run whose job another worker has taken over:
// whatever it still does must have no effect.
var ErrLeaseLost = errors.New("the job's lease was lost to another worker")

// errHandOver is the cause of a run that ends because its node shuts down.
var errHandOver = errors.New("the node is shutting down")

// leases holds the leases of the jobs that run here, renews them all with one
// query, and makes jobs of dead workers available again.
type leases struct {
	pool   *pgxpool.Pool
	logger *slog.Logger

	mu   sync.Mutex
	held map[int64]context.CancelCauseFunc // by lease number

	quit chan struct{}
	once sync.Once
	wg   sync.WaitGroup
}

func newLeases() *leases {
	return &leases{held: map[int64]context.CancelCauseFunc{}, quit: make(chan struct{})}
}

func (l *leases) bind(pool *pgxpool.Pool, logger *slog.Logger) { l.pool, l.logger = pool, logger }

func (l *leases) start() {
	l.wg.Go(func() { l.loop(renewEvery, l.renew) })
	l.wg.Go(func() { l.loop(sweepEvery, l.sweep) })
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
			ctx, cancel := context.WithTimeoutCause(context.Background(), every, errors.New("job leases: the database is slow"))
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
	kept, err := renewLeases(ctx, l.pool, numbers)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if !kept[n] {
			l.end(n, ErrLeaseLost)
		}
	}
	return nil
}

func (l *leases) end(number int64, cause error) {
	l.mu.Lock()
	cancel := l.held[number]
	l.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
}

// handOver ends every run so that other nodes can go on with the jobs at once.
func (l *leases) handOver() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, cancel := range l.held {
		cancel(errHandOver)
	}
}

func (l *leases) sweep(ctx context.Context) error {
	revived, err := reviveLapsed(ctx, l.pool)
	if len(revived) > 0 {
		l.logger.Info("jobs of a lost worker are available again", "jobs", revived)
	}
	return err
}

// run takes the job's lease, does the work under it, and gives it back.
func (l *leases) run(ctx context.Context, jobID int64, work func(ctx context.Context, lease int64) error) error {
	number, held, err := takeLease(ctx, l.pool, jobID)
	if err != nil {
		return err
	}
	if !held { // another worker is at it; look again when its lease could have lapsed
		return river.JobSnooze(LeaseLifetime)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.mu.Lock()
	l.held[number] = cancel
	l.mu.Unlock()
	err = work(ctx, number)
	l.mu.Lock()
	delete(l.held, number)
	l.mu.Unlock()
	return l.conclude(ctx, number, err)
}

// conclude decides what the queue is told after a run.
func (l *leases) conclude(ctx context.Context, number int64, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrLeaseLost) {
		return river.JobSnooze(LeaseLifetime) // not ours to end; the new holder does
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if e := releaseLease(last, l.pool, number); e != nil {
		l.logger.Warn("job leases", "error", e) // it lapses by itself
	}
	if errors.Is(cause, errHandOver) && err != nil {
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

// Work runs the job under its lease. A panic becomes an error of the run.
func (w *worker[T]) Work(ctx context.Context, j *river.Job[T]) error {
	return w.leases.run(ctx, j.ID, func(ctx context.Context, lease int64) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("job %s panicked: %v", j.Kind, p)
			}
		}()
		return w.work(ctx, Run{Lease: lease, Attempt: j.Attempt, Last: j.Attempt >= j.MaxAttempts}, j.Args)
	})
}
