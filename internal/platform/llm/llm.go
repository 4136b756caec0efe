// Package llm is the way to language models over the OpenAI protocol, at any base
// URL that speaks it: a chat completion, streamed or whole, in plain text or as
// JSON of a given schema, and the embeddings of texts.
//
// It promises that a call ends. Every phase has a bound (connecting, waiting for
// the first text, silence between texts, the whole call, the length of a reply,
// the length of a line), and every failure is a fault with one of the Code
// constants. An attempt is repeated only while no text has been handed over, so
// the caller never sees a text twice; what was handed over before a failure is
// in the Reply beside the error. A breaker in front of the provider answers at
// once while the provider is down; chat and embeddings have one each, so that
// the one works while the other is down. Neither the API key nor anything said
// in a conversation or embedded appears in an error or a log line: of a
// provider's own error only its type, code and parameter names are kept.
//
// Its limits: one choice a request, text only, no tools, no images; a chat
// provider that ignores "stream" counts as garbled; a provider that is reached through a
// proxy needs a Transport of its own, since nothing here reads the environment;
// the breaker is one process's own view and is not shared between nodes.
package llm

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
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
	Schema      *Schema // nil: plain text
}

// Schema asks for an answer that is one JSON value of this shape. Providers keep
// to it as well as they can: a reply that was cut or filtered does not, and the
// caller checks what it reads.
type Schema struct {
	Name string          // letters, digits, _ and -, at most 64
	JSON json.RawMessage // a JSON schema within the provider's subset of the language
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
	provider
	cfg Config
}

// New makes a client; it connects to nothing yet. A base URL that cannot work
// shows on the first call, as CodeRefused.
func New(cfg Config) *Client {
	cfg = cfg.withDefaults()
	c := &Client{cfg: cfg, provider: provider{
		baseURL: cfg.BaseURL, key: cfg.APIKey, log: cfg.Logger,
		again:   again{most: cfg.MaxAttempts, wait: cfg.RetryWait},
		breaker: newBreaker("chat", cfg.Breaker, cfg.Logger),
	}}
	c.metrics = newMetrics("chat", cfg.Model, cfg.Price, c.breaker)
	c.metrics.speaks()
	c.connect(cfg.Transport, cfg.ConnectTimeout)
	return c
}

// Stream asks the model and hands each piece of its answer to onText, in order,
// from the calling goroutine. While onText runs no timeout counts as silence.
//
// An error of onText ends the call and is returned as it is. When ctx ends, the
// error wraps context.Cause(ctx). Every other error is a fault with one of the
// Code constants. Whatever the error, Reply.Text holds what onText took.
func (c *Client) Stream(ctx context.Context, req Request, onText func(text string) error) (Reply, error) {
	return c.call(ctx, req, onText, false)
}

// Complete asks the model for its answer in one piece. Nothing is handed over
// before the end, so that an answer that breaks off is asked for again like one
// that never began; the attempts, the bounds and the faults are those of Stream.
//
// An answer that was filtered or is as long as allowed is no error: see
// Reply.FinishReason. After an error the Reply is zero.
func (c *Client) Complete(ctx context.Context, req Request) (Reply, error) {
	reply, err := c.call(ctx, req, func(string) error { return nil }, true)
	if err != nil {
		return Reply{}, err
	}
	return reply, nil
}

// call makes the attempts; whole says that one may follow an interruption.
func (c *Client) call(ctx context.Context, req Request, onText func(string) error, whole bool) (Reply, error) {
	if err := c.cfg.check(); err != nil {
		f := refused(err)
		c.report(ctx, 1, c.cfg.Model, f)
		return Reply{}, f.err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.TotalTimeout, errTotal)
	defer cancel()
	began := time.Now()
	return repeat(ctx, &c.provider, c.cfg.Model, func() (Reply, *failure) {
		reply, f := c.try(ctx, began, req, onText)
		if f != nil && whole && f.broke && ctx.Err() == nil {
			f.again(c.cfg.MaxRetryAfter)
		}
		return reply, f
	})
}

// try makes one attempt of a call through the breaker and tells the breaker how it went.
func (c *Client) try(ctx context.Context, began time.Time, req Request, onText func(string) error) (Reply, *failure) {
	pass, wait := c.breaker.admit()
	if pass == nil {
		return Reply{}, shut(wait)
	}
	defer pass.give(neutral) // after a panic below, a trial must not stay taken for ever

	a := newAttempt(ctx, c, onText, func() {
		pass.firstText()
		measure.Since(c.metrics.firstOf, began)
	})
	defer a.close()
	err := a.run(req)
	reply := a.reply(req)
	c.metrics.used(c.cfg.Model, reply.Usage)
	if err == nil {
		pass.give(healthy)
		return reply, nil
	}
	f := classify(a, err, c.cfg)
	pass.give(f.verdict)
	return reply, f
}
