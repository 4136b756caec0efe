// Package sse writes and reads Server-Sent Events, as the WHATWG HTML standard
// defines them in section 9.2.
//
// Serve promises that what a batch holds leaves in one flush, that silence is
// broken by a comment every 15 seconds, that every write has a deadline, so
// that a client which does not read costs one buffer for ten seconds and no
// more, and that nothing is written once it has returned. Streams does the same for
// streams that last, which leave net/http so as to weigh little. Reader promises to
// read any stream the standard allows within bounds on lines and events.
//
// The package knows no event by meaning but stream.closing, keeps nothing for
// resumption (the caller resumes, by ids it chose), and holds an event's data
// to one line: ours is one JSON object.
package sse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// MediaType is that of a stream.
const MediaType = "text/event-stream"

// Defaults of Options.
const (
	DefaultHeartbeat    = 15 * time.Second
	DefaultWriteTimeout = 10 * time.Second
)

// Next gives the events of one stream. It waits for some and returns all that
// are there; the batch is flushed once. It returns io.EOF, perhaps with the last
// events, when the stream has ended well, and any other error to end it. It
// must return soon after ctx has ended, and may still return last events then.
type Next func(ctx context.Context) ([]Event, error)

// Options of a stream; the zero value is what production uses.
type Options struct {
	Heartbeat    time.Duration // silence after which a comment is sent; 0: DefaultHeartbeat
	WriteTimeout time.Duration // for each batch and heartbeat; 0: DefaultWriteTimeout
	HeadersOnly  bool          // answer a HEAD: status and headers, next is not called
}

func (o *Options) applyDefaults() {
	if o.Heartbeat == 0 {
		o.Heartbeat = DefaultHeartbeat
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = DefaultWriteTimeout
	}
}

// Serve answers 200 and writes what next gives until it ends, the client is
// gone, or a write takes too long. Headers of its own, such as Location, the
// caller sets before. The first bytes leave at once, before the first event.
//
// It returns nil when next ended well, next's error, ctx's cause, a write's
// error (os.ErrDeadlineExceeded for a client that did not read), or
// ErrInvalidEvent. It is for the log: the response has been sent and cannot be
// changed. Only with http.ErrNotSupported for a w that takes no deadline is
// nothing written yet.
func Serve(ctx context.Context, w http.ResponseWriter, next Next, opts Options) error {
	opts.applyDefaults()
	s := &stream{w: w, control: http.NewResponseController(w), opts: opts, clearsDeadline: isHTTP2(w)}
	if err := s.open(w); err != nil || opts.HeadersOnly {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer s.stop()
	return s.run(ctx, cancel, next)
}

// run writes what next gives, as Serve says; stop must be called after it. It is where a stream waits for most of its
// time, so what is deep is done in functions that have returned by then: a stack that a
// wait fills by less than a quarter is halved by the garbage collector.
func (s *stream) run(ctx context.Context, cancel context.CancelCauseFunc, next Next) error {
	s.startHeartbeat(cancel)
	for {
		events, err := next(ctx)
		if over, err := s.take(ctx, events, err); over {
			return err
		}
	}
}

// take sends what next gave, and tells whether the stream is over.
func (s *stream) take(ctx context.Context, events []Event, err error) (over bool, _ error) {
	if len(events) > 0 {
		if err := s.send(events); err != nil {
			return true, err
		}
	}
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, io.EOF):
		return true, nil
	case ctx.Err() != nil:
		return true, context.Cause(ctx) // the client left, or a heartbeat did not go out
	default:
		return true, fmt.Errorf("sse: next event: %w", err)
	}
}

// stream is one response under way. The one that serves and the heartbeat's timer write
// to it in turn: a timer instead of a goroutine keeps an idle stream small.
type stream struct {
	w              io.Writer
	control        control
	opts           Options
	clearsDeadline bool
	cancel         context.CancelCauseFunc

	mu       sync.Mutex
	timer    *time.Timer
	written  time.Time // when the last write began
	deadline time.Time
	ended    bool
}

// control is what a stream asks of an http.ResponseController.
type control interface {
	SetWriteDeadline(at time.Time) error
	Flush() error
}

// open writes the head of the answer, and the first bytes after it.
func (s *stream) open(w http.ResponseWriter) error {
	if !s.opts.HeadersOnly {
		if err := s.extendDeadline(time.Now()); err != nil {
			return fmt.Errorf("sse: the response takes no write deadline: %w", err)
		}
	}
	header := w.Header()
	header.Set("Content-Type", MediaType)
	// no-transform keeps proxies from compressing, which buffers; the last one
	// is how nginx is told not to buffer.
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if s.opts.HeadersOnly {
		return nil
	}
	return s.write(Event{frame: fmt.Appendf(nil, "retry: %d\n\n", RetryMillis())})
}

// send writes one batch. An invalid event keeps the whole batch back: the
// client resumes before it.
func (s *stream) send(events []Event) error {
	for _, e := range events {
		if err := e.check(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(events...)
}

// write leaves joining small frames to the server's own buffers.
func (s *stream) write(events ...Event) error {
	s.written = time.Now()
	if err := s.extendDeadline(s.written); err != nil {
		return fmt.Errorf("sse: set write deadline: %w", err)
	}
	for _, e := range events {
		if _, err := s.w.Write(e.encode()); err != nil {
			return fmt.Errorf("sse: write: %w", err)
		}
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("sse: flush: %w", err)
	}
	if s.clearsDeadline {
		s.deadline = time.Time{}
		return s.control.SetWriteDeadline(time.Time{})
	}
	return nil
}

// extendDeadline gives the coming write at least three quarters of its time.
// Setting a deadline costs a system timer: not each of many small writes pays.
// It stays after the last write, for what the server itself adds at the end.
func (s *stream) extendDeadline(now time.Time) error {
	if s.deadline.Sub(now) > s.opts.WriteTimeout*3/4 {
		return nil
	}
	s.deadline = now.Add(s.opts.WriteTimeout)
	return s.control.SetWriteDeadline(s.deadline)
}

func (s *stream) startHeartbeat(cancel context.CancelCauseFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = cancel
	s.timer = time.AfterFunc(s.opts.Heartbeat, s.beat)
}

// beat breaks the silence, or sets the timer to when there will have been
// silence for long enough.
func (s *stream) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	wait := s.opts.Heartbeat - time.Since(s.written)
	if wait <= 0 {
		if err := s.write(Event{frame: []byte(":\n\n")}); err != nil {
			s.cancel(err)
			return
		}
		wait = s.opts.Heartbeat
	}
	s.timer.Reset(wait)
}

// stop waits for a heartbeat under way: after it nothing writes any more. Idempotent.
func (s *stream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// isHTTP2 reports whether w ends in a stream of HTTP/2, where a write deadline
// that passes resets the stream even when nothing is being written. Of the
// standard library's writers only that one can push.
func isHTTP2(w http.ResponseWriter) bool {
	_, pushes := innermost(w).(http.Pusher)
	return pushes
}

// innermost is the server's own writer, behind those of middleware.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapped.Unwrap()
	}
}
