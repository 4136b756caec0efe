package v2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// A stream ends between these times before its token does, so that readers do
// not all come back at once.
const (
	expiryLeast  = 5 * time.Second
	expirySpread = 20 * time.Second
)

// Reasons for ending a stream early, as causes of its context.
var (
	errTokenExpiring = errors.New("token_expiring")
	errDraining      = errors.New("draining")
	errSessionEnded  = errors.New("session_revoked")
)

// serveStream answers with the events that next gives, until there are no more or
// the reader is gone. It ends early, and says why, when the node drains, before
// the token of ctx expires, when its session ends, and when the reader stays behind.
func (s *Server) serveStream(ctx context.Context, w http.ResponseWriter, next sse.Next) error {
	streaming, stop := s.untilEnd(ctx)
	defer stop()
	counted := web.Streaming(ctx)
	err := sse.Serve(streaming, w, orClosing(next, web.IdentityFrom(ctx).SessionID, counted), sse.Options{HeadersOnly: web.HeadOnly(ctx)})
	counted.End(err)
	return err
}

// serveLong is serveStream for streams that last until the reader leaves, which are silent
// for most of the time: where it can it takes the connection out of net/http and returns at
// once, so that nothing of the request is kept but who asks. done is called at the end.
func (s *Server) serveLong(ctx context.Context, w http.ResponseWriter, next sse.Next, done func()) error {
	err := error(http.ErrNotSupported)
	var taken *sse.Taken
	if web.MayOutlive(ctx) {
		taken, err = s.Streams.Take(w, sse.Options{})
	}
	switch {
	case errors.Is(err, http.ErrNotSupported):
		defer done()
		return s.serveStream(ctx, w, next)
	case err != nil:
		done()
		return err
	}
	later, end := web.Outlive(ctx)
	streaming, stop := s.untilEnd(later)
	counted := web.Streaming(later)
	told := orClosing(next, web.IdentityFrom(later).SessionID, counted)
	written, leave := taken.Written, func() { stop(); done() }
	taken.Go(func() {
		var err error
		defer end(&err, written)
		defer leave()
		defer func() { counted.End(err) }()
		err = taken.Serve(streaming, told)
	})
	return nil
}

// untilEnd gives a context that ends, with one of the reasons above, when a stream must.
// stop must be called.
func (s *Server) untilEnd(ctx context.Context) (_ context.Context, stop func()) {
	who := web.IdentityFrom(ctx)
	streaming, cancel := context.WithCancelCause(ctx)
	undrain := context.AfterFunc(s.Draining, func() { cancel(errDraining) })
	release := s.Accounts.AfterSession(who.SessionID, func() { cancel(errSessionEnded) })
	left := who.ExpiresAt.Sub(s.Now()) - expiryLeast - rand.N(expirySpread)
	expiry := time.AfterFunc(max(left, time.Second), func() { cancel(errTokenExpiring) })
	return streaming, func() {
		expiry.Stop()
		release()
		undrain()
		cancel(nil)
	}
}

// orClosing turns the errors that a reader is told of into the event that does.
func orClosing(next sse.Next, session uuid.UUID, counted *web.Stream) sse.Next {
	return func(ctx context.Context) ([]sse.Event, error) {
		events, err := next(ctx)
		if err != nil {
			counted.Ends(endOf(err))
			events, err = goodBye(events, err, session)
		}
		counted.Wrote(len(events))
		return events, err
	}
}

// endOf names the end of a stream that its reader is told of; empty: it is not.
func endOf(err error) string {
	switch {
	case errors.Is(err, errDraining):
		return web.EndDraining
	case errors.Is(err, errSessionEnded):
		return web.EndSessionRevoked
	case errors.Is(err, errTokenExpiring):
		return web.EndTokenExpiring
	case errors.Is(err, eventlog.ErrTooSlow):
		return web.EndTooSlow
	case errors.Is(err, io.EOF):
		return web.EndDone
	}
	return ""
}

// goodBye gives the last event of a stream that err ends, if its reader is told why, else
// what it was given.
func goodBye(events []sse.Event, err error, session uuid.UUID) ([]sse.Event, error) {
	switch {
	case errors.Is(err, errDraining):
		return closing(apiv2.Draining)
	case errors.Is(err, errSessionEnded):
		return last(apiv2.SessionRevokedTypeSessionRevoked, apiv2.SessionRevoked{Type: apiv2.SessionRevokedTypeSessionRevoked, SessionID: session})
	case errors.Is(err, errTokenExpiring):
		return closing(apiv2.TokenExpiring)
	case errors.Is(err, eventlog.ErrTooSlow):
		return closing(apiv2.TooSlow)
	}
	return events, err
}

// closing is the last event of a stream that ends early; it has no id, since
// the place to resume from is that of the event before.
func closing(reason apiv2.StreamClosingReason) ([]sse.Event, error) {
	return last(apiv2.StreamClosingTypeStreamClosing,
		apiv2.StreamClosing{Type: apiv2.StreamClosingTypeStreamClosing, Reason: reason, RetryMs: sse.RetryMillis()})
}

// last is an event after which the stream ends.
func last[Type ~string](name Type, event any) ([]sse.Event, error) {
	data, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return []sse.Event{{Name: string(name), Data: data}}, io.EOF
}
