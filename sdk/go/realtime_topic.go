package fluentpro

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/fluentpro/fluentpro/gen/client"
)

// mostBehind is how many events may wait for a reader, since a socket cannot be told to
// wait.
const mostBehind = 10_000

var errBehind = fmt.Errorf("fluentpro: the reader of the topic is %d events behind", mostBehind)

// A Subscription gives the events of one topic, through as many connections as that
// takes: each once, in order.
type Subscription struct {
	realtime *Realtime
	topic    string
	ready    chan struct{} // closed at the service's first answer, or at the end
	more     chan struct{} // holds one: something has come

	mu       sync.Mutex
	position string // what has come: where a new connection goes on
	flowing  bool   // the connection of now has said that it flows
	flowed   bool   // some connection has
	waiting  []Event
	ended    error // nil: it lives; io.EOF: nothing more comes
}

// Subscribe subscribes to conversation:{id}, task:{id}, user:me or room:{name}, after a
// cursor unless that is empty: without one, a conversation and a task begin with how they
// are, the others with what happens from now on. Who subscribes to a room is in it. It
// waits for the service's answer. One topic has one subscription at a time, and there are
// 32 at most. Errors: *Problem, *RealtimeClosed, ctx's cause.
func (r *Realtime) Subscribe(ctx context.Context, topic, after string) (*Subscription, error) {
	s := &Subscription{realtime: r, topic: topic, position: after, ready: make(chan struct{}), more: make(chan struct{}, 1)}
	l, err := r.adopt(s)
	if err != nil {
		return nil, err
	}
	if l != nil {
		r.subscribe(l, s)
	}
	select {
	case <-s.ready:
	case <-ctx.Done():
		s.Unsubscribe()
		return nil, context.Cause(ctx)
	}
	if err := s.err(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return s, nil
}

// adopt takes a subscription up, and gives the connection that is to be told; nil: the
// next one is.
func (r *Realtime) adopt(s *Subscription) (*link, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended != nil {
		return nil, r.ended
	}
	if r.subs[s.topic] != nil || len(r.subs) >= mostSubscriptions {
		return nil, errSubscribed
	}
	r.subs[s.topic] = s
	r.order = append(r.order, s)
	return r.openLocked(), nil
}

// openLocked is the connection of now if commands may be sent on it.
func (r *Realtime) openLocked() *link {
	if r.ended == nil && r.link != nil && r.link.open {
		return r.link
	}
	return nil
}

// subscribe asks a connection. If that is lost the next one brings it.
func (r *Realtime) subscribe(l *link, s *Subscription) {
	in := client.RealtimeSubscribe{Topic: s.topic, After: given(s.after())}
	c, err := newCommand("subscribe", in, drop)
	if err != nil {
		s.finish(err)
		return
	}
	c.took = func(result json.RawMessage) {
		var told client.RealtimeSubscribed
		if err := json.Unmarshal(result, &told); err != nil {
			s.finish(fmt.Errorf("fluentpro: subscribe: %w", err))
			return
		}
		s.told(told)
	}
	c.refused, c.link = s.refuse, l
	_ = r.enqueue(c) // if all has ended, so has s
}

// abandon forgets a subscription, and gives the connection that should hear of it; nil:
// none has it.
func (r *Realtime) abandon(s *Subscription) *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.subs[s.topic] != s {
		return nil
	}
	delete(r.subs, s.topic)
	r.order = slices.DeleteFunc(slices.Clone(r.order), func(one *Subscription) bool { return one == s })
	return r.openLocked()
}

func (r *Realtime) unsubscribe(l *link, topic string) {
	if c, err := newCommand("unsubscribe", client.RealtimeTopic{Topic: topic}, drop); err == nil {
		c.link = l
		_ = r.enqueue(c) // what has ended has no subscriptions
	}
}

// Topic is what is subscribed to.
func (s *Subscription) Topic() string { return s.topic }

// Next waits for the next event and gives it; Reply.Apply takes those of a conversation.
// An event stream.restarted, a client.StreamRestarted, says that some were lost. Types
// that this SDK does not know are left out. It is for one goroutine at a time. Errors:
// io.EOF after the last event of the topic, Unsubscribe and Close; *Problem where the
// topic is refused when a connection comes back; *RealtimeClosed; ctx's cause.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		s.mu.Lock()
		if len(s.waiting) > 0 {
			e := s.waiting[0]
			s.waiting = s.waiting[1:]
			s.mu.Unlock()
			return e, nil
		}
		err := s.ended
		s.mu.Unlock()
		if err != nil {
			return Event{}, err
		}
		select {
		case <-s.more:
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}

// Unsubscribe ends it; what has come and was not read is dropped. Idempotent.
func (s *Subscription) Unsubscribe() {
	s.mu.Lock()
	s.waiting = nil
	s.mu.Unlock()
	s.realtime.leave(s, io.EOF)
}

func (s *Subscription) after() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position
}

func (s *Subscription) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// pause is when the connection is lost.
func (s *Subscription) pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flowing = false
}

// told takes what a connection says of it. A gap of a room is told to the reader here; of
// user:me the service tells it, and the others have none.
func (s *Subscription) told(t client.RealtimeSubscribed) {
	s.takeTold(t)
	if t.Ended != nil && *t.Ended { // there is no last event to come
		s.realtime.abandon(s)
		s.finish(io.EOF)
	}
}

func (s *Subscription) takeTold(t client.RealtimeSubscribed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resumed := s.position != "" || s.flowed
	if !t.Recovered || s.position == "" {
		if s.position = ""; t.Cursor != nil {
			s.position = *t.Cursor
		}
	}
	if !s.flowed {
		close(s.ready)
	}
	s.flowing, s.flowed = true, true
	if resumed && !t.Recovered && strings.HasPrefix(s.topic, "room:") {
		value := client.StreamRestarted{Type: client.StreamRestartedTypeStreamRestarted}
		s.giveLocked(Event{Type: "stream.restarted", Cursor: s.position, Value: value})
	}
}

// take takes a push.
func (s *Subscription) take(f frame) {
	value, err := known(f.Event, new(client.RealtimeEvent))
	var head struct {
		Type string `json:"type"`
	}
	if err == nil {
		err = json.Unmarshal(f.Event, &head)
	}
	if err != nil {
		s.realtime.leave(s, fmt.Errorf("fluentpro: an event of %s: %w", s.topic, err))
		return
	}
	s.mu.Lock()
	if !s.flowing || s.ended != nil { // of an earlier subscription to the same
		s.mu.Unlock()
		return
	}
	if f.Cursor != "" {
		s.position = f.Cursor
	}
	behind := len(s.waiting) >= mostBehind
	if value != nil && !behind {
		s.giveLocked(Event{Type: head.Type, Cursor: f.Cursor, Value: value})
	}
	s.mu.Unlock()
	switch {
	case behind:
		s.realtime.leave(s, errBehind)
	case isLast(s.topic, value):
		s.realtime.abandon(s)
		s.finish(io.EOF)
	}
}

// leave ends a subscription that the service still has.
func (r *Realtime) leave(s *Subscription, why error) {
	if l := r.abandon(s); l != nil {
		r.unsubscribe(l, s.topic)
	}
	s.finish(why)
}

func (s *Subscription) giveLocked(e Event) {
	s.waiting = append(s.waiting, e)
	signal(s.more)
}

// refuse ends what the service does not have.
func (s *Subscription) refuse(err error) {
	s.realtime.abandon(s)
	s.finish(err)
}

// finish ends it after what has come, once. A Realtime that was closed by Close is no
// error of its subscriptions.
func (s *Subscription) finish(why error) {
	if closed, ok := errors.AsType[*RealtimeClosed](why); ok && closed.Code == websocket.CloseNormalClosure {
		why = io.EOF
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return
	}
	s.ended = why
	if !s.flowed {
		close(s.ready)
		s.flowed = true
	}
	signal(s.more)
}

// isLast reports whether nothing of the topic comes after an event.
func isLast(topic string, value any) bool {
	switch value.(type) {
	case client.StreamClosing: // of this topic alone
		return true
	case client.ConversationDeleted:
		return strings.HasPrefix(topic, "conversation:")
	case client.TaskCompleted, client.TaskFailed, client.TaskCancelled:
		return strings.HasPrefix(topic, "task:")
	}
	return false
}

// signal leaves word for one who waits, or will.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
