package conversation

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// How often a waiting reader asks PostgreSQL whether the reply has ended: now
// and then, in case the last event never reached the log, and often while the
// log is out of reach. Each wait is up to a fifth longer, so that the readers of
// a node do not all ask at once.
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
var errLook = errors.New("time to look at the stored message")

// FollowInput says which reply to follow, and from where.
type FollowInput struct {
	UserID         uuid.UUID
	ConversationID uuid.UUID
	MessageID      uuid.UUID
	After          Position // zero: from the beginning
}

// Feed is one reader's way through the events of a reply. Next is for one
// goroutine; Close must be called.
type Feed struct {
	service *Service
	in      FollowInput
	reading reading
	sub     *eventlog.Subscription // nil once everything is known
	known   []Event                // to be given before anything else
	outage  bool
	over    bool
}

// Follow opens a Feed. ended reports that nothing follows in.After: the reply
// has ended and its last event was seen. Faults: resource.not_found,
// message.not_a_reply.
func (s *Service) Follow(ctx context.Context, in FollowInput) (feed *Feed, ended bool, err error) {
	return s.follow(ctx, in, seen)
}

// follow is Follow of a message that is to be seen, or of any.
func (s *Service) follow(ctx context.Context, in FollowInput, which bool) (feed *Feed, ended bool, err error) {
	m, err := s.store.message(ctx, in.UserID, in.ConversationID, in.MessageID, which)
	if err != nil {
		return nil, false, err
	}
	if m.Role != RoleAssistant {
		return nil, false, errNotAReply
	}
	f := &Feed{service: s, in: in, reading: newReading(m.Attempt, in.After)}
	if !m.Ended() {
		f.sub = s.log.Follow(ctx, streamOf(m.ID), in.After.Entry)
		return f, false, nil
	}
	if in.After.EndedAt == m.Attempt {
		return nil, true, nil
	}
	f.known = f.replay(ctx, m)
	return f, false, nil
}

// replay gives what follows in the log of an ended reply, or, when the log does
// not tell all of it any more, its last event as PostgreSQL knows it.
func (f *Feed) replay(ctx context.Context, m Message) []Event {
	resumed, err := f.service.log.Resume(ctx, streamOf(m.ID), f.in.After.Entry)
	if err == nil && !resumed.More {
		if resumed.Restarted {
			f.reading.restart()
		}
		events := f.reading.take(f.decodeAll(resumed.Entries))
		if n := len(events); n > 0 && events[n-1].Terminal() {
			return events
		}
	}
	return []Event{stored(m)}
}

// stored is the last event of a message that PostgreSQL knows to have ended.
func stored(m Message) Event {
	e := terminalEvent(m)
	e.Position = Position{EndedAt: m.Attempt}
	return e
}

// decodeAll skips what this release cannot read: readers ignore unknown events.
func (f *Feed) decodeAll(entries []eventlog.Entry) []Event {
	events := make([]Event, 0, len(entries))
	for _, entry := range entries {
		e, err := hear(entry)
		if err != nil {
			f.service.logger.Warn("unreadable event", "message_id", f.in.MessageID, "error", err)
			continue
		}
		e.ConversationID = f.in.ConversationID
		events = append(events, e)
	}
	return events
}

// Next waits for events and gives all there are. After the terminal event it
// gives io.EOF. ErrTooSlow of the event log means that the reader stayed behind,
// and resource.not_found that the message was deleted meanwhile; ctx's cause
// comes back when that ends first. A reader that is still there can resume.
func (f *Feed) Next(ctx context.Context) ([]Event, error) {
	for {
		events, err := f.next(ctx)
		if err != nil {
			return nil, err
		}
		if n := len(events); n > 0 {
			f.over = events[n-1].Terminal()
			return events, nil
		}
	}
}

// next makes one step; no events and no error mean another.
func (f *Feed) next(ctx context.Context) ([]Event, error) {
	if f.over {
		return nil, io.EOF
	}
	if f.known != nil {
		events := f.known
		f.known = nil
		return events, nil
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
	case errors.Is(err, eventlog.ErrRestarted):
		f.outage = false
		f.reading.restart()
		return nil, nil
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	}
	f.outage = false
	return f.reading.take(f.decodeAll(entries)), nil
}

// look asks PostgreSQL whether the reply has ended meanwhile. When that cannot
// be known now, the reader goes on waiting.
func (f *Feed) look(ctx context.Context) ([]Event, error) {
	m, err := f.service.store.message(ctx, f.in.UserID, f.in.ConversationID, f.in.MessageID, hiddenToo)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, errMessageNotFound):
		return nil, err
	case err != nil:
		f.service.logger.Warn("follow a reply", "message_id", f.in.MessageID, "error", err)
		return nil, nil
	case !m.Ended():
		return nil, nil
	}
	return []Event{stored(m)}, nil
}

// Close lets go of the log. Idempotent.
func (f *Feed) Close() {
	if f.sub != nil {
		f.sub.Close()
	}
}
