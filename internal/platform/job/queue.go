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

	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// The longest waits for a job that no notification told of: one may be lost, and
// the engine sends at most one for each queue in FetchCooldown. A learner waits
// for a reply; for the rest it is not worth asking as often.
const (
	pollInterval  = time.Second
	replyInterval = 250 * time.Millisecond
)

// never is longer than any job runs. The engine's own rescue of jobs that run
// for long counts on the node's clock, and ends those it does not know without a
// word; ours counts on leases.
const never = 100 * 365 * 24 * time.Hour

// Config says where the queue lives and how much this node takes on.
type Config struct {
	Pool          *pgxpool.Pool
	Registry      *Registry
	Concurrency   map[string]int // jobs at once by queue; a queue that is not named or 0 is left to other nodes
	Logger        *slog.Logger
	LeaseLifetime time.Duration // how long a job stays with a worker that is not heard of, the same on all nodes; 0: LeaseLifetime
	SweepInterval time.Duration // how often this node looks for jobs of lost workers; 0: 2 s
	PollOnly      bool          // the database cannot notify, as behind PgBouncer in transaction mode: jobs, pauses and resumes are looked for

	clock *clock // nil: a new one
}

// Queue inserts jobs and, once started, works on them.
type Queue struct {
	client *river.Client[pgx.Tx]
	leases *leases
	kinds  map[string]*kind
	works  bool

	mu      sync.Mutex // held while starting and stopping
	started bool
	stopped bool
	failure error // of the stop
}

// New makes a Queue; it runs nothing before Start.
func New(cfg Config) (*Queue, error) {
	if cfg.clock == nil {
		cfg.clock = newClock()
	}
	rc, err := engineConfig(cfg)
	if err != nil {
		return nil, err
	}
	client, err := river.NewClient(riverpgxv5.New(cfg.Pool), rc)
	if err != nil {
		return nil, fmt.Errorf("job queue: %w", err)
	}
	l := cfg.Registry.leases
	l.store = store{pool: cfg.Pool, lifetime: cmp.Or(cfg.LeaseLifetime, LeaseLifetime)}
	l.metrics = newMetrics(cfg.Registry.kinds, cfg.Concurrency)
	l.sweeps, l.logger, l.clock = cmp.Or(cfg.SweepInterval, defaultSweepInterval), cfg.Logger, cfg.clock
	return &Queue{client: client, leases: l, kinds: cfg.Registry.kinds, works: len(rc.Queues) > 0}, nil
}

func engineConfig(cfg Config) (*river.Config, error) {
	periodicJobs, err := cfg.Registry.periodicJobs()
	if err != nil {
		return nil, err
	}
	rc := &river.Config{
		Logger:               slog.New(quiet{cfg.Logger.Handler()}),
		FetchCooldown:        5 * time.Millisecond, // how soon after one fetch the next may follow: first-token latency
		FetchPollInterval:    pollInterval,
		FetchOnlyKnownKinds:  true, // an older node leaves alone what a newer one has inserted
		PollOnly:             cfg.PollOnly,
		RescueStuckJobsAfter: never,
		Workers:              cfg.Registry.workers,
		PeriodicJobs:         periodicJobs,
		Test:                 river.TestConfig{Time: cfg.clock}, // the only way to give the engine a clock
	}
	for name, n := range cfg.Concurrency {
		if n == 0 {
			continue
		}
		if rc.Queues == nil {
			rc.Queues = map[string]river.QueueConfig{}
		}
		rc.Queues[name] = river.QueueConfig{MaxWorkers: n}
		if name == QueueConversation {
			rc.Queues[name] = river.QueueConfig{MaxWorkers: n, FetchPollInterval: replyInterval}
		}
	}
	return rc, nil
}

// Insert adds a job that exists once tx commits. Its runs are given the Origin
// of ctx. Of a unique kind, an equal job that is not over makes it do nothing.
func (q *Queue) Insert(ctx context.Context, tx pgx.Tx, args Args) error {
	k, ok := q.kinds[args.Kind()]
	if !ok {
		return fmt.Errorf("insert job: kind %s is not registered", args.Kind())
	}
	if _, err := q.client.InsertTx(ctx, tx, args, k.insertOpts(telemetry.OriginFrom(ctx))); err != nil {
		return fmt.Errorf("insert job %s: %w", args.Kind(), err)
	}
	return nil
}

// letterArgs are the arguments of a job as its dead letter keeps them, whether
// or not this node can read them.
type letterArgs struct{ letter deadletter.Letter }

// Kind names the job.
func (a letterArgs) Kind() string { return a.letter.Kind }

// MarshalJSON gives the arguments as they are.
func (a letterArgs) MarshalJSON() ([]byte, error) { return a.letter.Payload, nil }

// Replay inserts the job of a dead letter anew, with all its attempts, as what
// deadletter.Box.Register asks for. Fault: dead_letter.unknown_kind.
func (q *Queue) Replay(ctx context.Context, tx postgres.Tx, l deadletter.Letter) error {
	k, ok := q.kinds[l.Kind]
	if !ok {
		return deadletter.ErrUnknownKind
	}
	opts := k.insertOpts(l.Origin)
	opts.Queue = l.Queue
	if _, err := q.client.InsertTx(ctx, tx, letterArgs{l}, opts); err != nil {
		return fmt.Errorf("insert job %s again: %w", l.Kind, err)
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
	if err := q.leases.clock.read(ctx, &q.leases.store); err != nil {
		return fmt.Errorf("start job queue: %w", err)
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
