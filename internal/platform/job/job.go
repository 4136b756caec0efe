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
	"cmp"
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
	"github.com/riverqueue/river/rivertype"
)

// Queues, each with its own concurrency, so that a flood in one starves no other.
const (
	QueueConversation = "conversation" // replies
	QueueMaintenance  = "maintenance"  // sweeping
	QueueTask         = "task"         // long work that users follow
)

// LeaseLifetime is how long a job stays with a worker that is not heard of,
// unless Config says otherwise.
const LeaseLifetime = 10 * time.Second

const (
	defaultSweepInterval = 2 * time.Second
	defaultMaxAttempts   = 5
	defaultTimeout       = time.Minute
	handOverMax          = 5 * time.Second // for work to end once its context has
)

// Args are what a job is given; Kind names it, for ever.
type Args = river.JobArgs

// Run says which run of a job this is.
type Run struct {
	Lease   int64 // fencing number: grows with each run of any job; a larger one has taken over
	Attempt int   // 1 for the first; the next after an error or a worker that died
	Last    bool  // an error now ends the job for good
}

// Spec says how jobs of one kind are run.
type Spec struct {
	Queue       string        // one of the queues above
	MaxAttempts int           // runs that fail before the job is given up; 0: 5
	Timeout     time.Duration // of one run; 0: 1 minute
}

// Registry collects what a node can work on, before New. It is for one Queue.
type Registry struct {
	workers *river.Workers
	specs   map[string]Spec
	leases  *leases
	every   []periodic
}

// periodic is a job that comes again and again.
type periodic struct {
	interval time.Duration
	args     Args
}

// NewRegistry makes an empty Registry.
func NewRegistry() *Registry {
	return &Registry{workers: river.NewWorkers(), specs: map[string]Spec{}, leases: newLeases()}
}

// Register adds the work for one kind of job; a second one for a kind panics. An
// error is retried with exponential backoff and jitter, after about 1, 16, 81
// and 256 seconds; the context ends at the time limit, when the lease is lost
// (cause ErrLeaseLost), or on shutdown, which counts as no attempt. A panic is an
// error. Work that ignores its context is not waited for on shutdown: another
// node begins the job while it still goes on.
func Register[T Args](r *Registry, spec Spec, work func(ctx context.Context, run Run, args T) error) {
	var zero T
	RegisterKind(r, zero, spec, work)
}

// RegisterKind is Register where one type serves several kinds, so that only a
// value of it knows its own: the kind is that of args.
func RegisterKind[T Args](r *Registry, args T, spec Spec, work func(ctx context.Context, run Run, args T) error) {
	spec.MaxAttempts = cmp.Or(spec.MaxAttempts, defaultMaxAttempts)
	spec.Timeout = cmp.Or(spec.Timeout, defaultTimeout)
	river.AddWorkerArgs(r.workers, args, &worker[T]{spec: spec, leases: r.leases, work: work})
	r.specs[args.Kind()] = spec
}

// Every runs args again and again, on one node at a time, first after one
// interval. While a run is not over, or waits to be retried, no other begins.
func Every(r *Registry, interval time.Duration, args Args) {
	r.every = append(r.every, periodic{interval, args})
}

// periodicJobs puts what Every has collected into the queue's form. One is not
// inserted while an equal one is unfinished, or they would pile up.
func (r *Registry) periodicJobs() ([]*river.PeriodicJob, error) {
	var all []*river.PeriodicJob
	for _, p := range r.every {
		spec, ok := r.specs[p.args.Kind()]
		if !ok {
			return nil, fmt.Errorf("job queue: kind %s is to run every %s and is not registered", p.args.Kind(), p.interval)
		}
		opts := spec.insertOpts()
		opts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
			rivertype.JobStateRunning, rivertype.JobStateScheduled,
		}}
		all = append(all, river.NewPeriodicJob(river.PeriodicInterval(p.interval),
			func() (river.JobArgs, *river.InsertOpts) { return p.args, opts }, nil))
	}
	return all, nil
}

func (s Spec) insertOpts() *river.InsertOpts {
	return &river.InsertOpts{Queue: s.Queue, MaxAttempts: s.MaxAttempts}
}

// pollInterval is the longest wait for a job that no notification told of: one
// may be lost, and the engine sends at most one for each queue in FetchCooldown.
const pollInterval = 250 * time.Millisecond

// Config says where the queue lives and how much this node takes on.
type Config struct {
	Pool          *pgxpool.Pool
	Registry      *Registry
	Concurrency   map[string]int // jobs at once by queue; none: this node only inserts
	Logger        *slog.Logger
	LeaseLifetime time.Duration // how long a job stays with a worker that is not heard of, the same on all nodes; 0: LeaseLifetime
	SweepInterval time.Duration // how often this node looks for jobs of lost workers; 0: 2 s
}

// Queue inserts jobs and, once started, works on them.
type Queue struct {
	client *river.Client[pgx.Tx]
	leases *leases
	specs  map[string]Spec
	works  bool

	mu      sync.Mutex // held while starting and stopping
	started bool
	stopped bool
	failure error // of the stop
}

// New makes a Queue; it runs nothing before Start.
func New(cfg Config) (*Queue, error) {
	periodicJobs, err := cfg.Registry.periodicJobs()
	if err != nil {
		return nil, err
	}
	rc := &river.Config{
		Logger:              slog.New(quiet{cfg.Logger.Handler()}),
		FetchCooldown:       5 * time.Millisecond, // how soon after one fetch the next may follow: first-token latency
		FetchPollInterval:   pollInterval,
		FetchOnlyKnownKinds: true, // an older node leaves alone what a newer one has inserted
		Workers:             cfg.Registry.workers,
		PeriodicJobs:        periodicJobs,
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
	l := cfg.Registry.leases
	l.store = store{pool: cfg.Pool, lifetime: cmp.Or(cfg.LeaseLifetime, LeaseLifetime)}
	l.sweeps, l.logger = cmp.Or(cfg.SweepInterval, defaultSweepInterval), cfg.Logger
	return &Queue{client: client, leases: l, specs: cfg.Registry.specs, works: len(cfg.Concurrency) > 0}, nil
}

// Insert adds a job that exists once tx commits.
func (q *Queue) Insert(ctx context.Context, tx pgx.Tx, args Args) error {
	spec, ok := q.specs[args.Kind()]
	if !ok {
		return fmt.Errorf("insert job: kind %s is not registered", args.Kind())
	}
	if _, err := q.client.InsertTx(ctx, tx, args, spec.insertOpts()); err != nil {
		return fmt.Errorf("insert job %s: %w", args.Kind(), err)
	}
	return nil
}

// Start begins to work, if this node does. Stop must follow, and is for good.
func (q *Queue) Start(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return errors.New("start job queue: it has been stopped")
	}
	if !q.works || q.started {
		return nil
	}
	if err := q.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start job queue: %w", err)
	}
	q.leases.start()
	q.started = true
	return nil
}

// Stop takes no new job, lets running ones finish until ctx ends, then hands
// them over to other nodes. Idempotent, and safe before Start.
func (q *Queue) Stop(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.started && !q.stopped {
		q.failure = q.stop(ctx)
		q.leases.stop()
	}
	q.stopped = true
	return q.failure
}

func (q *Queue) stop(ctx context.Context) error {
	if q.client.Stop(ctx) == nil {
		return nil
	}
	q.leases.handOver() // ctx has ended, and jobs still run
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), handOverMax)
	defer cancel()
	if err := q.client.StopAndCancel(last); err != nil {
		return fmt.Errorf("stop job queue: hand jobs over: %w", err)
	}
	return nil
}
