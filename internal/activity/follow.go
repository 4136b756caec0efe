package activity

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// entryBegan is what a log begins with when someone follows before anything has
// happened, so that there is a place to resume from. Nobody is told of it.
const entryBegan = "log.began"

// lookAgain is between tries to find the end of a log that cannot be reached, half as
// long again at most, so that the readers of a node do not all ask at once.
const lookAgain = 500 * time.Millisecond

// Feed is one reader's way through what concerns a user. Next and Position are for one
// goroutine at a time, Close for any; Close must be called.
type Feed struct {
	service   *Service
	user      uuid.UUID
	at        Position
	recovered bool
	sub       *eventlog.Subscription // nil: the end of the log must be found, and Restarted told

	ctx  context.Context // ends with Close
	stop context.CancelFunc
}

// Follow opens a Feed of what happens after a Position; zero: from now on. It does not
// fail because Redis is away: the feed goes on where it was if the log is still there
// when Redis is, and begins with Restarted if not, or if no place could be found to begin
// at. The error is ctx's cause.
func (s *Service) Follow(ctx context.Context, user uuid.UUID, after Position) (*Feed, error) {
	f := &Feed{service: s, user: user, at: after, recovered: true}
	f.ctx, f.stop = context.WithCancel(context.WithoutCancel(ctx))
	lost, err := f.place(ctx)
	switch {
	case ctx.Err() != nil:
		f.stop()
		return nil, context.Cause(ctx)
	case err != nil:
		s.Logger.WarnContext(ctx, "the events of a user begin later", "error", err)
	}
	if lost {
		f.at, f.recovered = nowhere, false
		return f, nil
	}
	f.sub = s.Log.Follow(f.ctx, streamOf(user), f.at.id)
	return f, nil
}

// place finds where to begin. lost: what came before that cannot be told.
func (f *Feed) place(ctx context.Context) (lost bool, err error) {
	if !f.at.IsZero() {
		held, err := f.service.Log.Has(ctx, streamOf(f.user), f.at.id)
		return err == nil && !held, err
	}
	end, err := f.end(ctx)
	f.at = Position{end}
	return err != nil, err
}

// end is the last entry of the log; one that is empty gets an entry.
func (f *Feed) end(ctx context.Context) (eventlog.ID, error) {
	for {
		newest, found, err := f.service.Log.Newest(ctx, streamOf(f.user))
		if err != nil || found {
			return newest.ID, err
		}
		id, err := f.service.append(ctx, f.user, eventlog.ID{}, entry{Type: entryBegan})
		if !errors.Is(err, eventlog.ErrDiverged) { // something happened just now: it is the end
			return id, err
		}
	}
}

// Recovered reports whether all that happened since the Position of Follow will come, as
// far as is known when Follow returns. If not, the first event is Restarted.
func (f *Feed) Recovered() bool { return f.recovered }

// Position is where the feed stands: to resume from, also before any event has come.
func (f *Feed) Position() Position { return f.at }

// Next waits for events and gives all there are. ErrTooSlow of the event log means that
// the reader stayed behind, ErrClosed that the feed or the log is closed; ctx's cause
// comes back when that ends first. A reader that is still there can resume.
func (f *Feed) Next(ctx context.Context) ([]Event, error) {
	for {
		var events []Event
		var err error
		if f.sub == nil {
			events, err = f.restart(ctx)
		} else { // called from here, the fewer frames to wait in
			entries, told := f.sub.Next(ctx)
			events, err = f.heed(entries, told)
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil || len(events) > 0:
			return events, err
		}
	}
}

// heed makes events of what the log gave; no events and no error mean that it is to be
// asked again.
func (f *Feed) heed(entries []eventlog.Entry, err error) ([]Event, error) {
	switch {
	case errors.Is(err, eventlog.ErrUnavailable): // the subscription goes on by itself
		return nil, nil
	case errors.Is(err, eventlog.ErrRestarted):
		f.sub.Close()
		f.sub, f.at = nil, nowhere
		return nil, nil
	case err != nil:
		return nil, err
	}
	return f.decode(entries), nil
}

// restart finds the end of the log, waiting for Redis if it must, and goes on from there.
func (f *Feed) restart(ctx context.Context) ([]Event, error) {
	end, err := f.end(ctx)
	if err == nil {
		f.at = Position{end}
		f.sub = f.service.Log.Follow(f.ctx, streamOf(f.user), end)
		return []Event{{Type: Restarted, At: f.at}}, nil
	}
	again := time.NewTimer(lookAgain + rand.N(lookAgain/2))
	defer again.Stop()
	select {
	case <-again.C:
		return nil, nil
	case <-f.ctx.Done():
		return nil, eventlog.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// decode leaves out what this release does not know: readers ignore unknown events.
func (f *Feed) decode(entries []eventlog.Entry) (out []Event) {
	for _, one := range entries {
		f.at = Position{one.ID}
		var e entry
		if err := json.Unmarshal(one.Data, &e); err != nil {
			f.service.Logger.Warn("unreadable event", "user", f.user, "error", err)
			continue
		}
		if e.Type == entryBegan {
			continue
		}
		out = append(out, Event{Type: e.Type, ID: e.ID, RestoredVersion: e.RestoredVersion, At: f.at, entry: &one})
	}
	return out
}

// Close ends the feed; Next gives ErrClosed from then on. Idempotent.
func (f *Feed) Close() { f.stop() }
