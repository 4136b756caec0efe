package sse

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxEvent bounds one event that a Reader takes, in bytes.
const MaxEvent = 1 << 20

// ErrTooLarge is given for an event over MaxEvent.
var ErrTooLarge = errors.New("sse: the event is too large")

// Reader reads a stream event by event, as the standard parses it.
type Reader struct {
	lines  *bufio.Reader
	lastID string
	begun  bool
}

// NewReader reads from r, which the caller closes.
func NewReader(r io.Reader) *Reader { return &Reader{lines: bufio.NewReader(r)} }

// LastID is the id to resume with: that of the last event which had one.
func (r *Reader) LastID() string { return r.lastID }

// Next gives the next event that has data; an event without a name has the name
// "message". At the end of the stream it gives io.EOF; an event cut short is
// dropped, as the standard says. Fault: ErrTooLarge.
func (r *Reader) Next() (Event, error) {
	var e Event
	data := false
	for {
		line, err := r.line()
		if err != nil {
			return Event{}, err
		}
		if len(line) == 0 {
			if data {
				e.ID = r.lastID
				if e.Name == "" {
					e.Name = "message"
				}
				return e, nil
			}
			e = Event{}
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "event":
			e.Name = string(value)
		case "data":
			if data {
				e.Data = append(e.Data, '\n')
			}
			e.Data, data = append(e.Data, value...), true
			if len(e.Data) > MaxEvent {
				return Event{}, ErrTooLarge
			}
		case "id":
			if !bytes.ContainsRune(value, 0) {
				r.lastID = string(value)
			}
		}
	}
}

// line reads up to a line feed, a carriage return, or both.
func (r *Reader) line() ([]byte, error) {
	var line []byte
	if !r.begun {
		r.begun = true
		if mark, err := r.lines.Peek(3); err == nil && string(mark) == "\uFEFF" {
			_, _ = r.lines.Discard(3)
		}
	}
	for {
		b, err := r.lines.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case err != nil:
			return nil, fmt.Errorf("sse: read: %w", err)
		case b == '\n':
			return line, nil
		case b == '\r':
			if next, err := r.lines.Peek(1); err == nil && next[0] == '\n' {
				_, _ = r.lines.Discard(1)
			}
			return line, nil
		case len(line) >= MaxEvent:
			return nil, ErrTooLarge
		}
		line = append(line, b)
	}
}
