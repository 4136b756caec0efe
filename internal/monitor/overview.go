package monitor

import (
	"context"
	"slices"
	"time"
)

// Overview is what is known of the service as a whole.
type Overview struct {
	State   string // ok, degraded or failing: the worst of all; degraded where a probe is stale, failing where no node lives
	At      time.Time
	Probes  []State  // by name
	Changes []Change // the newest first
	Nodes   []Node   // heard of in the last hour, the oldest first
}

// nodesShown is how long a node is shown after it was heard of last.
const nodesShown = time.Hour

// MaxChanges is how many changes an Overview may show.
const MaxChanges = 100

// Overview reads it, with up to so many changes.
func (s *Service) Overview(ctx context.Context, changes int) (o Overview, err error) {
	o.At = s.clock()
	if o.Probes, err = s.store.states(ctx); err != nil {
		return o, err
	}
	if o.Changes, err = s.store.changes(ctx, min(changes, MaxChanges)); err != nil {
		return o, err
	}
	if o.Nodes, err = s.store.nodesSince(ctx, o.At.Add(-nodesShown)); err != nil {
		return o, err
	}
	o.judge()
	return o, nil
}

// judge says how the whole is.
func (o *Overview) judge() {
	o.State = OK
	for i := range o.Probes {
		p := &o.Probes[i]
		p.Stale = p.stale(o.At)
		if p.Stale {
			o.State = worst(o.State, Degraded)
		}
		o.State = worst(o.State, known(p.State))
	}
	if !slices.ContainsFunc(o.Nodes, func(n Node) bool { return n.Lives(o.At) }) {
		o.State = Failing
	}
}

// known takes what is not known yet for ok.
func known(state string) string {
	if state == Unknown {
		return OK
	}
	return state
}

// stale reports whether a probe missed its last three runs.
func (s State) stale(now time.Time) bool {
	return s.CheckedAt != nil && now.Sub(*s.CheckedAt) > 3*s.Pace+time.Minute
}

// Seen gives what all nodes found, as this node read it last, and Here what it found
// itself. They ask nobody.
func (s *Service) Seen() []State {
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.seen)
	for i := range all {
		all[i].Stale = all[i].stale(now)
	}
	return all
}

// Here gives what this node found itself, by name.
func (s *Service) Here() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []State
	for _, p := range s.probes {
		if one, ok := s.local[p.Name]; ok {
			all = append(all, one)
		}
	}
	return all
}

// Sweep deletes up to bite readings and changes that are older than Kept.
func (s *Service) Sweep(ctx context.Context, bite int) (int64, error) {
	return s.store.sweep(ctx, s.clock().Add(-Kept), bite)
}
