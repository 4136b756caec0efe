package task

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// How often a waiting reader asks PostgreSQL how the task stands: now and then,
// in case the last event never reached the log, and often while the log is out of
// reach. Each wait is up to a fifth longer, so that the readers of a node do not
// all ask at once.
const (
	lookHealthy = 12 * time.Second
	lookOutage  = time.Second
)

// looks are these two times.
type looks struct{ healthy, outage time.Duration }

func (l looks) wait(outage bool) time.Duration {
	d := l.healthy
	if outage {
		d = l.outage
	}
	return d + rand.N(d/5)
}

// errLook ends one wait for events so that PostgreSQL can be asked.
var errLook = errors.New("time to look at the stored task")

// Feed is one reader's way through the states of a task. Next is for one
// goroutine; Close must be called.
type Feed struct {
	service *Service
	userID  uuid.UUID
	id      uuid.UUID
	held    int64                  // the revision that the reader has
	known   *Task                  // to be given before anything else
	sub     *eventlog.Subscription // nil before it is needed
	outage  bool
	over    bool
}

// Follow opens a Feed of one of the user's tasks. after is the revision that the
// reader has, 0 for none: newer ones alone are given, the present one at once.
// ended reports that there are none: the task has ended, and the reader knows how.
// Fault: resource.not_found.
func (s *Service) Follow(ctx context.Context, userID, id uuid.UUID, after int64) (feed *Feed, ended bool, err error) {
	t, err := s.store.of(ctx, userID, id)
	if err != nil {
		return nil, false, err
	}
	if after > t.Revision { // of a future that a restored database does not know
		after = 0
	}
	if after == t.Revision && t.Ended() {
		return nil, true, nil
	}
	f := &Feed{service: s, userID: userID, id: id, held: after}
	if t.Revision > after {
		f.known = &t
	}
	return f, false, nil
}

// Next waits for events and gives all there are. After the terminal event it
// gives io.EOF. ErrTooSlow of the event log means that the reader stayed behind,
// and resource.not_found that the task was deleted meanwhile; ctx's cause comes
// back when that ends first. A reader that is still there can resume.
func (f *Feed) Next(ctx context.Context) ([]Event, error) {
	for {
		events, err := f.next(ctx)
		if err != nil || len(events) > 0 {
			return events, err
		}
	}
}

// next makes one step; no events and no error mean another.
func (f *Feed) next(ctx context.Context) ([]Event, error) {
	switch {
	case f.over:
		return nil, io.EOF
	case f.known != nil:
		t := *f.known
		f.known = nil
		return f.take(t), nil
	case f.sub == nil:
		return f.open(ctx)
	}
	bounded, cancel := context.WithTimeoutCause(ctx, f.service.looks.wait(f.outage), errLook)
	defer cancel()
	entries, err := f.sub.Next(bounded)
	switch {
	case errors.Is(err, errLook):
		return f.look(ctx)
	case errors.Is(err, eventlog.ErrUnavailable):
		f.outage = true
		return f.look(ctx)
	case errors.Is(err, eventlog.ErrRestarted): // what the reader has is left out by its revision
		f.outage = false
		return nil, nil
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	}
	f.outage = false
	return f.decode(entries), nil
}

// open follows the log from its end: the newest entry holds all that was before.
func (f *Feed) open(ctx context.Context) ([]Event, error) {
	newest, found, err := f.service.log.Newest(ctx, streamOf(f.id))
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f.outage = err != nil // then the log is read from its beginning, once it is back
	f.sub = f.service.log.Follow(context.WithoutCancel(ctx), streamOf(f.id), newest.ID)
	if !found {
		return nil, nil
	}
	return f.decode([]eventlog.Entry{newest}), nil
}

// decode skips what this release cannot read: readers ignore unknown events.
func (f *Feed) decode(entries []eventlog.Entry) (out []Event) {
	for _, entry := range entries {
		var e Event
		if err := json.Unmarshal(entry.Data, &e); err != nil {
			f.service.logger.Warn("unreadable event", "task", f.id, "error", err)
			continue
		}
		out = append(out, f.take(e.Task)...)
	}
	return out
}

// take gives the event of a state that is news to the reader.
func (f *Feed) take(t Task) []Event {
	if f.over || t.Revision <= f.held && !t.Ended() {
		return nil
	}
	f.held, f.over = t.Revision, t.Ended()
	return []Event{eventOf(t)}
}

// look asks PostgreSQL how the task stands. When that cannot be known now, the
// reader goes on waiting.
func (f *Feed) look(ctx context.Context) ([]Event, error) {
	t, err := f.service.store.of(ctx, f.userID, f.id)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, errNotFound):
		return nil, err
	case err != nil:
		f.service.logger.Warn("follow a task", "task", f.id, "error", err)
		return nil, nil
	}
	return f.take(t), nil
}

// Close lets go of the log. Idempotent.
func (f *Feed) Close() {
	if f.sub != nil {
		f.sub.Close()
	}
}
