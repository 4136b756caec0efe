package job

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

var errNoQueue = fault.New(fault.NotFound, "resource.not_found", "There is no such queue.")

// Depth says how full a queue is.
type Depth struct {
	Queue     string
	Paused    bool
	Available int           // may run now
	Running   int           // on all nodes
	Scheduled int           // to run later: put off, or handed over
	Retryable int           // to run later: failed
	OldestAge time.Duration // since when the first of the available ones could run; 0: none waits
}

// Depths tells of every queue, in the order of their names. Its cost grows with
// the number of jobs that are not over.
func (q *Queue) Depths(ctx context.Context) ([]Depth, error) {
	all, err := q.depths(ctx, Queues())
	if err == nil {
		q.leases.metrics.depths.last.Keep(all)
	}
	return all, err
}

func (q *Queue) depths(ctx context.Context, names []string) ([]Depth, error) {
	all, err := q.leases.store.depths(ctx, names)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Depth) int { return strings.Compare(a.Queue, b.Queue) })
	return all, nil
}

// Pause keeps all nodes from beginning jobs of a queue, those that start later
// as well; jobs that run go on. A node that can be notified obeys at once, others
// within two seconds. A pause that no node of the queue has lived through for a
// day is forgotten by the engine. Fault: resource.not_found.
func (q *Queue) Pause(ctx context.Context, name string) (Depth, error) {
	return q.control(ctx, name, "pause", q.client.QueuePauseTx)
}

// Resume ends a pause. Fault: resource.not_found.
func (q *Queue) Resume(ctx context.Context, name string) (Depth, error) {
	return q.control(ctx, name, "resume", q.client.QueueResumeTx)
}

func (q *Queue) control(ctx context.Context, name, verb string,
	do func(context.Context, postgres.Tx, string, *river.QueuePauseOpts) error) (Depth, error) {
	if !slices.Contains(Queues(), name) {
		return Depth{}, errNoQueue
	}
	err := postgres.InTx(ctx, q.leases.store.pool, func(tx postgres.Tx) error {
		if err := q.leases.store.ensureQueue(ctx, tx, name); err != nil {
			return err
		}
		return do(ctx, tx, name, nil)
	})
	if err != nil {
		return Depth{}, fmt.Errorf("%s queue %s: %w", verb, name, err)
	}
	all, err := q.depths(ctx, []string{name})
	if err != nil {
		return Depth{}, err
	}
	return all[0], nil
}
