package lock

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// enter begins an attempt, unless the Locks are closed. Who may wait is known by
// its token before Redis is, so that no call is missed.
func (l *Locks) enter(a *attempt) bool {
	if a.in.Wait > 0 {
		a.woken = make(chan struct{}, 1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.work.Add(1)
	if a.woken != nil {
		l.waiting[a.token] = a.woken
	}
	return true
}

func (l *Locks) leave(a *attempt) {
	if a.woken != nil {
		l.mu.Lock()
		delete(l.waiting, a.token)
		l.mu.Unlock()
	}
	l.work.Done()
}

// wake calls one waiter, which need not be here any more.
func (l *Locks) wake(token string) {
	l.mu.Lock()
	woken := l.waiting[token]
	l.mu.Unlock()
	call(woken)
}

// wakeAll lets everybody ask: nobody knows what was missed.
func (l *Locks) wakeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, woken := range l.waiting {
		call(woken)
	}
}

// call does nothing to who was called already, nor to nobody, which is nil.
func call(woken chan<- struct{}) {
	select {
	case woken <- struct{}{}:
	default:
	}
}

const (
	listenAgain = 200 * time.Millisecond // after a connection that broke
	quiet       = 10 * time.Second       // how long a connection may say nothing before it is asked to
)

// listen starts listening to calls, once for all: the connection stays until
// Close.
func (l *Locks) listen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listening || l.closed {
		return
	}
	l.listening = true
	l.work.Go(func() {
		for l.ctx.Err() == nil {
			l.receive()
			select {
			case <-l.ctx.Done():
			case <-time.After(listenAgain):
			}
		}
	})
}

// receive passes calls on until its connection breaks or is silent. Before it is
// subscribed, which Redis confirms, calls are lost.
func (l *Locks) receive() {
	sub := l.client.Subscribe(l.ctx, l.channels+l.node)
	defer sub.Close() //nolint:errcheck // nothing depends on how it goes
	// Closing the connection is what gets it out of its read.
	stop := context.AfterFunc(l.ctx, func() { _ = sub.Close() })
	defer stop()
	for asked := false; ; {
		message, err := sub.ReceiveTimeout(l.ctx, quiet)
		switch m := message.(type) {
		case *redis.Subscription:
			l.wakeAll()
		case *redis.Message:
			l.wake(m.Payload)
		}
		switch timeout := net.Error(nil); {
		case err == nil:
			asked = false
		case errors.As(err, &timeout) && timeout.Timeout() && !asked && sub.Ping(l.ctx) == nil:
			asked = true
		default:
			return
		}
	}
}
