package job

import (
	"context"
	"sync/atomic"
	"time"
)

// clock is the database's clock as this node knows it: what it said last, and
// how much time has passed since. The engine takes it for its own where it writes
// times itself, so that a retry or a hand-over does not come an hour late because
// the node's clock is an hour ahead. The passing of time does not depend on the
// node's wall clock (time.Since is monotonic).
type clock struct {
	local func() time.Time
	last  atomic.Pointer[reading]
}

// reading is what the database's clock and the node's showed at one moment.
type reading struct{ database, local time.Time }

func newClock() *clock { return &clock{local: time.Now} }

// read asks the database. The moment is taken to be half way between question
// and answer.
func (c *clock) read(ctx context.Context, s *store) error {
	asked := c.local()
	database, err := s.time(ctx)
	if err != nil {
		return err
	}
	c.last.Store(&reading{database: database, local: asked.Add(c.local().Sub(asked) / 2)})
	return nil
}

// Now is the database's time; before it was read, the node's.
func (c *clock) Now() time.Time {
	now := c.local()
	if r := c.last.Load(); r != nil {
		return r.database.Add(now.Sub(r.local))
	}
	return now
}

// NowOrNil leaves it to the database to put in the time where it can.
func (c *clock) NowOrNil() *time.Time { return nil }
