// Package llm is the way to a language model: one streamed chat completion over
// the OpenAI protocol, at any base URL that speaks it.
//
// It promises that a call ends. Every phase has a bound (connecting, waiting for
// the first text, silence between texts, the whole call, the length of a reply,
// the length of a line), and every failure is a fault with one of the Code
// constants. An attempt is repeated only while no text has been handed over, so
// the caller never sees a text twice; what was handed over before a failure is
// in the Reply beside the error. A breaker in front of the provider answers at
// once while the provider is down. Neither the API key nor anything said in a
// conversation appears in an error or a log line: of a provider's own error only
// its type, code and parameter names are kept.
//
// Its limits: one choice a request, text only, no tools, no images; a provider
// that ignores "stream" counts as garbled; a provider that is reached through a
// proxy needs a Transport of its own, since nothing here reads the environment;
// the breaker is one process's own view and is not shared between nodes.
package llm

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Message is one turn of the conversation as the model sees it.
type Message struct {
	Role    string // system, user or assistant
	Content string
}

// Request is what a model is asked.
type Request struct {
	Messages    []Message
	MaxTokens   int     // most tokens of the reply; 0 leaves it to the provider
	Temperature float32 // 0 leaves it to the provider; not sent to reasoning models, which refuse it
	User        string  // opaque id of the learner, for the provider's abuse checks; never a name or an address
}

// Usage counts the tokens of one call.
type Usage struct {
	Prompt     int
	Completion int
	// Estimated says that the provider did not count, as it never does for a
	// reply that was cut; the figures are then those of EstimateTokens.
	Estimated bool
}

// Reply is what the model said.
type Reply struct {
	Text         string // every text that onText took, in order
	FinishReason string // stop, length or content_filter; empty when the reply did not finish
	Usage        Usage  // zero when the model said nothing
}

// Client talks to one model of one provider. It is safe for concurrent use.
type Client struct {
	cfg     Config
	web     *http.Client
	pool    *http.Transport // nil when the caller brought a transport
	breaker *breaker
	log     *slog.Logger
}

// New makes a client; it connects to nothing yet. A base URL that cannot work
// shows on the first Stream, as CodeRefused.
func New(cfg Config) *Client {
	cfg = cfg.withDefaults()
	c := &Client{cfg: cfg, log: cfg.Logger, breaker: newBreaker(cfg.Breaker, cfg.Logger)}
	transport := cfg.Transport
	if transport == nil {
		c.pool = newPool(cfg.ConnectTimeout)
		transport = c.pool
	}
	c.web = &http.Client{
		Transport: transport,
		// A redirect would carry a learner's words to a host nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Close gives idle connections of the client's own pool back. Calls under way
// are not disturbed. It may be called more than once.
func (c *Client) Close() {
	if c.pool != nil {
		c.pool.CloseIdleConnections()
	}
}

// Stream asks the model and hands each piece of its answer to onText, in order,
// from the calling goroutine. While onText runs no timeout counts as silence.
//
// An error of onText ends the call and is returned as it is. When ctx ends, the
// error wraps context.Cause(ctx). Every other error is a fault with one of the
// Code constants. Whatever the error, Reply.Text holds what onText took.
func (c *Client) Stream(ctx context.Context, req Request, onText func(text string) error) (Reply, error) {
	if err := c.cfg.check(); err != nil {
		f := refused(err)
		c.report(ctx, 1, f)
		return Reply{}, f.err
	}
	bounded, cancel := context.WithTimeoutCause(ctx, c.cfg.TotalTimeout, errTotal)
	defer cancel()

	var last *failure
	tries := 0
	reply, err := backoff.Retry(bounded, func() (Reply, error) {
		tries++
		var reply Reply
		reply, last = c.try(bounded, req, onText)
		if last == nil {
			return reply, nil
		}
		c.report(ctx, tries, last)
		return reply, last.forBackoff()
	}, c.retryOptions()...)
	switch {
	case err == nil:
		return reply, nil
	case last.retry && ctx.Err() != nil: // the caller left while we waited to try again
		return reply, givenUp(ctx).err
	default:
		return reply, last.err
	}
}

// retryOptions makes the waits between attempts: doubling from RetryWait, each
// off by up to half of itself, so that learners who failed together do not come
// back together.
func (c *Client) retryOptions() []backoff.RetryOption {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = c.cfg.RetryWait
	wait.MaxInterval = 8 * c.cfg.RetryWait
	wait.Multiplier = 2
	wait.RandomizationFactor = 0.5
	return []backoff.RetryOption{
		backoff.WithBackOff(wait),
		backoff.WithMaxTries(uint(c.cfg.MaxAttempts)), //nolint:gosec // withDefaults keeps it positive
		backoff.WithMaxElapsedTime(0),                 // TotalTimeout is the one bound
	}
}

// try makes one attempt through the breaker and tells the breaker how it went.
func (c *Client) try(ctx context.Context, req Request, onText func(string) error) (Reply, *failure) {
	pass, wait := c.breaker.admit()
	if pass == nil {
		return Reply{}, shut(wait)
	}
	defer pass.give(neutral) // after a panic below, a trial must not stay taken for ever

	a := newAttempt(ctx, c, onText, pass.firstText)
	defer a.close()
	err := a.run(req)
	reply := a.reply(req)
	if err == nil {
		pass.give(healthy)
		return reply, nil
	}
	f := classify(a, err, c.cfg)
	pass.give(f.verdict)
	return reply, f
}

// report logs a failed attempt. What the caller did to itself is not news.
func (c *Client) report(ctx context.Context, try int, f *failure) {
	if f.quiet {
		return
	}
	level := slog.LevelWarn
	if f.loud {
		level = slog.LevelError
	}
	c.log.LogAttrs(ctx, level, "model attempt ended",
		slog.Int("attempt", try), slog.Bool("retryable", f.retry), slog.Duration("retry_after", f.after.Round(time.Millisecond)),
		slog.String("model", c.cfg.Model), slog.Any("error", f.err))
}
