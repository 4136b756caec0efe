// Package job runs background work in PostgreSQL-backed queues (riverqueue).
// A job is inserted in the transaction that needs it, so it exists if and only
// if that transaction commits. It promises that a job runs at least once, that
// two workers never hold it at the same time by the database's clock, that the
// job of a worker that died is taken up again within LeaseLifetime plus a few
// seconds, and that a job which no run could end becomes a dead letter, whether
// its runs failed or took their processes along. It does not promise exactly
// once: guard effects with Run.Lease.
//
// Every time is the database's: a node whose clock is wrong changes nothing.
// Arguments hold ids, never secrets or texts: they are visible to operators.
package job

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// Queues, each with its own concurrency, so that a flood in one starves no other.
const (
	QueueAuth         = "auth"         // mail and what else accounts need done
	QueueOnboarding   = "onboarding"   // learning plans
	QueueConversation = "conversation" // replies, and feedback
	QueueMaintenance  = "maintenance"  // sweeping, and long work for operators
)

// Queues gives the names of all queues, sorted.
func Queues() []string {
	return []string{QueueAuth, QueueConversation, QueueMaintenance, QueueOnboarding}
}

// LeaseLifetime is how long a job stays with a worker that is not heard of,
// unless Config says otherwise.
const LeaseLifetime = 10 * time.Second

const (
	defaultSweepInterval = 2 * time.Second
	defaultAttempts      = 1 + 3
	criticalAttempts     = 1 + 5
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
	Critical    bool          // five retries instead of three
	MaxAttempts int           // runs until the job is given up; 0: 4, or 6 of critical work
	Timeout     time.Duration // of one run; 0: 1 minute
	Unique      bool          // while a job is not over, inserting another with equal arguments does nothing
}

// Registry collects what a node can work on, before New. It is for one Queue.
type Registry struct {
	workers *river.Workers
	kinds   map[string]*kind
	leases  *leases
	every   []periodic
}

// kind is what a node knows of one kind of job.
type kind struct {
	Spec
	work    func(ctx context.Context, run Run, args []byte) error
	givenUp func(ctx context.Context, run Run, args []byte, cause error) error // nil: nothing to do
}

// periodic is a job that comes again and again.
type periodic struct {
	interval time.Duration
	args     Args
}

// NewRegistry makes an empty Registry.
func NewRegistry() *Registry {
	return &Registry{workers: river.NewWorkers(), kinds: map[string]*kind{}, leases: newLeases()}
}

// Register adds the work for one kind of job; a second one for a kind panics. An
// error, a panic and arguments that cannot be read are retried after about 1, 16
// and 81 seconds, critical work also after 256 and 625, each give or take a tenth
// and up to 5 seconds late; the run after the last retry ends the job for good,
// as does an error made by Permanent. A worker that dies has used up one of the
// runs too. The context ends at the time limit, when the lease is lost (cause
// ErrLeaseLost), or on shutdown, which counts as no attempt; it carries the
// Origin of the insert. Work that ignores its context is not waited for on
// shutdown: another node begins the job while it still goes on.
func Register[T Args](r *Registry, spec Spec, work func(ctx context.Context, run Run, args T) error) {
	var zero T
	RegisterKind(r, zero, spec, work)
}

// RegisterKind is Register where one type serves several kinds, so that only a
// value of it knows its own: the kind is that of args.
func RegisterKind[T Args](r *Registry, args T, spec Spec, work func(ctx context.Context, run Run, args T) error) {
	attempts := defaultAttempts
	if spec.Critical {
		attempts = criticalAttempts
	}
	spec.MaxAttempts = cmp.Or(spec.MaxAttempts, attempts)
	spec.Timeout = cmp.Or(spec.Timeout, defaultTimeout)
	k := &kind{Spec: spec, work: func(ctx context.Context, run Run, text []byte) error {
		given, err := read(text, args)
		if err != nil {
			return err
		}
		return work(ctx, run, given)
	}}
	river.AddWorkerArgs(r.workers, raw{args.Kind()}, &worker{kind: k, leases: r.leases})
	r.kinds[args.Kind()] = k
}

// OnGivenUp adds what is done when a job of a kind ends for good without success,
// so that nobody waits for it for ever. It comes after Register, at most once a
// kind, else it panics. It runs before the dead letter is stored, under a lease
// and with 30 seconds of its own; it runs again if its node dies meanwhile. Its
// own error is kept in the dead letter and stops nothing.
func OnGivenUp[T Args](r *Registry, do func(ctx context.Context, run Run, args T, cause error) error) {
	var zero T
	OnKindGivenUp(r, zero, do)
}

// OnKindGivenUp is OnGivenUp for a kind of RegisterKind.
func OnKindGivenUp[T Args](r *Registry, args T, do func(ctx context.Context, run Run, args T, cause error) error) {
	k := r.kinds[args.Kind()]
	if k == nil || k.givenUp != nil {
		panic(fmt.Sprintf("job: kind %s is not registered, or has a second OnGivenUp", args.Kind()))
	}
	k.givenUp = func(ctx context.Context, run Run, text []byte, cause error) error {
		given, err := read(text, args)
		if err != nil {
			return err
		}
		return do(ctx, run, given, cause)
	}
}

// read fills a copy of args, which knows its kind.
func read[T Args](text []byte, args T) (T, error) {
	if err := json.Unmarshal(text, &args); err != nil {
		return args, fmt.Errorf("read arguments: %w", err)
	}
	return args, nil
}

// permanentError is one that no retry mends.
type permanentError struct{ error }

// Unwrap gives the error itself.
func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error of work that would fail again in the same way: the
// job is given up at once. Of nil it makes nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

func isPermanent(err error) bool {
	_, is := errors.AsType[permanentError](err)
	return is
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
		k, ok := r.kinds[p.args.Kind()]
		if !ok {
			return nil, fmt.Errorf("job queue: kind %s is to run every %s and is not registered", p.args.Kind(), p.interval)
		}
		spec := k.Spec
		spec.Unique = true
		opts := spec.insertOpts(telemetry.Origin{})
		all = append(all, river.NewPeriodicJob(river.PeriodicInterval(p.interval),
			func() (river.JobArgs, *river.InsertOpts) { return p.args, opts }, nil))
	}
	return all, nil
}

func (s Spec) insertOpts(origin telemetry.Origin) *river.InsertOpts {
	opts := &river.InsertOpts{Queue: s.Queue, MaxAttempts: s.MaxAttempts, Metadata: originMetadata(origin)}
	if s.Unique {
		opts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
			rivertype.JobStateRunning, rivertype.JobStateScheduled,
		}}
	}
	return opts
}
