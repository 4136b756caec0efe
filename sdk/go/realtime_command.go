package fluentpro

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fluentpro/fluentpro/gen/client"
)

// A kind is what becomes of a command when its connection is lost.
type kind int

const (
	repeat kind = iota // it is sent again: twice is the same as once
	once               // if it was sent, its outcome is unknown, and it fails
	drop               // it meant that connection only, and fails
)

// A command waits for its turn, then for its reply.
type command struct {
	id   string
	verb string
	text []byte // the argument
	kind kind
	link *link // that a command to drop means
	sent bool  // of its Realtime's mu
	// took is told of the result before the next frame is read; nil: nobody is.
	took func(json.RawMessage)
	// refused is told why there is no result, unless its connection was lost; nil: nobody is.
	refused func(error)

	settled sync.Once
	done    chan struct{}
	result  json.RawMessage
	err     error
}

func (c *command) settle(result json.RawMessage, err error) {
	c.settled.Do(func() {
		c.result, c.err = result, err
		switch {
		case err == nil && c.took != nil:
			c.took(result)
		case err != nil && c.refused != nil && !errors.Is(err, errLost):
			c.refused(err)
		}
		close(c.done)
	})
}

func (c *command) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// call sends a command when it can be and waits for its result.
func (r *Realtime) call(ctx context.Context, verb string, argument any, k kind, out any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.options.Timeout, fmt.Errorf("fluentpro: %s: no answer within %s", verb, r.options.Timeout))
	defer cancel()
	c, err := newCommand(verb, argument, k)
	if err != nil {
		return err
	}
	if err := r.enqueue(c); err != nil {
		return err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		c.settle(nil, r.late(ctx, c))
		<-c.done
	}
	if c.err != nil {
		return c.err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(c.result, out); err != nil {
		return fmt.Errorf("fluentpro: %s: %w", verb, err)
	}
	return nil
}

// late is the error of a command that is not waited for any longer.
func (r *Realtime) late(ctx context.Context, c *command) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.sent && c.kind == once {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, context.Cause(ctx))
	}
	return context.Cause(ctx)
}

func newCommand(verb string, argument any, k kind) (*command, error) {
	text, err := json.Marshal(argument)
	if err != nil {
		return nil, fmt.Errorf("fluentpro: %s: %w", verb, err)
	}
	if len(text) > mostCommand { // the service would close for good
		return nil, fmt.Errorf("fluentpro: %s: more than %d bytes", verb, mostCommand)
	}
	return &command{verb: verb, text: text, kind: k, done: make(chan struct{})}, nil
}

// enqueue lets a command wait for its turn.
func (r *Realtime) enqueue(c *command) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended != nil {
		return r.ended
	}
	if c.kind == drop && (r.link != c.link || !r.link.open) {
		return errLost // on the next connection it would mean something else
	}
	r.identifyLocked(c)
	r.waiting = append(r.waiting, c)
	r.pumpLocked()
	return nil
}

func (r *Realtime) identifyLocked(c *command) {
	r.last++
	c.id = strconv.Itoa(r.last)
}

// pumpLocked wakes who writes.
func (r *Realtime) pumpLocked() {
	if r.link != nil {
		signal(r.link.more)
	}
}

// nextCommand is the first that waits on an open connection; it counts as sent.
func (r *Realtime) nextCommand(l *link) *command {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.link != l || !l.open {
		return nil
	}
	for len(r.waiting) > 0 {
		c := r.waiting[0]
		r.waiting = r.waiting[1:]
		if !c.over() {
			c.sent = true
			l.sent[c.id] = c
			return c
		}
	}
	return nil
}

// again sends a command once more that the service is still busy with, after a while.
func (r *Realtime) again(c *command, wait time.Duration) {
	time.AfterFunc(wait, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ended == nil {
			r.waiting = append([]*command{c}, r.waiting...)
			r.pumpLocked()
		} else {
			c.settle(nil, r.ended)
		}
	})
}

// retrieve settles what a connection that is lost has left, or lets it wait for the next.
// Commands that were sent come first, in their order.
func (r *Realtime) retrieve(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.link = nil
	var keep []*command
	for _, c := range append(inOrder(l.sent), r.waiting...) {
		switch {
		case c.kind == drop:
			c.settle(nil, errLost)
		case c.kind == once && c.sent:
			c.settle(nil, ErrOutcomeUnknown)
		case r.ended != nil:
			c.settle(nil, r.ended)
		default:
			keep = append(keep, c)
		}
	}
	r.waiting = keep
	for _, s := range r.order {
		s.pause()
	}
}

// problemIn reads the problem of a frame, which has no header to say when to try again.
func problemIn(text []byte) *Problem {
	var more struct {
		Seconds float64 `json:"retry_after_seconds"`
	}
	p := &Problem{}
	if json.Unmarshal(text, &p.Problem) != nil || json.Unmarshal(text, &more) != nil {
		p.Problem = client.Problem{Status: http.StatusInternalServerError, Detail: "The answer is not one of the service's."}
	}
	p.RetryAfter = time.Duration(more.Seconds * float64(time.Second))
	return p
}
