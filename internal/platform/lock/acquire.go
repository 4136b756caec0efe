package lock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// maxFloor leaves fences room to rise within what a number of Lua holds exactly.
const maxFloor = 1 << 52

// AcquireInput says which lock is wanted, and how much.
type AcquireInput struct {
	Name string // any text but the empty one; names share nothing
	// Floor is the highest fence that has written so far, from where it is kept,
	// such as the row that the lock guards: 0 for none, 2^52 at most. The new fence
	// is above it even when Redis has forgotten all.
	Floor int64
	// Wait is how long to wait while somebody else has the lock; 0 or less means
	// not at all.
	Wait time.Duration
}

func (in AcquireInput) check() error {
	switch {
	case in.Name == "":
		return errors.New("acquire a lock without a name")
	case in.Floor < 0 || in.Floor > maxFloor:
		return fmt.Errorf("acquire %s: the floor %d must be from 0 to 2^52", in.Name, in.Floor)
	}
	return nil
}

// Acquire takes a lock, waiting for it when it must. The lock is renewed until it
// is released, or ctx has ended: release it in any case, and give a ctx that lasts
// as long as the work under the lock (context.WithoutCancel, where that must not
// be cut short).
//
// It answers ErrBusy, which comes with ErrWaited when Wait is over; ErrUnavailable,
// CallTimeout after Redis fell silent at the latest; ErrClosed; or the cause of
// ctx's end, which is heeded at once while waiting and CallTimeout later at most
// while Redis is being asked.
func (l *Locks) Acquire(ctx context.Context, in AcquireInput) (*Held, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	a := &attempt{locks: l, in: in, keys: l.keysOf(in.Name), token: l.newToken()}
	began := time.Now()
	held, err := a.run(ctx)
	l.metrics.count(began, err)
	if err != nil {
		return nil, fmt.Errorf("acquire %s: %w", in.Name, err)
	}
	return held, nil
}

// attempt is one call of Acquire.
type attempt struct {
	locks *Locks
	in    AcquireInput
	keys  keys
	token string
}

func (a *attempt) run(ctx context.Context) (*Held, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if !a.locks.begin() {
		return nil, ErrClosed
	}
	defer a.locks.work.Done()
	held, err := a.try(ctx)
	if held != nil || err != nil {
		return held, err
	}
	return a.wait(ctx)
}

// try asks Redis once. Neither a lock nor an error means to wait.
func (a *attempt) try(ctx context.Context) (*Held, error) {
	l, waits := a.locks, 0
	if a.in.Wait > 0 {
		waits = 1
	}
	asked := time.Now() // the TTL begins after it
	answer, err := l.run(ctx, l.acquire,
		4, a.keys.holder, a.keys.fence, a.keys.queue, a.keys.alive, a.token, a.in.Floor, waits)
	switch {
	case err != nil:
		a.abandon(ctx)
		return nil, err
	case answer == answerWait:
		return nil, nil
	case answer == answerBusy:
		return nil, ErrBusy
	}
	return l.hold(ctx, a, answer, asked), nil
}

// wait asks whenever it is called, and now and then by itself, which keeps its
// place. It begins so, since a call may have come before anybody listened to it.
func (a *attempt) wait(ctx context.Context) (*Held, error) {
	over := time.NewTimer(a.in.Wait)
	defer over.Stop()
	woken := a.locks.enlist(a.token)
	defer a.locks.delist(a.token)
	a.locks.listen()
	poll := time.NewTimer(0)
	defer poll.Stop()
	for {
		select {
		case <-woken:
		case <-poll.C:
		case <-over.C:
			a.abandon(ctx)
			return nil, fmt.Errorf("%w: %w: %s", ErrBusy, ErrWaited, a.in.Wait)
		case <-ctx.Done():
			a.abandon(ctx)
			return nil, context.Cause(ctx)
		case <-a.locks.ctx.Done():
			a.abandon(ctx)
			return nil, ErrClosed
		}
		held, err := a.try(ctx)
		if held != nil || err != nil {
			return held, err
		}
		poll.Reset(a.locks.pause())
	}
}

// pause is how long a waiter who is not called waits before it asks by itself. With
// the call after it, it is less than a place is kept. It varies, so that those who
// came together do not ask together.
func (l *Locks) pause() time.Duration {
	return l.config.Place/4 + rand.N(l.config.Place/8)
}

// abandon gives back what the attempt may have in Redis, in the background, so
// that a caller who has waited enough waits no more. What cannot be given back runs
// out by itself.
func (a *attempt) abandon(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	a.locks.work.Go(func() { _, _ = a.locks.giveBack(ctx, a.keys, a.token) })
}

// giveBack reports whether the token had the lock.
func (l *Locks) giveBack(ctx context.Context, k keys, token string) (bool, error) {
	answer, err := l.run(ctx, l.release, 3, k.holder, k.queue, k.alive, token)
	return answer == 1, err
}
