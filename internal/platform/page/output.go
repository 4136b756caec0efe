package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// bite is how many bytes are gathered before they are written, and what each
// write deadline is for.
const bite = 64 << 10

// output is the response under way. It holds whole lines only.
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
	o.buffer = make([]byte, 0, bite+bite/8) // most lines fit behind a nearly full bite
	return nil
}

// line takes the buffer that one more line was appended to, and writes it when
// it is full.
func (o *output) line(ctx context.Context, longer []byte) error {
	longer = append(longer, '\n')
	o.buffer = longer
	if len(o.buffer) < bite {
		return nil
	}
	return o.write(ctx)
}

// flush sends what there is before a page is read. The deadline is lifted: on
// HTTP/2 one that passes while nothing is written would reset the stream.
func (o *output) flush(ctx context.Context) error {
	if err := o.write(ctx); err != nil {
		return err
	}
	if err := o.control.Flush(); err != nil {
		return o.fail(err)
	}
	return o.control.SetWriteDeadline(time.Time{})
}

// write sends whole lines, unless nobody waits for them any more.
func (o *output) write(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("export: %w", context.Cause(ctx))
	}
	return o.put()
}

func (o *output) put() error {
	if err := o.control.SetWriteDeadline(time.Now().Add(o.timeout)); err != nil {
		return o.fail(err)
	}
	if _, err := o.w.Write(o.buffer); err != nil {
		return o.fail(err)
	}
	o.buffer = o.buffer[:0]
	return nil
}

func (o *output) fail(err error) error {
	o.broken = true
	return fmt.Errorf("export: write: %w", err)
}

// end writes the line that only a whole export has. The deadline stays, for
// what the server itself adds.
func (o *output) end(count int) error {
	o.buffer = append(o.buffer, `{"type":"end","count":`...)
	o.buffer = strconv.AppendInt(o.buffer, int64(count), 10)
	o.buffer = append(o.buffer, "}\n"...)
	return o.put()
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
	o.buffer = append(append(o.buffer, text...), '\n')
	return o.put()
}
