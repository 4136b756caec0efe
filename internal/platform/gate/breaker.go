package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"
)

// When to leave Redis alone, and for how long. After that one call is the trial,
// whose end decides for all.
const (
	failuresInARow = 5
	leaveAlone     = time.Second
)

// errTimeout is the cause that tells our own deadline from the caller's.
var errTimeout = errors.New("gate: redis did not answer in time")

// callerLeft wraps the error of a call whose caller gave up: it says nothing
// about Redis.
type callerLeft struct{ cause error }

func (e callerLeft) Error() string { return e.cause.Error() }
func (e callerLeft) Unwrap() error { return e.cause }

func isCallerLeft(err error) bool {
	_, left := errors.AsType[callerLeft](err)
	return left
}

func (g *Gate) newBreaker() *gobreaker.CircuitBreaker[struct{}] {
	return gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:          "gate",
		MaxRequests:   1,
		Timeout:       leaveAlone,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresInARow },
		IsExcluded:    isCallerLeft,
		OnStateChange: func(_ string, from, to gobreaker.State) { g.logChange(from, to) },
	})
}

// logChange leaves out the trials that fail, which are the same outage.
func (g *Gate) logChange(from, to gobreaker.State) {
	switch {
	case from == gobreaker.StateClosed:
		g.logger.Warn("gate: redis is away, requests pass without limits", slog.Any("error", *g.failure.Load()))
	case to == gobreaker.StateClosed:
		g.logger.Info("gate: redis is back, limits hold again", slog.Int64("unlimited", g.Unlimited()))
	}
}

// call makes one round trip unless Redis is to be left alone. Its error wraps
// ErrUnavailable, or the caller's own when ctx has ended.
func (g *Gate) call(ctx context.Context, operation string, do func(context.Context) error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", operation, callerLeft{context.Cause(ctx)})
	}
	_, err := g.breaker.Execute(func() (struct{}, error) {
		bounded, cancel := context.WithTimeoutCause(ctx, g.timeout, errTimeout)
		defer cancel()
		err := do(bounded)
		switch {
		case err == nil:
			return struct{}{}, nil
		case ctx.Err() != nil:
			return struct{}{}, callerLeft{context.Cause(ctx)}
		case bounded.Err() != nil:
			err = fmt.Errorf("%w: %w", context.Cause(bounded), err)
		}
		g.failure.Store(&err)
		return struct{}{}, err
	})
	if err == nil {
		return nil
	}
	if isCallerLeft(err) {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return fmt.Errorf("%s: %w: %w", operation, ErrUnavailable, err)
}
