package outbox

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

const (
	consumerRows      = 100                    // events in one transaction
	consumerPoll      = 500 * time.Millisecond // between looks at a stream that nobody woke us for: its relay is elsewhere
	parkedRows        = 100
	reloadEvery       = time.Second // between looks for what was parked from outside
	defaultRetryAfter = time.Second
	stopWait          = 5 * time.Second // for the batch under way when a partition is given back
)

// A consumer handles the events of one partition for one group, while its lease
// lasts. All but wake, quit and reload is its own goroutine's.
type consumer struct {
	lease      lease
	store      store
	streams    streams
	handlers   *Handlers
	since      map[string]time.Time // by type; older events are not for the group
	buried     func(ctx context.Context, tx postgres.Tx, e DeadEvent) error
	retryAfter time.Duration
	logger     *slog.Logger
	hook       hook
	metrics    groupMetrics
	turns      chan struct{} // one is taken to settle

	parked   map[uuid.UUID]bool // aggregates that wait: those stored as such, perhaps more
	due      time.Time          // before which no waiting event is due
	settled  bool               // what was pending when the lease was taken is dealt with
	restless bool               // some entries may be pending although they were read: an answer was lost

	reload atomic.Bool
	wake   chan struct{}
	quit   chan struct{}
	done   chan struct{}
	cancel context.CancelFunc
}

func (c *consumer) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *consumer) stop() {
	close(c.quit)
	select {
	case <-c.done:
	case <-time.After(stopWait):
		c.cancel()
		<-c.done
	}
	c.cancel()
}

func (c *consumer) run(ctx context.Context) {
	defer close(c.done)
	ailing := false
	for {
		worked, err := c.step(ctx)
		if errors.Is(err, errFenced) {
			err = c.fenced(ctx)
		}
		wait := c.pause()
		switch {
		case errors.Is(err, errLeaseLost), ctx.Err() != nil:
			return // the share takes notice by itself
		case err != nil:
			if !ailing {
				c.logger.Warn("events wait in their stream", "group", c.lease.name, "partition", c.lease.partition, "error", err)
			}
			wait, c.restless = outageWait, true
		case worked:
			wait = 0
		}
		ailing = err != nil
		select {
		case <-c.quit:
			return
		default:
		}
		if wait == 0 {
			continue
		}
		select {
		case <-c.quit:
			return
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-time.After(wait):
		}
	}
}

// pause is until the next look, a little longer or shorter each time, or until
// a waiting event is due.
func (c *consumer) pause() time.Duration {
	wait := consumerPoll + rand.N(consumerPoll/4)
	if len(c.parked) > 0 {
		wait = min(wait, max(time.Until(c.due), time.Millisecond))
	}
	return wait
}

// step does what there is to do, up to a batch, and says whether there was any.
func (c *consumer) step(ctx context.Context) (worked bool, err error) {
	if err := c.settle(ctx); err != nil || !c.settled {
		return false, err
	}
	if c.reload.Swap(false) {
		if c.parked, err = c.store.parkedAggregates(ctx, c.lease); err != nil {
			return false, err
		}
		c.due = time.Time{}
	}
	if err := c.retry(ctx); err != nil {
		return false, err
	}
	c.hook.at(ctx, "look")
	entries, err := c.streams.read(ctx, c.lease, consumerRows, false)
	if errors.Is(err, errNoGroup) {
		return false, c.join(ctx)
	}
	if err != nil || len(entries) == 0 {
		return false, err
	}
	c.hook.at(ctx, "read")
	if err := c.deal(ctx, entries); err != nil {
		return false, err
	}
	c.hook.at(ctx, "committed")
	if err := c.acknowledge(ctx, entries); err != nil {
		return false, err
	}
	c.hook.at(ctx, "acknowledged")
	return true, nil
}

// settle takes up what a former consumer, or a lost answer, has left pending. A
// former one may have died of it, so each such event waits in the database with
// an attempt counted.
func (c *consumer) settle(ctx context.Context) error {
	if c.settled && !c.restless {
		return nil
	}
	first := !c.settled
	if first {
		select {
		case c.turns <- struct{}{}:
			defer func() { <-c.turns }()
		case <-c.quit:
			return nil // run sees it too
		case <-ctx.Done():
			return ctx.Err()
		}
		var err error
		if c.parked, err = c.store.parkedAggregates(ctx, c.lease); err != nil {
			return err
		}
		if err := c.join(ctx); err != nil {
			return err
		}
	}
	for {
		entries, err := c.streams.read(ctx, c.lease, consumerRows, true)
		if errors.Is(err, errNoGroup) {
			return c.join(ctx)
		}
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			break
		}
		p := parking{events: c.wanted(entries)}
		if first {
			lost := failure(1, errors.New("its consumer was lost while it was pending"))
			p.attempts, p.failure = 1, &lost
		}
		if err := c.setAside(ctx, p); err != nil {
			return err
		}
		if err := c.acknowledge(ctx, entries); err != nil {
			return err
		}
	}
	c.settled, c.restless = true, false
	return nil
}

// join makes the group where it is not. The lease is proven first: in a Redis
// that has forgotten everything, a former leaseholder must not be the first.
func (c *consumer) join(ctx context.Context) error {
	if err := c.store.guard(ctx, c.store.pool, c.lease); err != nil {
		return err
	}
	return c.streams.join(ctx, c.lease)
}

// fenced tells a lease that was lost from a number in Redis that is of a life
// which the database has forgotten (it was restored): that one goes.
func (c *consumer) fenced(ctx context.Context) error {
	if err := c.store.guard(ctx, c.store.pool, c.lease); err != nil {
		return err
	}
	return c.streams.forgetFence(ctx, c.lease)
}

// deal handles a batch: what waits behind a failed event waits too, the rest has
// its effect in one transaction, or, if that fails, each event by itself.
func (c *consumer) deal(ctx context.Context, entries []entry) error {
	var free, behind []Event
	for _, e := range c.wanted(entries) {
		if c.parked[e.AggregateID] {
			behind = append(behind, e)
		} else {
			free = append(free, e)
		}
	}
	if len(free) > 0 {
		err := c.apply(ctx, free, nil)
		var own handlerError
		if err != nil && !errors.As(err, &own) {
			return err
		}
		if err != nil {
			late, err := c.oneByOne(ctx, free)
			if err != nil {
				return err
			}
			behind = append(behind, late...)
		}
	}
	return c.setAside(ctx, parking{events: behind})
}

// oneByOne handles events singly and gives those that must wait behind one that
// failed.
func (c *consumer) oneByOne(ctx context.Context, events []Event) (behind []Event, err error) {
	for _, e := range events {
		if c.parked[e.AggregateID] {
			behind = append(behind, e)
			continue
		}
		if err := c.try(ctx, e); err != nil {
			return nil, err
		}
	}
	return behind, nil
}

// setAside stores events that must wait.
func (c *consumer) setAside(ctx context.Context, p parking) error {
	if len(p.events) == 0 {
		return nil
	}
	for _, e := range p.events {
		c.parked[e.AggregateID] = true
	}
	c.due = time.Time{}
	return c.store.park(ctx, c.lease, p)
}

// wanted are the events of entries that the group takes. One that cannot be read
// is logged and left out: no retry would help, and the outbox has it.
func (c *consumer) wanted(entries []entry) []Event {
	events := make([]Event, 0, len(entries))
	for _, e := range entries {
		if e.err != nil {
			c.logger.Error("unreadable event", "group", c.lease.name, "partition", c.lease.partition, "entry", e.id, "error", e.err)
			continue
		}
		if c.takes(e.event) {
			events = append(events, e.event)
		}
	}
	return events
}

func (c *consumer) takes(e Event) bool {
	if c.handlers.find(c.lease.name, e.Type) == nil {
		return false
	}
	for _, kind := range []string{e.Type, all} {
		if since, ok := c.since[kind]; ok && !e.RecordedAt.Before(since) {
			return true
		}
	}
	return false
}

func (c *consumer) acknowledge(ctx context.Context, entries []entry) error {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	return c.streams.acknowledge(ctx, c.lease.name, c.lease.partition, ids)
}

// backoff is the wait after an attempt: retryAfter, then four times as long each
// time, a quarter longer or shorter.
func (c *consumer) backoff(attempt int) time.Duration {
	d := c.retryAfter
	for range attempt - 1 {
		d *= 4
	}
	return d*3/4 + rand.N(d/2+1)
}
