package sse

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

// Streams are those of a node that have left net/http: an idle one would keep there its
// request, its headers, 10 KiB of buffers and two goroutines whose stacks have grown, all
// for nothing. The zero value is ready. It is safe for concurrent use.
//
// The price is the connection, which ends with its stream. So it is for streams that last
// until the reader leaves; one that ends soon is better served by Serve.
type Streams struct {
	mu      sync.Mutex
	open    map[*Taken]struct{}
	stopped bool
	cut     bool // connections are closed as soon as they are taken
	work    sync.WaitGroup
}

// Taken is one stream on a connection of its own. Go must be called, once.
type Taken struct {
	streams *Streams
	conn    *chunked
	stream  stream
	ignored [16]byte // what the client still says

	watching sync.WaitGroup
}

// Take answers 200 as Serve does, with the headers of w and the first bytes, and takes the
// connection out of net/http: the handler is to return then, and what it has begun goes on
// by Go. The response must be one of HTTP/1.1 that has a body.
//
// It gives http.ErrNotSupported, and has written nothing, where a connection cannot be
// taken, as from HTTP/2, and when the node stops: Serve does then. Any other error is for
// the log, as Serve's.
func (s *Streams) Take(w http.ResponseWriter, opts Options) (*Taken, error) {
	if _, can := innermost(w).(http.Hijacker); !can {
		return nil, fmt.Errorf("sse: the connection cannot be taken: %w", http.ErrNotSupported)
	}
	t := &Taken{streams: s}
	if !s.add() {
		return nil, fmt.Errorf("sse: no stream is taken any more: %w", http.ErrNotSupported)
	}
	if err := t.take(w, opts); err != nil {
		s.forget(t)
		return nil, err
	}
	return t, nil
}

// take lets net/http write the head, which it does when it is flushed and before it gives
// a connection away, and then has no more to do with it.
func (t *Taken) take(w http.ResponseWriter, opts Options) error {
	opts.applyDefaults()
	response := http.NewResponseController(w)
	head := &stream{w: w, control: response, opts: opts}
	w.Header().Set("Connection", "close")
	if err := head.open(w); err != nil {
		return err
	}
	conn, _, err := response.Hijack() // of what the client has sent on nothing is read
	if err != nil {
		return fmt.Errorf("sse: take the connection: %w", err)
	}
	t.conn = &chunked{Conn: conn}
	t.stream = stream{w: t.conn, control: t.conn, opts: opts, written: head.written}
	t.streams.mu.Lock()
	defer t.streams.mu.Unlock()
	if t.streams.cut {
		_ = conn.Close()
	}
	if t.streams.open == nil {
		t.streams.open = map[*Taken]struct{}{}
	}
	t.streams.open[t] = struct{}{}
	return nil
}

// Go runs fn, which is to Serve, in a goroutine that Stop waits for, and closes the
// connection after it.
func (t *Taken) Go(fn func()) {
	go func() {
		defer t.end()
		fn()
	}()
}

// Serve writes what next gives until it ends or the client is gone, as Serve does for a
// response, then ends the response: with a last chunk if next ended well, else cut short,
// so that a client can tell. Its errors are those of Serve, and context.Canceled where the
// client is gone or does not read.
func (t *Taken) Serve(ctx context.Context, next Next) error {
	ctx, cancel := context.WithCancelCause(ctx)
	t.watching.Add(1)
	go t.watch(cancel)
	err := t.stream.run(ctx, cancel, next)
	t.stream.stop()
	if err == nil {
		err = t.conn.end(t.stream.opts.WriteTimeout)
	}
	_ = t.conn.Close()
	return err
}

// end closes the connection, which ends the watching too.
func (t *Taken) end() {
	t.stream.stop() // after a panic too
	_ = t.conn.Close()
	t.watching.Wait()
	t.streams.forget(t)
}

// watch waits until the client is gone. What it still sends is no request that could be
// answered.
func (t *Taken) watch(cancel context.CancelCauseFunc) {
	defer t.watching.Done()
	defer cancel(nil) // its cause is context.Canceled
	for {
		if _, err := t.conn.Read(t.ignored[:]); err != nil {
			return
		}
	}
}

// Written is how many bytes of the stream were written since it was taken.
func (t *Taken) Written() int64 { return t.conn.written }

// Stop takes no further stream and waits for those there are, which something else has
// told to end; when ctx ends it cuts their connections, and says by ctx's cause that it had
// to. Idempotent.
func (s *Streams) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.work.Wait()
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.cut = true
	for t := range s.open {
		_ = t.conn.Close()
	}
	s.mu.Unlock()
	<-over
	return fmt.Errorf("sse: streams were cut: %w", context.Cause(ctx))
}

func (s *Streams) add() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.work.Add(1)
	return true
}

func (s *Streams) forget(t *Taken) {
	s.mu.Lock()
	delete(s.open, t)
	s.mu.Unlock()
	s.work.Done()
}
