package sse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// ErrInvalidEvent is a defect of whoever made the event: its data is not one
// line, or its name or id cannot stand in a field.
var ErrInvalidEvent = errors.New("sse: invalid event")

// Event is one server-sent event.
type Event struct {
	Name string // the event field; empty leaves it out, which browsers call "message"
	ID   string // the resume cursor; empty leaves it out, and the client keeps the last
	Data []byte // one line, in this project one JSON object; none, with an ID alone: the cursor, and no event

	frame []byte
}

// Prepared returns the event with its frame made, so that writing it to many
// streams encodes it once. The fields of a prepared event must not be changed.
func (e Event) Prepared() (Event, error) {
	if err := e.check(); err != nil {
		return Event{}, err
	}
	e.frame = e.encode()
	return e, nil
}

// encode returns the frame of a checked event.
func (e Event) encode() []byte {
	if e.frame != nil {
		return e.frame
	}
	frame := make([]byte, 0, len("event: \nid: \ndata: \n\n")+len(e.Name)+len(e.ID)+len(e.Data))
	if e.Name != "" {
		frame = append(append(append(frame, "event: "...), e.Name...), '\n')
	}
	if e.ID != "" {
		frame = append(append(append(frame, "id: "...), e.ID...), '\n')
	}
	if len(e.Data) == 0 {
		return append(frame, '\n')
	}
	return append(append(append(frame, "data: "...), e.Data...), "\n\n"...)
}

func (e Event) check() error {
	switch {
	case e.frame != nil:
		return nil
	case len(e.Data) == 0 && (e.Name != "" || e.ID == ""):
		return fmt.Errorf("%w: %q has no data", ErrInvalidEvent, e.Name)
	case bytes.IndexByte(e.Data, '\n') >= 0 || bytes.IndexByte(e.Data, '\r') >= 0:
		return fmt.Errorf("%w: the data of %q is more than a line", ErrInvalidEvent, e.Name)
	case strings.ContainsAny(e.Name, "\r\n"):
		return fmt.Errorf("%w: the name %q is more than a line", ErrInvalidEvent, e.Name)
	case strings.ContainsAny(e.ID, "\r\n\x00"): // clients ignore an id with NUL
		return fmt.Errorf("%w: the id of %q cannot be a field", ErrInvalidEvent, e.Name)
	}
	return nil
}

// Reason says why a stream ends before what it tells has ended.
type Reason string

// Reasons of stream.closing.
const (
	TokenExpiring Reason = "token_expiring" // come back with a new token
	Draining      Reason = "draining"       // the node stops; another one takes over
	TooSlow       Reason = "too_slow"       // the client reads more slowly than the stream runs
)

// Closing is the last event of a stream that the server ends: stream.closing
// with the reason and how long to wait before resuming, such as RetryMillis. It
// has no id, so that the client resumes after the last event before it.
func Closing(reason Reason, retryMillis int) Event {
	const name = "stream.closing"
	data, err := json.Marshal(struct {
		Type    string `json:"type"`
		Reason  Reason `json:"reason"`
		RetryMs int    `json:"retry_ms"`
	}{name, reason, retryMillis})
	if err != nil {
		panic(err) // strings and a number
	}
	return Event{Name: name, Data: data}
}

// RetryMillis is a wait before coming back, in milliseconds: 2 to 4 seconds by
// chance, so that streams which end together do not come back together.
func RetryMillis() int { return 2000 + rand.IntN(2001) }
