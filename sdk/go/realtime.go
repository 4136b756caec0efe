package fluentpro

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/fluentpro/fluentpro/gen/client"
)

// Times and bounds of a Realtime.
const (
	callLimit         = 15 * time.Second // of a command, waiting for a connection included
	openLimit         = 10 * time.Second // of opening a connection
	lasting           = 10 * time.Second // a connection that was open for as long was a good one
	mostSubscriptions = 32
	mostCommand       = 64<<10 - 256 // bytes; a frame has 64 KiB
)

// RealtimeOptions change how a WebSocket is used. The zero value is good.
type RealtimeOptions struct {
	// Timeout bounds a command, waiting for a connection included; 0: 15 s.
	Timeout time.Duration
	// RenewBefore is how long before its end the access token is replaced; 0: a minute, or
	// a third of what it has left.
	RenewBefore time.Duration
	// State is told of each change, in order; it must not block. nil: nobody is.
	State func(RealtimeState)
	// Frame is shown each frame in and out, with the token hidden; it must not block. nil:
	// nobody is.
	Frame func(out bool, text []byte)
}

// RealtimeState is how the connection of a Realtime is.
type RealtimeState struct {
	// Status is "connecting", "open", "waiting" for the next connection, or "closed" for good.
	Status string
	// Code and Reason are why there is no connection: the close code, 1006 where none came.
	Code   int
	Reason string
	// Wait is how long until the next connection.
	Wait time.Duration
}

// RealtimeClosed is the error of a WebSocket that is closed for good: with code 1000 by
// Close, else since the service said so (4500-4999) or the session could not be renewed.
type RealtimeClosed struct {
	Code   int
	Reason string
	// Cause is the problem that came before, if one did.
	Cause error
}

// Error has code and reason.
func (c *RealtimeClosed) Error() string {
	return fmt.Sprintf("fluentpro: the WebSocket is closed: %d %s", c.Code, c.Reason)
}

// Unwrap gives the cause.
func (c *RealtimeClosed) Unwrap() error { return c.Cause }

// ErrOutcomeUnknown means that a connection was lost before the answer to a command that
// cannot be sent twice.
var ErrOutcomeUnknown = errors.New("fluentpro: the answer was lost; the outcome is unknown")

var errSubscribed = errors.New("fluentpro: there is a subscription to this topic already, or there are 32")

// A Realtime is one WebSocket for all that moves, through as many connections as that
// takes: subscriptions go on behind their last event, commands wait for the next
// connection. Its methods may be called by many at once.
type Realtime struct {
	client  *Client
	options RealtimeOptions
	address string
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	work    sync.WaitGroup

	mu      sync.Mutex
	link    *link                    // the connection of now, nil between two
	subs    map[string]*Subscription // by topic
	order   []*Subscription          // the same, in the order of their beginning
	waiting []*command               // that are to be sent
	last    int                      // id of a command
	ended   *RealtimeClosed          // nil: it lives
	opened  chan struct{}            // closed when it has been open, or has ended
	once    sync.Once
}

// Realtime opens a WebSocket as the user of this client. ctx bounds the first connection
// only; Close ends the Realtime. Errors: *Problem, *RealtimeClosed, ctx's cause.
func (c *Client) Realtime(ctx context.Context, o RealtimeOptions) (*Realtime, error) {
	if o.Timeout == 0 {
		o.Timeout = callLimit
	}
	r := &Realtime{
		client: c, options: o, address: strings.Replace(c.raw.Server, "http", "ws", 1) + "realtime",
		subs: map[string]*Subscription{}, opened: make(chan struct{}),
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.work.Go(r.run)
	select {
	case <-r.opened:
	case <-ctx.Done():
		r.Close()
		return nil, context.Cause(ctx)
	}
	if err := r.err(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Ping asks whether the connection is heard.
func (r *Realtime) Ping(ctx context.Context) error {
	return r.call(ctx, "ping", struct{}{}, repeat, nil)
}

// Echo has a value come back into out.
func (r *Realtime) Echo(ctx context.Context, value, out any) error {
	return r.call(ctx, "echo", value, repeat, out)
}

// SendMessage says something, as createMessage; the reply comes on the topic of the
// conversation. It is said once, through however many connections; with an IdempotencyKey
// of one's own also when it is called again.
func (r *Realtime) SendMessage(ctx context.Context, m client.RealtimeSendMessage) (out client.CreateMessageResult, err error) {
	if m.IdempotencyKey == "" {
		m.IdempotencyKey = uuid.NewString()
	}
	err = r.call(ctx, "send_message", m, repeat, &out)
	return out, err
}

// CancelMessage stops a reply.
func (r *Realtime) CancelMessage(ctx context.Context, conversation, reply uuid.UUID) (out client.Message, err error) {
	err = r.call(ctx, "cancel_message", client.RealtimeCancelMessage{ConversationID: conversation, MessageID: reply}, repeat, &out)
	return out, err
}

// Publish says something in a room that is subscribed to, and gives its cursor. Error:
// ErrOutcomeUnknown, and it is not said again.
func (r *Realtime) Publish(ctx context.Context, topic string, data map[string]any) (cursor string, err error) {
	var out client.RealtimePublished
	err = r.call(ctx, "publish", client.RealtimePublish{Topic: topic, Data: data}, once, &out)
	return out.Cursor, err
}

// Presence tells who is in a room that is subscribed to.
func (r *Realtime) Presence(ctx context.Context, topic string) ([]client.RoomMember, error) {
	var out client.RoomMembers
	err := r.call(ctx, "presence", client.RealtimeTopic{Topic: topic}, repeat, &out)
	return out.Members, err
}

// Cut drops the connection as a broken network does, to try what happens. The next one
// comes by itself.
func (r *Realtime) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.link != nil {
		r.link.lose("cut")
	}
}

// Close ends it: Next gives io.EOF, and commands without an answer fail. Idempotent.
func (r *Realtime) Close() {
	r.end(&RealtimeClosed{Code: websocket.CloseNormalClosure, Reason: "closed by this client"})
	r.work.Wait()
}

func (r *Realtime) err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended == nil {
		return nil
	}
	return r.ended
}

// end ends it for good, once.
func (r *Realtime) end(why *RealtimeClosed) {
	r.mu.Lock()
	if r.ended != nil {
		r.mu.Unlock()
		return
	}
	r.ended = why
	commands := r.waiting
	r.waiting = nil
	subs := r.order
	l := r.link
	r.mu.Unlock()
	r.stop()
	if l != nil {
		l.leave()
	}
	for _, c := range commands {
		c.settle(nil, why)
	}
	for _, s := range subs {
		s.finish(why)
	}
	r.tell(RealtimeState{Status: "closed", Code: why.Code, Reason: why.Reason})
	r.once.Do(func() { close(r.opened) })
}

func (r *Realtime) tell(s RealtimeState) {
	if r.options.State != nil {
		r.options.State(s)
	}
}

func (r *Realtime) show(out bool, text []byte) {
	if r.options.Frame != nil {
		r.options.Frame(out, text)
	}
}

// A frame is what the service sends: a reply, which has an id, or a push.
type frame struct {
	ID     string          `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
	Topic  string          `json:"topic"`
	Event  json.RawMessage `json:"event"`
	Cursor string          `json:"cursor"`
}
