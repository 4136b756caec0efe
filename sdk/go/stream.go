package fluentpro

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// Bounds of reading a stream.
const (
	mostTries    = 10                     // connections in a row that bring no event
	firstPause   = 100 * time.Millisecond // before the next connection; doubles, with jitter
	longPause    = 5 * time.Second        // up to this
	mostPatience = time.Minute            // that the service can ask for between connections
	quietLimit   = 45 * time.Second       // the service breaks silence every 15 s
)

// ErrSessionRevoked ends a stream whose session has ended: sign in again.
var ErrSessionRevoked = errors.New("fluentpro: the session has ended")

var (
	errQuiet   = errors.New("the stream was silent for too long")
	errClosing = errors.New("the service closed the stream")
)

// An Event is one of a stream, as the contract has it.
type Event struct {
	// Type is such as "message.delta". Types that this SDK does not know are left out.
	Type string
	// Cursor is where to go on after it.
	Cursor string
	// Value is the event itself, a struct of package client: of a reply MessageCreated,
	// MessageStarted, MessageDelta, MessageCompleted, MessageFailed or MessageCancelled; of
	// a task TaskProgressed, TaskCompleted, TaskFailed or TaskCancelled; UserEvent names
	// those of a user.
	Value any
}

// A stream is one that is being read, through one connection after the other.
type stream struct {
	signer *signer
	quiet  time.Duration
	// open connects, after a cursor unless that is empty.
	open   func(ctx context.Context, cursor string) (*http.Response, error)
	parse  func(data []byte) (value any, last bool, err error)
	cursor string
	wait   time.Duration // that the service asked for
	lived  bool          // the connection was open for as long as it could be
}

// events reads to the last event. An error ends it. Whoever stops early closes the
// connection, and nothing else: what is told goes on.
func (s *stream) events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for tries, pause := 0, firstPause; ; pause = min(2*pause, longPause) {
			before := s.cursor
			ended, err := s.connect(ctx, yield)
			if ended {
				return
			}
			if s.cursor != before || s.lived {
				tries, pause, s.lived = 0, firstPause, false
			}
			if tries++; tries == mostTries || ctx.Err() != nil || !mendable(err) {
				yield(Event{}, err)
				return
			}
			if err := sleep(ctx, max(min(s.wait, mostPatience), pause/2+rand.N(pause/2))); err != nil {
				yield(Event{}, err)
				return
			}
			s.wait = 0
		}
	}
}

// connect reads through one connection. It has ended if nothing follows: the last event
// came, or the reader has gone.
func (s *stream) connect(ctx context.Context, yield func(Event, error) bool) (ended bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(s.quiet, func() { cancel(errQuiet) })
	defer quiet.Stop()
	answer, err := s.open(ctx, s.cursor)
	if p, refused := errors.AsType[*Problem](err); refused {
		s.wait = p.RetryAfter
	}
	if err != nil {
		return false, cause(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	if answer.StatusCode == http.StatusNoContent {
		return true, nil // the last event is the one that the cursor names
	}
	in := sse.NewReader(alarmed{answer.Body, func() { quiet.Reset(s.quiet) }})
	for {
		e, err := in.Next()
		if err != nil {
			if id := in.LastID(); id != "" {
				s.cursor = id // perhaps one that came without an event
			}
			s.wait = in.Retry()
			return false, cause(ctx, err)
		}
		ended, err := s.take(ctx, e, in.OwnID(), yield)
		if ended || err != nil {
			return ended, err
		}
	}
}

// take hands an event on, or does what it asks for. resumable: it has a cursor of its own.
func (s *stream) take(ctx context.Context, e sse.Event, resumable bool, yield func(Event, error) bool) (ended bool, err error) {
	value, last, err := s.parse(e.Data)
	if err != nil {
		return false, &unreadable{fmt.Errorf("fluentpro: event %s: %w", e.Name, err)}
	}
	switch v := value.(type) {
	case client.StreamClosing:
		s.wait = time.Duration(v.RetryMs) * time.Millisecond
		if v.Reason == client.TokenExpiring {
			s.lived = true
			if err := s.signer.renew(ctx, s.signer.current()); err != nil {
				return false, &unreadable{fmt.Errorf("fluentpro: the access token cannot be refreshed: %w", err)}
			}
		}
		return false, errClosing
	case client.SessionRevoked:
		if !resumable { // then the session is this one
			return false, ErrSessionRevoked
		}
	}
	s.cursor = e.ID
	if value == nil {
		return false, nil
	}
	return !yield(Event{Type: e.Name, Cursor: e.ID, Value: value}, nil) || last, nil
}

// unreadable is an error that another connection would not mend.
type unreadable struct{ error }

// Unwrap gives the cause.
func (u *unreadable) Unwrap() error { return u.error }

// mendable reports whether another connection may bring more: one that was lost, or
// refused for now.
func mendable(err error) bool {
	if _, broken := errors.AsType[*unreadable](err); broken || errors.Is(err, ErrSessionRevoked) || errors.Is(err, sse.ErrTooLarge) {
		return false
	}
	p, refused := errors.AsType[*Problem](err)
	return !refused || p.Status >= http.StatusInternalServerError || p.Status == http.StatusTooManyRequests || p.Code == client.IdempotencyInProgress
}

// cause names the end of ctx where that is why err came.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("fluentpro: the stream ended early: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// alarmed puts an alarm off with each read.
type alarmed struct {
	io.Reader
	putOff func()
}

// Read reads, and puts the alarm off.
func (a alarmed) Read(b []byte) (int, error) {
	n, err := a.Reader.Read(b)
	a.putOff()
	return n, err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
