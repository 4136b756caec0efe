package realtime

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// A source is one reader's way through the events of a topic.
type source interface {
	// next waits for frames and gives all there are, io.EOF after the last of a topic that
	// has ended. eventlog.ErrTooSlow, eventlog.ErrRestarted and ctx's cause are as they are
	// there.
	next(ctx context.Context) ([][]byte, error)
	close()
}

// subscription is one topic of one connection.
type subscription struct {
	topic  string
	source source // nil: the topic has ended, and the client knows how
	ctx    context.Context
	stop   context.CancelFunc
	flows  bool          // done will be closed; the reading goroutine's own
	done   chan struct{} // closed when nothing is pushed any more
	left   func()        // of a room
	open   prometheus.Gauge
	pushed prometheus.Counter
}

// subscribe answers, and then lets the topic flow.
func (c *conn) subscribe(id string, in apiv2.RealtimeSubscribe) {
	sub, told, err := c.opened(in)
	if err != nil {
		c.refuse(id, err)
		return
	}
	c.reply(id, told)
	if sub != nil {
		c.flow(sub)
		c.describe()
	}
}

// open is opened with the error as part of what is told.
func (c *conn) open(in apiv2.RealtimeSubscribe) (*subscription, subscribed) {
	sub, told, err := c.opened(in)
	if err != nil {
		return nil, subscribed{RealtimeSubscribed: told, Error: c.problem(err)}
	}
	return sub, subscribed{RealtimeSubscribed: told}
}

// subscribed is what is told of a topic among others, its problem with all that is told of
// one elsewhere.
type subscribed struct {
	apiv2.RealtimeSubscribed
	Error *web.Problem `json:"error,omitempty"` // hides that of RealtimeSubscribed
}

// opened takes a topic up. A topic that one is subscribed to already begins anew, from
// after. Faults: realtime.unknown_topic, realtime.too_many_subscriptions, cursor.invalid,
// resource.not_found, auth.forbidden, room.full, server.unavailable.
func (c *conn) opened(in apiv2.RealtimeSubscribe) (*subscription, apiv2.RealtimeSubscribed, error) {
	told := apiv2.RealtimeSubscribed{Topic: in.Topic}
	t, err := parseTopic(in.Topic)
	if err != nil {
		return nil, told, err
	}
	c.end(in.Topic)
	if c.full() {
		return nil, told, fault.New(fault.Unprocessable, "realtime.too_many_subscriptions", "A connection has at most 32 subscriptions.")
	}
	sub := &subscription{
		topic: in.Topic, done: make(chan struct{}), open: c.server.metrics.subscriptions.Of(t.kind), pushed: c.server.metrics.events.Of(t.kind),
	}
	sub.ctx, sub.stop = context.WithCancel(c.ctx)
	after := ""
	if in.After != nil {
		after = *in.After
	}
	if err := c.attach(sub, t, after, &told); err != nil {
		sub.stop()
		return nil, told, err
	}
	if sub.source == nil {
		sub.stop()
		return nil, told, nil
	}
	c.mu.Lock()
	if c.subs == nil {
		c.subs = map[string]*subscription{}
	}
	c.subs[in.Topic] = sub
	c.mu.Unlock()
	return sub, told, nil
}

// flow starts pushing.
func (c *conn) flow(sub *subscription) {
	sub.flows = true
	sub.open.Inc()
	c.work.Go(func() {
		defer close(sub.done)
		defer sub.open.Dec()
		defer sub.release()
		c.push(sub)
	})
}

// release lets go of the topic.
func (sub *subscription) release() {
	sub.stop()
	sub.source.close()
	if sub.left != nil {
		sub.left()
	}
}

// push writes what the source gives until either ends. A write waits for the client, and
// while it does the source waits; who stays behind further than the log lets anybody is
// closed.
func (c *conn) push(sub *subscription) {
	for {
		frames, err := sub.source.next(sub.ctx)
		if len(frames) > 0 {
			if err := c.write(frames...); err != nil {
				c.close(verdictTooSlow)
				return
			}
			sub.pushed.Add(float64(len(frames)))
		}
		switch {
		case err == nil:
		case sub.ctx.Err() != nil:
			return
		case errors.Is(err, io.EOF):
			c.drop(sub)
			return
		case fault.Is(err, "resource.not_found"): // deleted meanwhile, before its last event
			c.drop(sub)
			c.sent(c.say(pushed{Topic: sub.topic, Event: closing(apiv2.Gone)}))
			return
		case errors.Is(err, eventlog.ErrTooSlow):
			c.close(verdictTooSlow)
			return
		default:
			c.server.log(c.began, slog.LevelError, "websocket topic", c, slog.String("topic", sub.topic), slog.String("error", err.Error()))
			c.close(verdictInternal)
			return
		}
	}
}

// drop forgets a subscription whose topic has ended.
func (c *conn) drop(sub *subscription) {
	c.mu.Lock()
	if c.subs[sub.topic] == sub {
		delete(c.subs, sub.topic)
	}
	c.mu.Unlock()
	c.describe()
}

// unsubscribe ends a subscription; when it answers nothing of the topic comes any more. A
// topic that one is not subscribed to is answered alike.
func (c *conn) unsubscribe(topic string) (any, error) {
	if _, err := parseTopic(topic); err != nil {
		return nil, err
	}
	c.end(topic)
	c.describe()
	return apiv2.RealtimeTopic{Topic: topic}, nil
}

func (c *conn) end(topic string) {
	c.mu.Lock()
	sub := c.subs[topic]
	delete(c.subs, topic)
	c.mu.Unlock()
	switch {
	case sub == nil:
	case sub.flows:
		sub.stop()
		<-sub.done
	default: // named twice in one frame: the later one counts
		sub.release()
	}
}

func (c *conn) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.subs) >= maxSubscriptions
}

// holds reports whether a subscription has not been replaced.
func (c *conn) holds(sub *subscription) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subs[sub.topic] == sub
}

func (c *conn) subscribed(topic string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.subs[topic]
	return ok
}

// topics are those subscribed to, sorted.
func (c *conn) topics() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]string, 0, len(c.subs))
	for name := range c.subs {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
