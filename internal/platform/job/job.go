// Package job runs background work in PostgreSQL-backed queues (riverqueue).
// A job is inserted in the transaction that needs it, so it exists if and only
// if that transaction commits. It promises that a job runs at least once, that
// two workers never hold it at the same time by the database's clock, and that
// the job of a worker that died is taken up again within LeaseLifetime plus a
// few seconds. It does not promise exactly once: guard effects with Run.Lease.
//
// Arguments hold ids, never secrets or texts: they are visible to operators.
package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// Queues, each with its own concurrency, so that a flood in one starves no other.
const (
	QueueConversation = "conversation" // replies
	QueueMaintenance  = "maintenance"  // sweeping
)

// Args are what a job is given; Kind names it, for ever.
type Args = river.JobArgs

// Run says which run of a job this is.
type Run struct {
	Lease   int64 // fencing number: grows with each run of any job; a larger one has taken over
	Attempt int   // 1 for the first
	Last    bool  // an error now ends the job for good
}

// Spec says how jobs of one kind are run.
type Spec struct {
	Queue       string
	MaxAttempts int           // 0: 5
	Timeout     time.Duration // of one run; 0: 1 minute
}

// Registry collects what a node can work on, before New.
type Registry struct {
	workers *river.Workers
	specs   map[string]Spec
	wrap    *leases
	every   []*river.PeriodicJob
}

// NewRegistry makes an empty Registry.
func NewRegistry() *Registry {
	return &Registry{workers: river.NewWorkers(), specs: map[string]Spec{}, wrap: newLeases()}
}

// Register adds the work for one kind of job. An error is retried with
// exponential backoff and jitter; the context ends at the time limit, when the
// lease is lost (cause ErrLeaseLost), or on shutdown.
func Register[T Args](r *Registry, spec Spec, work func(ctx context.Context, run Run, args T) error) {
	var zero T
	if spec.MaxAttempts == 0 {
		spec.MaxAttempts = 5
	}
	if spec.Timeout == 0 {
		spec.Timeout = time.Minute
	}
	r.specs[zero.Kind()] = spec
	river.AddWorker(r.workers, &worker[T]{spec: spec, leases: r.wrap, work: work})
}

// Every runs args again and again, on one node at a time, first after one interval.
func Every(r *Registry, interval time.Duration, args Args) {
	r.every = append(r.every, river.NewPeriodicJob(river.PeriodicInterval(interval),
		func() (river.JobArgs, *river.InsertOpts) {
			spec := r.specs[args.Kind()]
			return args, &river.InsertOpts{Queue: spec.Queue, MaxAttempts: spec.MaxAttempts}
		}, nil))
}

// Config says where the queue lives and how much this node takes on.
type Config struct {
	Pool        *pgxpool.Pool
	Registry    *Registry
	Concurrency map[string]int // jobs at once by queue; none: this node only inserts
	Logger      *slog.Logger
}

// Queue inserts jobs and, once started, works on them.
type Queue struct {
	client *river.Client[pgx.Tx]
	leases *leases
	specs  map[string]Spec
	works  bool
	logger *slog.Logger

	stopOnce sync.Once
	stopped  error
}

// New makes a Queue; it runs nothing before Start.
func New(cfg Config) (*Queue, error) {
	rc := &river.Config{
		Logger:            cfg.Logger,
		FetchCooldown:     5 * time.Millisecond, // how soon after one fetch the next may follow: first-token latency
		FetchPollInterval: time.Second,          // the safety net when a notification is lost
		Workers:           cfg.Registry.workers,
		PeriodicJobs:      cfg.Registry.every,
	}
	if len(cfg.Concurrency) > 0 {
		rc.Queues = map[string]river.QueueConfig{}
		for name, n := range cfg.Concurrency {
			rc.Queues[name] = river.QueueConfig{MaxWorkers: n}
		}
	}
	client, err := river.NewClient(riverpgxv5.New(cfg.Pool), rc)
	if err != nil {
		return nil, fmt.Errorf("job queue: %w", err)
	}
	cfg.Registry.wrap.bind(cfg.Pool, cfg.Logger)
	return &Queue{client: client, leases: cfg.Registry.wrap, specs: cfg.Registry.specs,
		works: len(cfg.Concurrency) > 0, logger: cfg.Logger}, nil
}

// Insert adds a job that exists once tx commits.
func (q *Queue) Insert(ctx context.Context, tx pgx.Tx, args Args) error {
	spec, ok := q.specs[args.Kind()]
	if !ok {
		return fmt.Errorf("insert job: kind %s is not registered", args.Kind())
	}
	_, err := q.client.InsertTx(ctx, tx, args, &river.InsertOpts{Queue: spec.Queue, MaxAttempts: spec.MaxAttempts})
	if err != nil {
		return fmt.Errorf("insert job %s: %w", args.Kind(), err)
	}
	return nil
}

// Start begins to work, if this node does. Stop must follow.
func (q *Queue) Start(ctx context.Context) error {
	if !q.works {
		return nil
	}
	q.leases.start()
	if err := q.client.Start(context.WithoutCancel(ctx)); err != nil {
		q.leases.stop()
		return fmt.Errorf("start job queue: %w", err)
	}
	return nil
}

// Stop takes no new job, lets running ones finish until ctx ends, then hands
// them over to other nodes. Idempotent, and safe before Start.
func (q *Queue) Stop(ctx context.Context) error {
	q.stopOnce.Do(func() {
		if !q.works {
			return
		}
		q.stopped = q.stop(ctx)
		q.leases.stop()
	})
	return q.stopped
}

func (q *Queue) stop(ctx context.Context) error {
	err := q.client.Stop(ctx)
	if err == nil {
		return nil
	}
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stop job queue: %w", err)
	}
	q.leases.handOver()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := q.client.StopAndCancel(last); err != nil {
		return fmt.Errorf("stop job queue: hand jobs over: %w", err)
	}
	return nil
}
