// Package sse writes and reads Server-Sent Events (WHATWG HTML, section 9.2).
//
// It promises that an event goes out whole and at once, that every write has a
// deadline, so that a reader who never reads is cut off, and that silence is
// broken by a comment, so that proxies and readers see a living stream. It knows
// nothing of what events mean, or of where they come from.
package sse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// MediaType is that of a stream.
const MediaType = "text/event-stream"

// Defaults of Options.
const (
	DefaultHeartbeat    = 15 * time.Second
	DefaultWriteTimeout = 10 * time.Second
)

// Readers come back after 2 to 4 seconds, so that a restart is no stampede.
const (
	retryLeast  = 2000
	retrySpread = 2001
)

// errQuiet ends one wait for events so that a heartbeat can be sent.
var errQuiet = errors.New("sse: nothing to send for a while")

// Event is one event. Name and ID may be empty and hold no line break; Data is
// one line, such as JSON without line breaks.
type Event struct {
	Name string
	ID   string
	Data []byte
}

// Options changes how a stream is served; the zero value is right for most.
type Options struct {
	Heartbeat    time.Duration // silence after which a comment is sent; 0: DefaultHeartbeat
	WriteTimeout time.Duration // for each write; 0: DefaultWriteTimeout
	HeadersOnly  bool          // end after the headers, for HEAD
}

// Next gives the events to send, waiting for some. With io.EOF, beside the last
// events or alone, the stream ends well. When ctx ends it must return ctx's
// cause.
type Next func(ctx context.Context) ([]Event, error)

// Serve answers with the events of next until it ends, the reader leaves or ctx
// ends. Headers that are set before stay. The error says why the stream ended
// early: the answer has begun by then, so it is for the log.
func Serve(ctx context.Context, w http.ResponseWriter, next Next, o Options) error {
	if o.Heartbeat == 0 {
		o.Heartbeat = DefaultHeartbeat
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = DefaultWriteTimeout
	}
	h := w.Header()
	h.Set("Content-Type", MediaType)
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if o.HeadersOnly {
		return nil
	}
	out := &writer{w: w, control: http.NewResponseController(w), timeout: o.WriteTimeout}
	defer func() { _ = out.control.SetWriteDeadline(time.Time{}) }() // the connection may serve others after us
	fmt.Fprintf(&out.buf, "retry: %d\n\n", RetryMillis())
	if err := out.flush(); err != nil {
		return err
	}
	for {
		if over, err := out.step(ctx, next, o.Heartbeat); over {
			return err
		}
	}
}

// RetryMillis is a jittered wait before coming back, in milliseconds.
func RetryMillis() int { return retryLeast + rand.IntN(retrySpread) }

// writer collects events and writes them in one go.
type writer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	buf     bytes.Buffer
}

// step waits for events once and writes what comes.
func (out *writer) step(ctx context.Context, next Next, heartbeat time.Duration) (over bool, _ error) {
	wait, cancel := context.WithTimeoutCause(ctx, heartbeat, errQuiet)
	events, err := next(wait)
	cancel()
	if errors.Is(err, errQuiet) && ctx.Err() == nil {
		out.buf.WriteString(":\n\n")
		err = nil
	}
	for _, e := range events {
		if err := out.add(e); err != nil {
			return true, err
		}
	}
	if flushed := out.flush(); flushed != nil {
		return true, flushed
	}
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return err != nil, err
}

func (out *writer) add(e Event) error {
	if strings.ContainsAny(e.Name, "\r\n") || strings.ContainsAny(e.ID, "\r\n\x00") || bytes.ContainsAny(e.Data, "\r\n") {
		return fmt.Errorf("sse: event %q holds a line break", e.Name)
	}
	if e.Name != "" {
		fmt.Fprintf(&out.buf, "event: %s\n", e.Name)
	}
	if e.ID != "" {
		fmt.Fprintf(&out.buf, "id: %s\n", e.ID)
	}
	out.buf.WriteString("data: ")
	out.buf.Write(e.Data)
	out.buf.WriteString("\n\n")
	return nil
}

// flush writes what was added, before the deadline.
func (out *writer) flush() error {
	if out.buf.Len() == 0 {
		return nil
	}
	if err := out.control.SetWriteDeadline(time.Now().Add(out.timeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("sse: set deadline: %w", err)
	}
	if _, err := out.w.Write(out.buf.Bytes()); err != nil {
		return fmt.Errorf("sse: write: %w", err)
	}
	out.buf.Reset()
	if err := out.control.Flush(); err != nil {
		return fmt.Errorf("sse: write: %w", err)
	}
	return nil
}
