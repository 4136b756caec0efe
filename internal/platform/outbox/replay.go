package outbox

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// replayBite is how many events one step of a replay looks at.
const replayBite = 500

var (
	errNoGroupOfThisName = fault.New(fault.NotFound, "resource.not_found", "There is no group of event handlers of this name.")
	errEventGone         = fault.New(fault.Conflict, "event.expired", "The outbox does not hold the event any more.")
)

// ReplayInput says what a group shall get again.
type ReplayInput struct {
	Group string
	From  time.Time // when the event was recorded, inclusive
	To    time.Time // exclusive; what happens after the replay has begun is not replayed
	Types []string  // none: all that the group takes
	Again bool      // also what the group has handled: its effects happen once more
}

// Replay lets a group have the events of a time range: those that it missed, or,
// with Again, all. They come beside the newer ones, in order within an
// aggregate. progress, if not nil, hears of each step how many events were
// looked at. It ends between two steps when ctx does; what was let go comes.
// Fault: resource.not_found for a group that no node ever worked for.
func Replay(ctx context.Context, pool *pgxpool.Pool, in ReplayInput, progress func(looked int)) (replayed int64, err error) {
	s := store{pool: pool}
	if in, err = s.settled(ctx, in); err != nil {
		return 0, err
	}
	for after := int64(0); ; {
		ids, last, err := s.eventsForReplay(ctx, in, after)
		if err != nil || len(ids) == 0 {
			return replayed, err
		}
		n, err := s.replay(ctx, pool, in.Group, ids, in.Again)
		if err != nil {
			return replayed, err
		}
		replayed, after = replayed+n, last
		if progress != nil {
			progress(len(ids))
		}
	}
}

// Groups gives the names of all groups that a node ever worked for, sorted.
func Groups(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	return store{pool: pool}.groups(ctx)
}

// CountReplay says how many events Replay will look at. Fault:
// resource.not_found.
func CountReplay(ctx context.Context, pool *pgxpool.Pool, in ReplayInput) (_ int64, err error) {
	s := store{pool: pool}
	if in, err = s.settled(ctx, in); err != nil {
		return 0, err
	}
	return s.countForReplay(ctx, in)
}

// noType is asked for when a group takes none of the types that were.
const noType = "none"

// wanted are the types to be replayed: those asked for that the group takes. An
// empty list asks for all.
func wanted(taken, asked []string) []string {
	if slices.Contains(taken, all) {
		return asked
	}
	if len(asked) == 0 {
		return taken
	}
	both := []string{}
	for _, t := range asked {
		if slices.Contains(taken, t) {
			both = append(both, t)
		}
	}
	if len(both) == 0 {
		return []string{noType}
	}
	return both
}

// ReplayDead lets a group try an event once more that it has given up, with
// tx's commit. Fault: event.expired when the outbox has it no more.
func ReplayDead(ctx context.Context, tx postgres.Tx, group string, eventID uuid.UUID) error {
	n, err := store{}.replay(ctx, tx, group, []uuid.UUID{eventID}, true)
	if err == nil && n == 0 {
		err = errEventGone
	}
	return err
}

// Rebuild lets everything be moved to the streams again that some group has not
// handled. Relays do so by themselves when they find a stream lost; this is for
// an operator who knows better.
func Rebuild(ctx context.Context, pool *pgxpool.Pool) error {
	partitions := make([]int, Partitions)
	for i := range partitions {
		partitions[i] = i
	}
	return store{pool: pool}.republishUnhandled(ctx, partitions)
}

// Sweep deletes up to limit events and as many records of handled ones that are
// older than Retention, and says how many of either at most. The records stay a
// day longer, so that no event outlives them.
func Sweep(ctx context.Context, pool *pgxpool.Pool, limit int) (int64, error) {
	return store{pool: pool}.sweep(ctx, limit)
}

// Status is how events are coming along.
type Status struct {
	Waiting int64         // in the outbox, not moved yet
	Oldest  time.Duration // how long the oldest of these waits
	Groups  []GroupStatus
}

// GroupStatus is how a group is coming along.
type GroupStatus struct {
	Name       string
	Nodes      int // that hold a partition
	Partitions int // that some node holds
	Parked     int64
	Aggregates int64 // that wait
}

// ReadStatus asks the database; it needs no running node.
func ReadStatus(ctx context.Context, pool *pgxpool.Pool) (Status, error) {
	return store{pool: pool}.status(ctx)
}
