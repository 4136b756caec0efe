package page

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// bite is how many bytes a write deadline is for.
const bite = 64 << 10

// output is the response under way. Its buffer is a page; only whole lines are in
// it and leave it.
type output struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	buffer  []byte
	broken  bool // a write has failed: nothing more can be said
}

func writeHeaders(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", MediaType)
	// no-transform keeps proxies from compressing, which buffers; the last one
	// is how nginx is told not to buffer.
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
}

func (o *output) open() error {
	if err := o.control.SetWriteDeadline(time.Now().Add(o.timeout)); err != nil {
		return fmt.Errorf("export: the response takes no write deadline: %w", err)
	}
	writeHeaders(o.w)
	return nil
}

// flush sends the page. The deadline is lifted: on HTTP/2 one that passes while
// the next page is read would reset the stream.
func (o *output) flush(ctx context.Context) error {
	if err := o.write(ctx); err != nil {
		return err
	}
	if err := o.control.Flush(); err != nil {
		return o.fail(err)
	}
	return o.control.SetWriteDeadline(time.Time{})
}

// write sends the page in bites of whole lines, as long as somebody waits for them.
func (o *output) write(ctx context.Context) error {
	rest := o.buffer
	o.buffer = o.buffer[:0]
	for len(rest) > 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("export: %w", context.Cause(ctx))
		}
		n := len(rest)
		if n > bite {
			n = max(bytes.LastIndexByte(rest[:bite], '\n'), bytes.IndexByte(rest, '\n')) + 1
		}
		if err := o.put(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

func (o *output) put(lines []byte) error {
	if err := o.control.SetWriteDeadline(time.Now().Add(o.timeout)); err != nil {
		return o.fail(err)
	}
	if _, err := o.w.Write(lines); err != nil {
		return o.fail(err)
	}
	return nil
}

func (o *output) fail(err error) error {
	o.broken = true
	return fmt.Errorf("export: write: %w", err)
}

// end adds the line that only a whole export has, and writes the last page. The
// deadline stays, for what the server itself adds.
func (o *output) end(ctx context.Context, count int) error {
	o.buffer = append(o.buffer, `{"type":"end","count":`...)
	o.buffer = strconv.AppendInt(o.buffer, int64(count), 10)
	o.buffer = append(o.buffer, "}\n"...)
	return o.write(ctx)
}

// problem writes the line that an export ends with when cause cut it short, if
// somebody is there to read it.
func (o *output) problem(cause error, describe func(error) (code, detail string)) error {
	if o.broken || errors.Is(cause, context.Canceled) && fault.Find(cause) == nil {
		return nil
	}
	var last struct {
		Type    string `json:"type"`
		Problem struct {
			Code   string `json:"code"`
			Detail string `json:"detail"`
		} `json:"problem"`
	}
	last.Type = "problem"
	last.Problem.Code, last.Problem.Detail = describe(cause)
	text, err := json.Marshal(last)
	if err != nil {
		return fmt.Errorf("export: encode: %w", err)
	}
	return o.put(append(text, '\n'))
}
