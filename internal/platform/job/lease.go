package job

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// ErrLeaseLost is the cause of a run whose job another worker has taken over:
// whatever it still does must have no effect.
var ErrLeaseLost = errors.New("the job's lease was lost to another worker")

// errHandOver is the cause of a run that ends because its node shuts down.
var errHandOver = errors.New("the node is shutting down")

// leases holds the leases of the jobs that run here, renews them all with one
// query, and makes jobs of dead workers available again.
type leases struct {
	store  store
	clock  *clock
	sweeps time.Duration
	logger *slog.Logger

	metrics *metrics

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

// under does something while the lease is renewed, under a context that ends
// with the lease or with the node; taken says so: ErrLeaseLost or errHandOver.
func (l *leases) under(ctx context.Context, number int64, do func(context.Context) error) (taken, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.hold(number, cancel)
	defer l.drop(number)
	err = do(ctx)
	if cause := context.Cause(ctx); errors.Is(cause, ErrLeaseLost) || errors.Is(cause, errHandOver) {
		taken = cause
	}
	return taken, err
}

func (l *leases) sweep(ctx context.Context) error {
	if err := l.clock.read(ctx, &l.store); err != nil {
		return err
	}
	revived, err := l.store.revive(ctx)
	if len(revived) > 0 {
		l.logger.Info("jobs of a lost worker are available again", "jobs", revived)
	}
	return err
}
