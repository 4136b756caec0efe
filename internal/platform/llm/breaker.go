package llm

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// verdict is what an attempt says about the provider's health.
type verdict int

const (
	neutral verdict = iota // nothing: the caller left, or the provider is up and said no
	healthy
	broken
)

// A verdict reaches the breaker as an error it knows how to count.
var (
	errNeutral = errors.New("neutral")
	errBroken  = errors.New("broken")
)

// errOpen is the cause of a fault made without asking the provider.
var errOpen = errors.New("the breaker is open")

// breaker stops the asking while a provider is down. Failures in a row open it;
// after a while one trial is let through, and its first text closes it again:
// the others need not wait for the trial's whole reply.
type breaker struct {
	gate     *gobreaker.TwoStepCircuitBreaker[struct{}]
	openFor  time.Duration
	openedAt atomic.Int64 // Unix nanoseconds
}

func newBreaker(name string, cfg BreakerConfig, log *slog.Logger) *breaker {
	b := &breaker{openFor: cfg.OpenFor}
	b.gate = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        name,
		MaxRequests: 1,
		Timeout:     cfg.OpenFor,
		ReadyToTrip: func(c gobreaker.Counts) bool { return int64(c.ConsecutiveFailures) >= int64(cfg.Failures) },
		IsExcluded:  func(err error) bool { return errors.Is(err, errNeutral) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.openedAt.Store(time.Now().UnixNano())
			}
			log.Warn("model breaker changed", slog.String("breaker", name), slog.String("from", from.String()), slog.String("to", to.String()))
		},
	})
	return b
}

// asks reports whether attempts are let through, be it one on trial.
func (b *breaker) asks() bool { return b.gate.State() != gobreaker.StateOpen }

// admit gives a pass for one attempt, or nil and how long to stay away.
func (b *breaker) admit() (*pass, time.Duration) {
	done, err := b.gate.Allow()
	if err == nil {
		return &pass{breaker: b, done: done}, 0
	}
	if errors.Is(err, gobreaker.ErrTooManyRequests) { // a trial is under way
		return nil, time.Second
	}
	left := time.Until(time.Unix(0, b.openedAt.Load()).Add(b.openFor))
	return nil, max(left, time.Second) // clients are told whole seconds
}

// pass is one admitted attempt; its first verdict counts, later ones do not.
type pass struct {
	breaker *breaker
	done    func(error)
	once    sync.Once
}

// firstText closes a breaker that is on trial. Otherwise the verdict waits for
// the end: a provider that always breaks off in mid-reply is down as well.
func (p *pass) firstText() {
	if p.breaker.gate.State() == gobreaker.StateHalfOpen {
		p.give(healthy)
	}
}

func (p *pass) give(v verdict) {
	p.once.Do(func() {
		switch v {
		case healthy:
			p.done(nil)
		case broken:
			p.done(errBroken)
		default:
			p.done(errNeutral)
		}
	})
}
