package room

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// Feed is one device's way through the events of a room. Next is for one goroutine; Close
// must be called.
type Feed struct {
	service   *Service
	sub       *eventlog.Subscription
	position  eventlog.ID
	recovered bool
}

// Follow opens a Feed. A zero position means from now on. Fault: server.unavailable.
func (s *Service) Follow(ctx context.Context, room string, after eventlog.ID) (*Feed, error) {
	f := &Feed{service: s, position: after}
	if after.IsZero() {
		newest, _, err := s.Log.Newest(ctx, stream(room))
		if err != nil {
			return nil, s.unavailable(err)
		}
		f.position = newest.ID
	} else {
		var err error
		if f.recovered, err = s.Log.Has(ctx, stream(room), after); err != nil {
			return nil, s.unavailable(err)
		}
		if !f.recovered { // what the log holds is how the room is now
			f.position = eventlog.ID{}
		}
	}
	f.sub = s.Log.Follow(context.WithoutCancel(ctx), stream(room), f.position)
	return f, nil
}

// Recovered reports whether all that happened since the position comes.
func (f *Feed) Recovered() bool { return f.recovered }

// Position is where the feed stands, to resume from if no event comes. It is zero where a
// room has no event yet.
func (f *Feed) Position() eventlog.ID { return f.position }

// Next waits for events and gives all there are, still to be Read. ErrRestarted of the event log says that
// events were lost and that what comes next replaces all before; ErrTooSlow that the reader
// stayed behind and is through. ctx's cause comes back when that ends first.
func (f *Feed) Next(ctx context.Context) ([]Event, error) {
	for {
		entries, err := f.sub.Next(ctx)
		if errors.Is(err, eventlog.ErrUnavailable) {
			continue // it goes on when Redis is back
		}
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 {
			return f.take(entries), nil
		}
	}
}

func (f *Feed) take(entries []eventlog.Entry) []Event {
	out := make([]Event, 0, len(entries))
	for _, entry := range entries {
		f.position = entry.ID
		out = append(out, Event{Position: entry.ID, entry: entry})
	}
	return out
}

// Read fills in what the event says, and reports whether this release knows it. It is
// apart from Next so that it is done once for all who hear the event: call it within Memo.
func (e Event) Read() (Event, bool) {
	var s stored
	if json.Unmarshal(e.entry.Data, &s) != nil || s.Format != storedFormat {
		return e, false
	}
	e.Type, e.MessageID, e.Data, e.At = s.Type, s.MessageID, s.Data, s.At
	e.Member = Member{UserID: s.UserID, Name: s.Name, JoinedAt: s.JoinedAt}
	return e, true
}

// Close lets go of the log. Idempotent.
func (f *Feed) Close() { f.sub.Close() }
