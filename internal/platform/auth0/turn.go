package auth0

import (
	"context"
	"sync/atomic"
)

// turn lets one at a time ask for what all need. Those who waited meanwhile share
// the outcome, so that a tenant that is down is not waited for once for each.
type turn struct {
	busy  chan struct{} // holds one token while somebody asks
	asked atomic.Int64
	err   error // the latest outcome; guarded by busy
}

func newTurn() *turn { return &turn{busy: make(chan struct{}, 1)} }

// take runs ask, or gives the outcome of another's that ended while this one
// waited. It ends early only when ctx does.
func (t *turn) take(ctx context.Context, ask func() error) error {
	before := t.asked.Load()
	select {
	case t.busy <- struct{}{}:
	case <-ctx.Done():
		return ended(ctx)
	}
	defer func() { <-t.busy }()
	if t.asked.Load() != before {
		return t.err
	}
	t.err = ask()
	t.asked.Add(1)
	return t.err
}
