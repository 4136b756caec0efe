package auth0

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxRetryAfter is how long a 429 is waited out; a learner waits with it.
const maxRetryAfter = 2 * time.Second

// outcome is how one attempt ended and what follows from it.
type outcome struct {
	answer answer
	err    error // no answer, or one that counts as none
	again  bool
	after  time.Duration // the tenant's wish; 0: none
}

// errAgain tells the retry loop to go on; what came of it is in the outcome.
var errAgain = errors.New("again")

func (o outcome) forBackoff() error {
	switch {
	case !o.again:
		return nil
	case o.after > 0:
		// Not earlier than asked, and not everybody at the same moment.
		wait := o.after + rand.N(o.after/4+1)
		return errors.Join(errAgain, &backoff.RetryAfterError{Duration: wait})
	default:
		return errAgain
	}
}

// send asks until there is an answer, or no sense in asking again. Its error is
// the caller's leaving, or server.unavailable. An answer may be a refusal of any
// 4xx, a 429 that outlasts our patience included.
func (c *Client) send(ctx context.Context, r request) (answer, error) {
	var last outcome
	tries := 0
	_, _ = backoff.Retry(ctx, func() (struct{}, error) {
		tries++
		last = c.attempt(ctx, r)
		c.report(ctx, tries, r, last)
		return struct{}{}, last.forBackoff()
	}, c.retryOptions()...) // the outcome tells more than its error
	if last.err != nil && left(ctx) {
		return answer{}, ended(ctx)
	}
	return last.answer, last.err
}

// retryOptions makes the waits between attempts, each off by up to half of
// itself, so that those who failed together do not come back together.
func (c *Client) retryOptions() []backoff.RetryOption {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = c.cfg.RetryWait
	wait.MaxInterval = 8 * c.cfg.RetryWait
	wait.Multiplier = 2
	wait.RandomizationFactor = 0.5
	return []backoff.RetryOption{
		backoff.WithBackOff(wait),
		backoff.WithMaxTries(uint(c.cfg.MaxAttempts)), //nolint:gosec // withDefaults keeps it positive
		backoff.WithMaxElapsedTime(0),                 // Timeout is the one bound
	}
}

// attempt asks once through the breaker and tells the breaker how it went.
func (c *Client) attempt(ctx context.Context, r request) outcome {
	tell, wait := c.breaker.admit()
	if tell == nil {
		return outcome{err: unreachable(errOpen, wait)}
	}
	health := neutral
	defer func() { tell(health) }() // after a panic below, a trial must not stay taken for ever
	a, err := c.once(ctx, r)
	var o outcome
	if err != nil {
		o, health = c.unanswered(ctx, r, err)
	} else {
		o, health = c.answered(r, a)
	}
	return o
}

// unanswered judges an attempt that brought nothing.
func (c *Client) unanswered(ctx context.Context, r request, err error) (outcome, verdict) {
	switch {
	case left(ctx):
		return outcome{err: ended(ctx)}, neutral
	case ctx.Err() != nil:
		return outcome{err: ended(ctx)}, broken
	case errors.Is(err, errLarge):
		return outcome{err: unavailable(err, 0)}, broken
	default:
		return outcome{err: unreachable(err, 0), again: r.repeatable || notSent(err)}, broken
	}
}

// answered judges what the tenant said.
func (c *Client) answered(r request, a answer) (outcome, verdict) {
	switch {
	case a.status >= 500:
		return outcome{err: unreachable(a.refused(), retryAfter(a.header, c.cfg.Now())), again: r.repeatable}, broken
	case a.status < 200 || a.status >= 300 && a.status < 400:
		return outcome{err: unavailable(fmt.Errorf("%w: %w", errRedirect, a.refused()), 0)}, healthy
	case a.status == http.StatusTooManyRequests && !a.refusal.locked():
		// It was turned away before anything was done, so that even a creation is safe.
		after := retryAfter(a.header, c.cfg.Now())
		return outcome{answer: a, again: after <= maxRetryAfter, after: after}, healthy
	default:
		return outcome{answer: a}, healthy
	}
}

// left reports that the caller ended ctx, and not our own bound.
func left(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), errTimeout)
}

// ended is why ctx is over, which it must be: the tenant's slowness or the
// caller's own reason.
func ended(ctx context.Context) error {
	if left(ctx) {
		return context.Cause(ctx)
	}
	return unreachable(errTimeout, 0)
}

// report logs an attempt that failed for a reason of the tenant's or of our
// settings. What is about a user or the caller is not news.
func (c *Client) report(ctx context.Context, try int, r request, o outcome) {
	err := o.err
	switch {
	case err == nil && o.answer.status == http.StatusTooManyRequests && !o.answer.refusal.locked():
		err = o.answer.refused()
	case err == nil, errors.Is(err, errOpen), left(ctx):
		return
	}
	c.log.LogAttrs(ctx, slog.LevelWarn, "auth0 attempt ended",
		slog.Int("attempt", try), slog.String("method", r.method), slog.String("endpoint", endpoint(r.path)),
		slog.Bool("retryable", o.again), slog.Any("error", err))
}
