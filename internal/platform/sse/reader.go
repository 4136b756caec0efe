package sse

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// MaxEvent bounds a line, and the data of an event, in bytes for NewReader.
const MaxEvent = 1 << 20

// ErrTooLarge is given when a line or an event is over the reader's bound. The stream cannot
// be read any further.
var ErrTooLarge = errors.New("sse: an event is too large")

// Reader decodes an event stream as section 9.2.6 of the HTML standard has it:
// lines end in CR, LF or both, a leading BOM is skipped, comments and unknown
// fields are ignored, data lines are joined by newlines, an id stays until
// another comes. Bytes that are not UTF-8 are passed on as they are. It is for
// one goroutine.
type Reader struct {
	in     *bufio.Reader
	max    int
	line   []byte
	begun  bool // past the first line, where a BOM may stand
	skipLF bool // the last line ended in CR: an LF now belongs to it

	name   string
	data   []byte
	id     string // as last seen; it counts from the next dispatch on
	lastID string
	named  bool // this block has an id
	owned  bool // the last event had
	retry  time.Duration
}

// NewReader reads events of up to MaxEvent bytes from r. It reads ahead.
func NewReader(r io.Reader) *Reader { return NewReaderSize(r, MaxEvent) }

// NewReaderSize bounds lines and the data of an event to maxEvent bytes.
func NewReaderSize(r io.Reader, maxEvent int) *Reader {
	return &Reader{in: bufio.NewReader(r), max: maxEvent}
}

// Next returns the next event that has data; its Name is "message" where the
// stream gives none, its ID the last one seen. At the end of the stream it
// returns io.EOF, and an event without its closing blank line is dropped. It
// returns ErrTooLarge and the errors of the underlying reader as they are.
func (r *Reader) Next() (Event, error) {
	for {
		line, err := r.readLine()
		if err != nil {
			return Event{}, err
		}
		if len(line) > 0 {
			if err := r.field(line); err != nil {
				return Event{}, err
			}
			continue
		}
		if event, dispatched := r.dispatch(); dispatched {
			return event, nil
		}
	}
}

// LastID is what Last-Event-ID says on reconnecting: the id of the last event,
// or of a later block that had an id and no data.
func (r *Reader) LastID() string { return r.lastID }

// OwnID reports whether the last event came with an id, and not after one.
func (r *Reader) OwnID() bool { return r.owned }

// Retry is the reconnection time that the stream last gave, 0 if none.
func (r *Reader) Retry() time.Duration { return r.retry }

func (r *Reader) dispatch() (Event, bool) {
	r.lastID = r.id
	event := Event{Name: r.name, ID: r.id, Data: r.data}
	named := r.named
	r.name, r.data, r.named = "", nil, false
	if event.Data == nil {
		return Event{}, false
	}
	r.owned = named
	event.Data = event.Data[:len(event.Data)-1] // the newline after the last line
	if event.Name == "" {
		event.Name = "message"
	}
	return event, true
}

func (r *Reader) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) { // a comment has the empty name
	case "event":
		r.name = string(value)
	case "data":
		if len(r.data)+len(value)+1 > r.max {
			return fmt.Errorf("%w: over %d bytes of data", ErrTooLarge, r.max)
		}
		r.data = append(append(r.data, value...), '\n')
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			r.id, r.named = string(value), true
		}
	case "retry":
		r.setRetry(string(value))
	}
	return nil
}

// setRetry takes digits only; what a Duration cannot hold is ignored too.
func (r *Reader) setRetry(value string) {
	if strings.Trim(value, "0123456789") != "" {
		return
	}
	ms, err := strconv.ParseInt(value, 10, 64)
	if err == nil && ms <= int64((1<<63-1)/time.Millisecond) {
		r.retry = time.Duration(ms) * time.Millisecond
	}
}

// readLine returns the next line without its end. It never waits for the byte
// after a CR: an event is there as soon as its blank line is.
func (r *Reader) readLine() ([]byte, error) {
	r.line = r.line[:0]
	for {
		if _, err := r.in.Peek(1); err != nil {
			return nil, err // of an unfinished line nothing counts
		}
		chunk, _ := r.in.Peek(r.in.Buffered())
		if r.skipLF {
			r.skipLF = false
			if chunk[0] == '\n' {
				_, _ = r.in.Discard(1)
				continue
			}
		}
		n, ended := lineEnd(chunk)
		if len(r.line)+n > r.max {
			return nil, fmt.Errorf("%w: a line over %d bytes", ErrTooLarge, r.max)
		}
		r.line = append(r.line, chunk[:n]...)
		if !ended {
			_, _ = r.in.Discard(n)
			continue
		}
		r.skipLF = chunk[n] == '\r'
		_, _ = r.in.Discard(n + 1)
		return r.withoutBOM(), nil
	}
}

func (r *Reader) withoutBOM() []byte {
	if r.begun {
		return r.line
	}
	r.begun = true
	return bytes.TrimPrefix(r.line, []byte("\xEF\xBB\xBF"))
}

// lineEnd returns how many bytes of chunk belong to the line, and whether the
// byte after them ends it.
func lineEnd(chunk []byte) (n int, ended bool) {
	n = bytes.IndexByte(chunk, '\n')
	if n < 0 {
		n = len(chunk)
	}
	if cr := bytes.IndexByte(chunk[:n], '\r'); cr >= 0 {
		n = cr
	}
	return n, n < len(chunk)
}
