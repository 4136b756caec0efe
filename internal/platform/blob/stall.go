package blob

import (
	"context"
	"errors"
	"time"
)

// watched ends a stream in which one call takes longer than its limit. Between calls time
// does not count: who reads or writes may be slow.
type watched struct {
	limit time.Duration
	stall func()
	read  func([]byte) (int, error)
	write func([]byte) (int, error)
}

// Read reads what has come.
func (w *watched) Read(p []byte) (int, error) {
	defer time.AfterFunc(w.limit, w.stall).Stop()
	return w.read(p)
}

// Write hands on.
func (w *watched) Write(p []byte) (int, error) {
	defer time.AfterFunc(w.limit, w.stall).Stop()
	return w.write(p)
}

// reader is an object that is being read.
type reader struct {
	watched
	close func() error
}

// Close ends the reading.
func (r *reader) Close() error { return r.close() }

// stalled says that the store was at fault where it was.
func stalled(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return errStalled
	}
	return err
}
