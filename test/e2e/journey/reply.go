package journey

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// Reply is a client's copy of one reply, made from its events alone.
type Reply struct {
	ID     uuid.UUID       // known once the service has answered
	Line   string          // what was said
	Said   *client.Message // as message.created gave it
	Text   string          // by message.started and message.delta alone
	Final  *client.Message // as the last event gave it; nil before
	Deltas int
	Starts int // message.started events; each replaced Text
	// Resumes counts the connections that went on where another had ended.
	Resumes int
	// Closings are the reasons of stream.closing, in order.
	Closings []client.StreamClosingReason
	// Last is the event that came last, of whatever type.
	Last sse.Event

	cursor string        // the id to resume after
	retry  time.Duration // what stream.closing asked to wait; 0 otherwise
}

// Ended reports whether the last event of the reply has come.
func (r *Reply) Ended() bool { return r.Final != nil }

// apply takes one event by the rule for clients.
func (r *Reply) apply(e sse.Event) error {
	if r.Ended() {
		return fmt.Errorf("%s came after the last event", e.Name)
	}
	var event client.MessageEvent
	if err := json.Unmarshal(e.Data, &event); err != nil {
		return fmt.Errorf("event %q: %w", e.Data, err)
	}
	kind, err := event.Discriminator()
	if err != nil {
		return fmt.Errorf("event %q: %w", e.Data, err)
	}
	if kind != e.Name {
		return fmt.Errorf("event %s is of type %q in its data", e.Name, kind)
	}
	if err := r.take(kind, event); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	r.Last = e
	if e.ID != "" && kind != string(client.StreamClosingTypeStreamClosing) {
		r.cursor = e.ID
	}
	return nil
}

// take changes the copy; a type it does not know changes nothing.
func (r *Reply) take(kind string, event client.MessageEvent) error {
	switch kind {
	case string(client.MessageCreatedTypeMessageCreated):
		created, err := event.AsMessageCreated()
		r.Said = &created.Message
		return err
	case string(client.MessageStartedTypeMessageStarted):
		started, err := event.AsMessageStarted()
		r.Text = started.Text
		r.Starts++
		return errors.Join(err, r.mine(started.MessageID))
	case string(client.MessageDeltaTypeMessageDelta):
		delta, err := event.AsMessageDelta()
		r.Text += delta.Text
		r.Deltas++
		return errors.Join(err, r.mine(delta.MessageID))
	case string(client.MessageCompletedTypeMessageCompleted):
		ended, err := event.AsMessageCompleted()
		return errors.Join(err, r.end(ended.Message))
	case string(client.MessageFailedTypeMessageFailed):
		ended, err := event.AsMessageFailed()
		return errors.Join(err, r.end(ended.Message))
	case string(client.MessageCancelledTypeMessageCancelled):
		ended, err := event.AsMessageCancelled()
		return errors.Join(err, r.end(ended.Message))
	case string(client.StreamClosingTypeStreamClosing):
		closing, err := event.AsStreamClosing()
		r.Closings = append(r.Closings, closing.Reason)
		r.retry = time.Duration(closing.RetryMs) * time.Millisecond
		return err
	}
	return nil
}

func (r *Reply) end(m client.Message) error {
	r.Final = &m
	return r.mine(m.ID)
}

func (r *Reply) mine(id uuid.UUID) error {
	if id != r.ID {
		return fmt.Errorf("it is of message %s, the stream is of %s", id, r.ID)
	}
	return nil
}
