package page

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Source reads one page: up to limit rows that follow after, in the order of
// their keys, or the first ones when after is nil. Fewer than limit are the last;
// an error ends it. A row is done with before the next is asked for, and nothing
// is waited for meanwhile, so that a source may hold a connection until its page
// ends, but no longer.
type Source[Row, Key any] func(ctx context.Context, after *Key, limit int) iter.Seq2[Row, error]

// Stream is one result, to be served once.
type Stream[Row, Key any] struct {
	Read   Source[Row, Key]
	Key    func(Row) Key                             // where the page after this row begins
	Append func(dst []byte, row Row) ([]byte, error) // the row as one JSON object, without a line break
}

// Options of serving a stream.
type Options struct {
	HeadersOnly bool // answer a HEAD: status and headers, nothing is read and no slot taken
}

// Serve answers 200 and writes all rows, then the end line. It returns before
// the first byte, so that the answer can still be a problem, with the fault
// export.busy when the node has no slot, with the source's error when the first
// page cannot be read, and with http.ErrNotSupported for a w that takes no
// deadline.
//
// After it, an error is for the log. When a page cannot be read, though tried
// again where the database was only away, when ctx ends with a fault as its
// cause, or when time is up, the last line is {"type":"problem","problem":{"code",
// "detail"}}. Nothing more is written for a client that has left or did not take
// 64 KiB in time (os.ErrDeadlineExceeded).
func (s Stream[Row, Key]) Serve(ctx context.Context, w http.ResponseWriter, e *Exporter, opts Options) error {
	if opts.HeadersOnly {
		writeHeaders(w)
		return nil
	}
	if !e.acquire() {
		return errBusy
	}
	defer e.release()
	ctx, cancel := context.WithTimeoutCause(ctx, e.cfg.Limit, errOutOfTime)
	defer cancel()
	out := &output{w: w, control: http.NewResponseController(w), timeout: e.cfg.WriteTimeout}
	first, err := s.read(ctx, out, nil, e.cfg.Rows)
	if err != nil {
		return err
	}
	if err := out.open(); err != nil {
		return err
	}
	if err := s.export(ctx, out, e.cfg, first); err != nil {
		return errors.Join(err, out.problem(err, e.cfg.Describe))
	}
	return nil
}

// part is what is left to know of a page once it is encoded.
type part[Key any] struct {
	rows int
	last Key
}

// export writes page after page, beginning with the first, which was read.
func (s Stream[Row, Key]) export(ctx context.Context, out *output, cfg Config, p part[Key]) (err error) {
	for count := p.rows; ; count += p.rows {
		if p.rows < cfg.Rows {
			return out.end(ctx, count)
		}
		if err := out.flush(ctx); err != nil {
			return err
		}
		if p, err = s.page(ctx, out, &p.last, cfg); err != nil {
			return err
		}
	}
}

// page reads a page that is not the first, again if the database was away: the
// client cannot repeat it alone.
func (s Stream[Row, Key]) page(ctx context.Context, out *output, after *Key, cfg Config) (part[Key], error) {
	delay := cfg.RetryDelay
	for retry := 0; ; retry++ {
		p, err := s.read(ctx, out, after, cfg.Rows)
		if err == nil || ctx.Err() != nil || retry == retries || !passing(err) {
			return p, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		delay *= 2
	}
}

// read encodes a page into out as its rows come. One that fails leaves no trace.
func (s Stream[Row, Key]) read(ctx context.Context, out *output, after *Key, limit int) (p part[Key], err error) {
	defer func() {
		if err == nil {
			return
		}
		if out.buffer = out.buffer[:0]; ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		err = fmt.Errorf("export: read: %w", err)
	}()
	for row, err := range s.Read(ctx, after, limit) {
		if err != nil {
			return p, err
		}
		if out.buffer, err = s.Append(out.buffer, row); err != nil {
			return p, err
		}
		out.buffer = append(out.buffer, '\n')
		p = part[Key]{p.rows + 1, s.Key(row)}
	}
	return p, nil
}

// passing tells an error that may be gone when the same is tried again.
func passing(err error) bool {
	f := fault.Find(err)
	return f != nil && f.Kind == fault.Unavailable
}
