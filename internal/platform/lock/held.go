package lock

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Held is a lock that was taken. It is safe for concurrent use.
type Held struct {
	locks *Locks
	name  string
	keys  keys
	token string
	fence int64

	ctx    context.Context
	cancel context.CancelCauseFunc
	until  time.Time   // when it must be taken for lost, unless renewed
	first  *time.Timer // the first renewal

	release  sync.Once
	released error
}

// hold keeps a lock that was asked for at a time.
func (l *Locks) hold(ctx context.Context, a *attempt, fence int64, asked time.Time) *Held {
	h := &Held{locks: l, name: a.in.Name, keys: a.keys, token: a.token, fence: fence, until: asked.Add(l.safe())}
	h.ctx, h.cancel = context.WithCancelCause(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed { // in the meantime
		h.cancel(errLostByClose)
		return h
	}
	l.held[h] = struct{}{}
	h.first = time.AfterFunc(l.config.TTL/3, h.keep)
	return h
}

// safe is the part of the TTL for which a holder may believe in its lock by a
// clock of its own, which may be slower than that of Redis: by 1%, and 2 ms for
// what Redis rounds.
func (l *Locks) safe() time.Duration {
	return l.config.TTL - l.config.TTL/100 - 2*time.Millisecond
}

// Fence is the holder's number, higher than that of everybody who had the lock
// before. It goes into every write under the lock.
func (h *Held) Fence() int64 { return h.fence }

// Context is for the work under the lock. It is derived from Acquire's, and ends
// also when the lock is lost, with the cause ErrLost; by Close, with ErrLost and
// ErrClosed; and by Release. Before the TTL is over by this machine's clock, which
// stands still while the machine sleeps, a holder that runs is told.
func (h *Held) Context() context.Context { return h.ctx }

// Release gives the lock back and calls the first waiter. It does so also when ctx
// has ended, within CallTimeout. It answers ErrLost when the lock was somebody
// else's or nobody's, which is harmless, or ErrUnavailable, after which the lock
// runs out by itself. Again, it does nothing and gives the same answer.
func (h *Held) Release(ctx context.Context) error {
	h.release.Do(func() {
		h.end(context.Canceled)
		mine, err := h.locks.giveBack(context.WithoutCancel(ctx), h.keys, h.token)
		if err == nil && !mine {
			err = ErrLost
		}
		if err != nil {
			h.released = fmt.Errorf("release %s: %w", h.name, err)
		}
	})
	return h.released
}

// end stops renewals and tells the holder why; the first reason counts.
func (h *Held) end(cause error) {
	if cause == ErrLost && h.ctx.Err() == nil { //nolint:errorlint // not by Close, which wraps it
		h.locks.metrics.lost.Inc()
	}
	h.cancel(cause)
	h.locks.mu.Lock()
	defer h.locks.mu.Unlock()
	if h.first != nil {
		h.first.Stop()
	}
	delete(h.locks.held, h)
}

// keep renews the lock until it ends. Who holds it for less than a third of the
// TTL never comes here.
func (h *Held) keep() {
	l := h.locks
	if !l.begin() {
		return
	}
	defer l.work.Done()
	defer h.end(ErrLost) // whatever ended it has come first
	lost := time.AfterFunc(time.Until(h.until), func() { h.end(ErrLost) })
	defer lost.Stop()
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-again.C:
		}
		asked := time.Now()
		answer, err := l.run(h.ctx, l.renew, 1, h.keys.holder, h.token)
		switch {
		case err != nil:
			again.Reset(l.config.TTL / 20)
		case answer == 0:
			return
		default:
			lost.Reset(time.Until(asked.Add(l.safe())))
			again.Reset(l.config.TTL / 3)
		}
	}
}
