package lock

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// enlist makes a waiter known to wake.
func (l *Locks) enlist(token string) <-chan struct{} {
	woken := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting[token] = woken
	return woken
}

func (l *Locks) delist(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, token)
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

// channel is where this node is called; releaseScript knows it by a waiter's token.
func (l *Locks) channel() string { return l.config.Prefix + ":wake:" + l.node }

// receive passes calls on until its connection breaks or is silent. Before it is
// subscribed, which Redis confirms, calls are lost.
func (l *Locks) receive() {
	sub := l.client.Subscribe(l.ctx, l.channel())
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
