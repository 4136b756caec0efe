package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Source reads one page: up to limit rows that follow after, in the order of
// their keys, or the first ones when after is nil. Fewer than limit are the
// last. It must hold nothing once it has returned; its rows are used until it
// is called again.
type Source[Row, Key any] func(ctx context.Context, after *Key, limit int) ([]Row, error)

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
	rows, err := s.read(ctx, nil, e.cfg.Rows)
	if err != nil {
		return err
	}
	out := &output{w: w, control: http.NewResponseController(w), timeout: e.cfg.WriteTimeout}
	if err := out.open(); err != nil {
		return err
	}
	if err := s.export(ctx, out, e.cfg, rows); err != nil {
		return errors.Join(err, out.problem(err, e.cfg.Describe))
	}
	return nil
}

// export writes page after page, beginning with the first.
func (s Stream[Row, Key]) export(ctx context.Context, out *output, cfg Config, rows []Row) (err error) {
	for count := 0; ; {
		for _, row := range rows {
			longer, err := s.Append(out.buffer, row)
			if err != nil {
				return fmt.Errorf("export: encode: %w", err)
			}
			if err := out.line(ctx, longer); err != nil {
				return err
			}
		}
		count += len(rows)
		if len(rows) < cfg.Rows {
			return out.end(count)
		}
		if err := out.flush(ctx); err != nil {
			return err
		}
		after := s.Key(rows[len(rows)-1])
		if rows, err = s.page(ctx, &after, cfg); err != nil {
			return err
		}
	}
}

// page reads a page that is not the first, again if the database was away: the
// client cannot repeat it alone.
func (s Stream[Row, Key]) page(ctx context.Context, after *Key, cfg Config) ([]Row, error) {
	delay := cfg.RetryDelay
	for retry := 0; ; retry++ {
		rows, err := s.read(ctx, after, cfg.Rows)
		if err == nil || ctx.Err() != nil || retry == retries || !passing(err) {
			return rows, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		delay *= 2
	}
}

func (s Stream[Row, Key]) read(ctx context.Context, after *Key, limit int) ([]Row, error) {
	rows, err := s.Read(ctx, after, limit)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("export: read: %w", err)
	}
	return rows, nil
}

// passing tells an error that may be gone when the same is tried again.
func passing(err error) bool {
	f := fault.Find(err)
	return f != nil && f.Kind == fault.Unavailable
}
