package account

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
)

// How a node learns which sessions have ended. A change is seen for overlap after it was
// recorded, so that one whose transaction commits late is not missed: transactions
// of ours are bounded by far less.
const (
	changesEvery   = 500 * time.Millisecond
	changesTimeout = 2 * time.Second
	changesOverlap = 30 * time.Second
	changesFresh   = 3 * time.Second // after which a copy of a session is not believed
)

// change is that a session ended, or that its copy must be read again.
type change struct {
	sessionID uuid.UUID
	userID    uuid.UUID
	ended     bool
}

// changes is what a node knows of sessions that ended of late. The table is read
// again and again, so that nothing depends on a notification or on Redis: whatever
// is lost, a session that has ended is refused within changesEvery and a query.
type changes struct {
	store  *store
	gate   *gate.Gate
	memory time.Duration // how long a token of a session that has ended may be about
	logger *slog.Logger
	base   time.Time    // readAt counts from here
	readAt atomic.Int64 // when the last reading began, in nanoseconds since base

	mu      sync.RWMutex
	gone    map[uuid.UUID]time.Time // when each may be forgotten
	watched map[uuid.UUID]*watched
}

// watched is a session that something lives on, such as a stream.
type watched struct {
	ended context.Context
	end   context.CancelFunc
	users int
}

func newChanges(st *store, g *gate.Gate, memory time.Duration, logger *slog.Logger) *changes {
	return &changes{
		store: st, gate: g, memory: memory + changesOverlap, logger: logger, base: time.Now(),
		gone: map[uuid.UUID]time.Time{}, watched: map[uuid.UUID]*watched{},
	}
}

// read takes up what was recorded within age.
func (c *changes) read(ctx context.Context, age time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, changesTimeout)
	defer cancel()
	began := time.Since(c.base)
	told, err := c.store.sessionChanges(ctx, age)
	if err != nil {
		return err
	}
	c.apply(ctx, told)
	c.readAt.Store(int64(began))
	return nil
}

// readOn takes up what is new, reaching back to before the last reading.
func (c *changes) readOn(ctx context.Context) error {
	return c.read(ctx, time.Since(c.base)-time.Duration(c.readAt.Load())+changesOverlap)
}

// fresh reports that no session has ended for longer than changesFresh without this
// node knowing.
func (c *changes) fresh() bool {
	return time.Since(c.base)-time.Duration(c.readAt.Load()) < changesFresh
}

// apply makes changes known: here at once, in Redis as far as it is there.
func (c *changes) apply(ctx context.Context, told []change) {
	for _, one := range told {
		user, session := one.userID.String(), one.sessionID.String()
		var err error
		switch {
		case !one.ended:
			err = c.gate.Forget(ctx, user, session)
		case c.end(one.sessionID):
			err = c.gate.Shut(ctx, user, session, c.memory)
		}
		if err != nil {
			c.logger.DebugContext(ctx, "session's copy not told", "error", err.Error()) // every node knows from the table
		}
	}
	c.forget()
}

// end notes that a session is over and wakes who lives on it. It reports whether that is news.
func (c *changes) end(session uuid.UUID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.gone[session]; known {
		return false
	}
	c.gone[session] = time.Now().Add(c.memory)
	if w := c.watched[session]; w != nil {
		w.end()
		delete(c.watched, session)
	}
	return true
}

// forget lets go of sessions that no token speaks for any more.
func (c *changes) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for id, until := range c.gone {
		if now.After(until) {
			delete(c.gone, id)
		}
	}
}

// hasEnded reports whether a session is known to be over.
func (c *changes) hasEnded(session uuid.UUID) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, gone := c.gone[session]
	return gone
}

// watch gives a context that ends with the session; release must follow.
func (c *changes) watch(session uuid.UUID) (ended context.Context, release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, gone := c.gone[session]; gone {
		over, end := context.WithCancel(context.Background())
		end()
		return over, func() {}
	}
	w := c.watched[session]
	if w == nil {
		w = &watched{}
		w.ended, w.end = context.WithCancel(context.Background())
		c.watched[session] = w
	}
	w.users++
	return w.ended, sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if w.users--; w.users == 0 && c.watched[session] == w {
			delete(c.watched, session)
		}
	})
}

// run reads until ctx ends.
func (c *changes) run(ctx context.Context) {
	ticker := time.NewTicker(changesEvery)
	defer ticker.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := c.readOn(ctx)
		if ctx.Err() == nil && (err != nil) != failing {
			if failing = err != nil; failing {
				c.logger.WarnContext(ctx, "ended sessions cannot be read; rows decide", "error", err.Error())
			} else {
				c.logger.InfoContext(ctx, "ended sessions are read again")
			}
		}
	}
}
