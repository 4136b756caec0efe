package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/measure"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// Attempts is how often a group tries an event before it becomes a dead letter.
const Attempts = 5

// handlerTimeout bounds one handler's work on one event.
const handlerTimeout = 30 * time.Second

// maxReason bounds what is kept of an error's text.
const maxReason = 2_000

// Failure is one attempt that failed.
type Failure struct {
	Attempt int       `json:"attempt"`
	At      time.Time `json:"at"`
	Error   string    `json:"error"`
}

// DeadEvent is an event that a group has given up.
type DeadEvent struct {
	Group    string
	Event    Event
	Attempts int
	Failures []Failure // the oldest first
}

// handlerError is a failure of a handler, as opposed to one of ours.
type handlerError struct{ error }

func (e handlerError) Unwrap() error { return e.error }

// apply lets the group's handlers have their effects for events, in order, in
// one transaction: each that was not handled before, once. also, if not nil,
// joins the transaction.
func (c *consumer) apply(ctx context.Context, events []Event, also func(tx postgres.Tx) error) error {
	handled := 0
	err := postgres.InTx(ctx, c.store.pool, func(tx postgres.Tx) error {
		fresh, err := c.store.claim(ctx, tx, c.lease, events)
		if err != nil {
			return err
		}
		handled = len(fresh)
		c.hook.at(ctx, "begun")
		for _, e := range events {
			if !fresh[e.ID] {
				continue
			}
			delete(fresh, e.ID) // the same event twice in one batch has one effect
			if err := c.handle(ctx, tx, e); err != nil {
				return handlerError{fmt.Errorf("handle %s: %w", e.Type, err)}
			}
		}
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		c.hook.at(ctx, "handled")
		return nil
	})
	if err == nil {
		c.metrics.handled.Add(float64(handled))
	}
	return err
}

// handle runs the handler of one event; a panic is an error.
func (c *consumer) handle(ctx context.Context, tx postgres.Tx, e Event) (err error) {
	handler := c.handlers.find(c.lease.name, e.Type)
	if handler == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, handlerTimeout, errors.New("the handler took too long"))
	defer cancel()
	defer measure.Since(c.metrics.duration, time.Now())
	defer func() {
		if p := recover(); p != nil {
			c.logger.Error("event handler panicked", "group", c.lease.name, "event_id", e.ID, "type", e.Type, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	return handler(telemetry.WithOrigin(ctx, e.Origin()), tx, e)
}

// blames says whether an error counts against the event: the handler's own does,
// unless the database is away or this consumer's time is over.
func (c *consumer) blames(ctx context.Context, err error) bool {
	var own handlerError
	if !errors.As(err, &own) || ctx.Err() != nil {
		return false
	}
	if !fault.Is(err, "server.unavailable") {
		return true
	}
	_, away := c.store.livingGroups(ctx) // any query tells
	return away == nil
}

// try handles one event by itself, and parks it if its handler fails.
func (c *consumer) try(ctx context.Context, e Event) error {
	err := c.apply(ctx, []Event{e}, nil)
	if err == nil || !c.blames(ctx, err) {
		return err
	}
	c.logger.Warn("event handler failed", "group", c.lease.name, "event_id", e.ID, "type", e.Type, "attempt", 1, "error", err)
	c.metrics.failed.Inc()
	c.parked[e.AggregateID] = true
	f := failure(1, err)
	c.due = time.Time{}
	return c.store.park(ctx, c.lease, parking{events: []Event{e}, attempts: 1, delay: c.backoff(1), failure: &f})
}

func failure(attempt int, err error) Failure {
	reason := err.Error()
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	return Failure{Attempt: attempt, At: time.Now().UTC(), Error: reason}
}

// retry goes on with the aggregates that wait and are due.
func (c *consumer) retry(ctx context.Context) error {
	if len(c.parked) == 0 || time.Now().Before(c.due) {
		return nil
	}
	heads, err := c.store.parkedHeads(ctx, c.lease, parkedRows)
	if err != nil {
		return err
	}
	if len(heads) == 0 {
		clear(c.parked)
		return nil
	}
	for _, h := range heads {
		if h.due > 0 {
			c.due = time.Now().Add(min(h.due, reloadEvery))
			return nil
		}
		if err := c.resume(ctx, h.aggregate); err != nil {
			return err
		}
	}
	return nil // look again at once: more may be due
}

// resume tries the first waiting event of an aggregate, then those behind it.
func (c *consumer) resume(ctx context.Context, aggregate uuid.UUID) error {
	waiting, err := c.store.parkedOf(ctx, c.lease, aggregate, parkedRows)
	if err != nil {
		return err
	}
	if len(waiting) == 0 {
		delete(c.parked, aggregate)
		return nil
	}
	if on, err := c.again(ctx, waiting[0]); err != nil || !on {
		return err
	}
	return c.followers(ctx, waiting[1:])
}

// again makes the next attempt at one event. on says that the events behind it
// are free.
func (c *consumer) again(ctx context.Context, p parked) (on bool, err error) {
	if p.attempts >= Attempts { // the last one did not come to an end: it took its consumer along
		return true, c.bury(ctx, p, Failure{Attempt: p.attempts, At: time.Now().UTC(), Error: "the consumer was lost while it handled the event"})
	}
	attempt := p.attempts + 1
	if err := c.store.beginAttempt(ctx, c.lease, []Event{p.event}, c.backoff(attempt)); err != nil {
		return false, err
	}
	err = c.apply(ctx, []Event{p.event}, func(tx postgres.Tx) error {
		return c.store.unpark(ctx, tx, c.lease.name, []uuid.UUID{p.event.ID})
	})
	switch {
	case err == nil:
		return true, nil
	case !c.blames(ctx, err):
		return false, err
	}
	c.logger.Warn("event handler failed", "group", c.lease.name, "event_id", p.event.ID, "type", p.event.Type, "attempt", attempt, "error", err)
	c.metrics.failed.Inc()
	if attempt < Attempts {
		return false, c.store.noteFailure(ctx, c.lease, p.event.ID, failure(attempt, err), c.backoff(attempt))
	}
	return true, c.bury(ctx, p, failure(attempt, err))
}

// followers handles what waited behind an event that is done with. They are
// counted as tried first: one of them may take this consumer along.
func (c *consumer) followers(ctx context.Context, waiting []parked) error {
	var events []Event
	for _, p := range waiting {
		if p.attempts > 0 {
			break
		}
		events = append(events, p.event)
	}
	if len(events) == 0 {
		return nil
	}
	if err := c.store.beginAttempt(ctx, c.lease, events, 0); err != nil {
		return err
	}
	err := c.apply(ctx, events, func(tx postgres.Tx) error {
		return c.store.unpark(ctx, tx, c.lease.name, idsOf(events))
	})
	if err != nil && c.blames(ctx, err) {
		return nil // each comes by itself now
	}
	return err
}

// bury makes a dead letter of an event: it counts as handled, so that those
// behind it go on.
func (c *consumer) bury(ctx context.Context, p parked, last Failure) error {
	dead := DeadEvent{Group: c.lease.name, Event: p.event, Attempts: last.Attempt}
	if err := json.Unmarshal(p.failures, &dead.Failures); err != nil {
		return fmt.Errorf("bury event %s: %w", p.event.ID, err)
	}
	dead.Failures = append(dead.Failures, last)
	err := postgres.InTx(ctx, c.store.pool, func(tx postgres.Tx) error {
		fresh, err := c.store.claim(ctx, tx, c.lease, []Event{p.event})
		if err != nil {
			return err
		}
		if fresh[p.event.ID] {
			if err := c.buried(ctx, tx, dead); err != nil {
				return err
			}
		}
		return c.store.unpark(ctx, tx, c.lease.name, []uuid.UUID{p.event.ID})
	})
	if err == nil {
		c.metrics.buried.Inc()
		c.logger.Error("an event became a dead letter", "group", c.lease.name, "event_id", p.event.ID, "type", p.event.Type, "attempts", last.Attempt, "error", last.Error)
	}
	return err
}
