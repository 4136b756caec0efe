package fluentpro

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"path"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/client"
)

// Say says something in a conversation and gives its events, then those of the reply as
// it is written. A request whose answer never came is sent again with the same
// Idempotency-Key, so that it is said once.
func (c *Client) Say(ctx context.Context, conversation uuid.UUID, content string) iter.Seq2[Event, error] {
	return c.SayMessage(ctx, conversation, client.CreateMessageRequest{Content: content}, uuid.NewString())
}

// SayMessage is Say with all that createMessage takes, and a key of the caller's own: the
// same key says the same message, also after a restart.
func (c *Client) SayMessage(ctx context.Context, conversation uuid.UUID, m client.CreateMessageRequest, key string) iter.Seq2[Event, error] {
	m.Stream = new(true)
	var reply uuid.UUID
	return c.stream("", messageEvent, func(ctx context.Context, cursor string) (*http.Response, error) {
		if reply != uuid.Nil {
			return c.openReply(ctx, conversation, reply, cursor)
		}
		answer, err := c.raw.CreateMessage(ctx, conversation, &client.CreateMessageParams{IdempotencyKey: &key}, m)
		if err != nil {
			return nil, err
		}
		if reply, err = uuid.Parse(path.Base(answer.Header.Get("Location"))); err != nil {
			_ = answer.Body.Close() // nothing more is wanted of it
			return nil, &unreadable{fmt.Errorf("fluentpro: Location %q names no reply: %w", answer.Header.Get("Location"), errUnexpected)}
		}
		return answer, nil
	}).events(ctx)
}

// MessageEvents gives the events of a reply, those after a cursor; "": from the
// beginning, or from where it has come to. Its message.started replaces the text.
func (c *Client) MessageEvents(ctx context.Context, conversation, reply uuid.UUID, after string) iter.Seq2[Event, error] {
	return c.stream(after, messageEvent, func(ctx context.Context, cursor string) (*http.Response, error) {
		return c.openReply(ctx, conversation, reply, cursor)
	}).events(ctx)
}

// ConversationEvents gives all that happens in a conversation after a cursor; "": from now
// on, beginning with the conversation as it is. It goes on from one reply to the next, and
// ends only when the conversation is deleted.
func (c *Client) ConversationEvents(ctx context.Context, conversation uuid.UUID, after string) iter.Seq2[Event, error] {
	return c.stream(after, conversationEvent, func(ctx context.Context, cursor string) (*http.Response, error) {
		return c.raw.StreamConversationEvents(ctx, conversation, &client.StreamConversationEventsParams{LastEventID: given(cursor)})
	}).events(ctx)
}

// TaskEvents gives the events of a task, those after a cursor; "": from its present state
// on. Each carries the whole task.
func (c *Client) TaskEvents(ctx context.Context, task uuid.UUID, after string) iter.Seq2[Event, error] {
	return c.stream(after, taskEvent, func(ctx context.Context, cursor string) (*http.Response, error) {
		return c.raw.StreamTaskEvents(ctx, task, &client.StreamTaskEventsParams{LastEventID: given(cursor)})
	}).events(ctx)
}

// MyEvents gives everything that concerns the user after a cursor; "": from now on. Each
// event carries the whole of what it is about. client.StreamRestarted says that what came
// before is not known any more: read again what is held. Only the end of the session ends it.
func (c *Client) MyEvents(ctx context.Context, after string) iter.Seq2[Event, error] {
	return c.stream(after, userEvent, func(ctx context.Context, cursor string) (*http.Response, error) {
		return c.raw.StreamMyEvents(ctx, &client.StreamMyEventsParams{LastEventID: given(cursor)})
	}).events(ctx)
}

func (c *Client) stream(after string, parse func([]byte) (any, bool, error), open func(context.Context, string) (*http.Response, error)) *stream {
	return &stream{signer: c.signer, quiet: c.quiet, open: open, parse: parse, cursor: after}
}

func (c *Client) openReply(ctx context.Context, conversation, reply uuid.UUID, cursor string) (*http.Response, error) {
	return c.raw.StreamMessageEvents(ctx, conversation, reply, &client.StreamMessageEventsParams{LastEventID: given(cursor)})
}

func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// A union is an event of the generated client, before its type is known.
type union interface {
	ValueByDiscriminator() (any, error)
}

// known reads an event; nil: its type is not known.
func known(data []byte, e union) (any, error) {
	if err := json.Unmarshal(data, e); err != nil {
		return nil, err
	}
	value, err := e.ValueByDiscriminator()
	if value == nil { // nothing knows it, which is no error
		return nil, nil
	}
	return value, err
}

func messageEvent(data []byte) (value any, last bool, err error) {
	value, err = known(data, new(client.MessageEvent))
	switch value.(type) {
	case client.MessageCompleted, client.MessageFailed, client.MessageCancelled:
		last = true
	}
	return value, last, err
}

func conversationEvent(data []byte) (value any, last bool, err error) {
	value, err = known(data, new(client.ConversationEvent))
	_, last = value.(client.ConversationDeleted)
	return value, last, err
}

func taskEvent(data []byte) (value any, last bool, err error) {
	value, err = known(data, new(client.TaskEvent))
	switch value.(type) {
	case client.TaskCompleted, client.TaskFailed, client.TaskCancelled:
		last = true
	}
	return value, last, err
}

func userEvent(data []byte) (value any, last bool, err error) {
	value, err = known(data, new(client.UserEvent))
	return value, false, err
}

// A Reply is put together from its events.
type Reply struct {
	Text string
	// Message is the whole message, once its last event has come.
	Message *client.Message
}

// Apply takes the next event: message.started replaces the text, message.delta appends
// to it, the last event has all of it.
func (r *Reply) Apply(e Event) {
	switch v := e.Value.(type) {
	case client.MessageStarted:
		r.Text = v.Text
	case client.MessageDelta:
		r.Text += v.Text
	case client.MessageCompleted:
		r.end(v.Message)
	case client.MessageFailed:
		r.end(v.Message)
	case client.MessageCancelled:
		r.end(v.Message)
	}
}

func (r *Reply) end(m client.Message) { r.Text, r.Message = m.Content, &m }
