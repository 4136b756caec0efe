// Package monitor looks at the parts of the service at intervals, and tells when one
// is not as it should be. It promises that
//
//   - of all nodes one runs a probe when it is due, and another takes over from one
//     that dies with it; a run that was overtaken has no effect;
//   - a state changes only when readings in a row agree, more of them the more it has
//     flapped, so that one slow answer alarms nobody;
//   - a change raises one domain event (system.probe_changed) and one alert a channel,
//     in the transaction that stores it: an alert outlives its node and a receiver that
//     is down, is tried for an hour, and is then given up, which is logged;
//   - while the database is away, one node tells so by webhook from memory.
//
// Every node looks at the database and Redis for itself as well, and says how it gets on
// with them. An alert may come twice where an answer was lost; its id says so. What was
// seen is kept for Kept.
package monitor

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Kept is how long readings, changes and nodes are remembered.
const Kept = 7 * 24 * time.Hour

// Levels of a reading, and states of a probe.
const (
	Unknown  = "unknown" // a state alone: nothing is known yet
	OK       = "ok"
	Degraded = "degraded"
	Failing  = "failing"
)

// ranks orders levels; an unknown state counts as ok.
var ranks = map[string]int{Unknown: 0, OK: 0, Degraded: 1, Failing: 2}

// Rank orders levels: 0 ok, 1 degraded, 2 failing; -1: unknown.
func Rank(level string) int {
	if level == Unknown {
		return -1
	}
	return ranks[level]
}

// worst gives the worse of two levels, best the other.
func worst(a, b string) string {
	if ranks[a] >= ranks[b] {
		return a
	}
	return b
}

func best(a, b string) string {
	if ranks[a] <= ranks[b] {
		return a
	}
	return b
}

// Units of values.
const (
	UnitSeconds = "seconds"
	UnitCount   = "count"
)

// Reading is what one run of a probe has found. Its detail holds numbers and names of
// parts, never a learner's text or an address.
type Reading struct {
	Level  string
	Value  float64
	Unit   string
	Detail string
}

// Probe is something that is looked at again and again.
type Probe struct {
	Name    string        // of docs/monitor.md, [a-z_]
	Pace    time.Duration // between two runs
	Timeout time.Duration // of a run, which then counts as failing
	Worse   int           // readings in a row until it is worse; 0: 3
	Better  int           // the same for better; 0: 3
	Local   bool          // every node looks for itself too
	Look    func(ctx context.Context) (Reading, error)
}

// lease is how long a run belongs to its node.
func (p Probe) lease() time.Duration { return 2 * p.Timeout }

// State is what is known of a probe.
type State struct {
	Name      string
	State     string
	Since     time.Time
	Value     float64
	Unit      string
	Detail    string
	CheckedAt *time.Time // nil: never
	Pace      time.Duration
	Stale     bool // it should have been looked at again long ago

	track
}

// Change is one change of a probe's state.
type Change struct {
	ID       uuid.UUID
	Name     string
	At       time.Time
	Previous string
	State    string
	Value    float64
	Unit     string
	Detail   string
	Node     uuid.UUID
}

// Node is a process that was heard of.
type Node struct {
	ID        uuid.UUID
	Host      string
	Version   string
	StartedAt time.Time
	SeenAt    time.Time
	StoppedAt *time.Time // nil: it did not say good-bye
	Level     string     // how it gets on with the database and Redis
	Detail    string
}

// Times of nodes.
const (
	nodeLost     = time.Minute      // not heard of for so long: it is lost
	nodeForgiven = 10 * time.Minute // and after so long nobody waits for it any more
)

// Lives reports whether a node was heard of lately and goes on.
func (n Node) Lives(now time.Time) bool { return n.StoppedAt == nil && now.Sub(n.SeenAt) < nodeLost }

// Lost reports whether a node fell silent lately, without a good-bye.
func (n Node) Lost(now time.Time) bool {
	silent := now.Sub(n.SeenAt)
	return n.StoppedAt == nil && silent >= nodeLost && silent < nodeForgiven
}
