package auth0

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// verdict is what an attempt says about the tenant's health.
type verdict int

const (
	neutral verdict = iota // nothing: the caller left
	healthy                // it answered, whatever it said
	broken
)

// A verdict reaches the breaker as an error it knows how to count.
var (
	errNeutral = errors.New("neutral")
	errBroken  = errors.New("broken")
)

// breaker stops the asking while the tenant is down. Failures in a row open it;
// after a while one trial is let through, whose outcome closes or opens it again.
type breaker struct {
	gate     *gobreaker.TwoStepCircuitBreaker[struct{}]
	openFor  time.Duration
	openedAt atomic.Int64 // Unix nanoseconds
}

func newBreaker(cfg BreakerConfig, log *slog.Logger) *breaker {
	b := &breaker{openFor: cfg.OpenFor}
	b.gate = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        "auth0",
		MaxRequests: 1,
		Timeout:     cfg.OpenFor,
		ReadyToTrip: func(c gobreaker.Counts) bool { return int64(c.ConsecutiveFailures) >= int64(cfg.Failures) },
		IsExcluded:  func(err error) bool { return errors.Is(err, errNeutral) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.openedAt.Store(time.Now().UnixNano())
			}
			log.Warn("auth0 breaker changed", slog.String("from", from.String()), slog.String("to", to.String()))
		},
	})
	return b
}

// asks reports whether attempts are let through, be it one on trial.
func (b *breaker) asks() bool { return b.gate.State() != gobreaker.StateOpen }

// admit gives the way to tell how one attempt went, or nil and how long to stay away.
func (b *breaker) admit() (tell func(verdict), wait time.Duration) {
	done, err := b.gate.Allow()
	if err == nil {
		return func(v verdict) { done(v.err()) }, 0
	}
	if errors.Is(err, gobreaker.ErrTooManyRequests) { // a trial is under way
		return nil, time.Second
	}
	left := time.Until(time.Unix(0, b.openedAt.Load()).Add(b.openFor))
	return nil, max(left, time.Second) // clients are told whole seconds
}

func (v verdict) err() error {
	switch v {
	case healthy:
		return nil
	case broken:
		return errBroken
	default:
		return errNeutral
	}
}
