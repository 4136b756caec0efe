package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sashabaranov/go-openai"
)

const (
	maxBatch      = 64       // texts a request
	maxCharacters = 100_000  // of a request; well below what providers take
	maxVectors    = 16 << 20 // bytes of an answer; 64 vectors of 3,072 dimensions are about 3 MiB
)

var (
	errNotJSON   = errors.New("the answer is not JSON")
	errLarge     = errors.New("the answer is larger than allowed")
	errEmptyText = errors.New("a text to embed is empty")
)

// EmbedConfig says where texts are embedded and how long to wait for it. The
// zero value of every field but BaseURL takes its default.
type EmbedConfig struct {
	BaseURL string // up to and including the version; required
	APIKey  string // sent as a bearer token; empty for providers without keys; surrounding space is dropped

	Model string // that metrics call by its name, while others are one; empty: none
	Price *Price // of that model, for metrics; nil: not known

	// Dimensions is how long the vectors shall be; 0 leaves it to the provider,
	// and is the only value that models of a fixed length accept.
	Dimensions int

	ConnectTimeout time.Duration // dialling and TLS handshake of the client's own pool; 10 s by default
	Timeout        time.Duration // of one attempt, from its start to the last byte; 10 s by default
	TotalTimeout   time.Duration // of one call, all its requests, attempts and waits; 2 min by default

	MaxAttempts   int           // for each request; 3 by default, 1 never retries
	RetryWait     time.Duration // wait before the second attempt, then doubled, jittered by half; 250 ms by default
	MaxRetryAfter time.Duration // a longer Retry-After is not waited for but returned to the caller; 10 s by default

	Breaker   BreakerConfig
	Transport http.RoundTripper // nil: a pool of the client's own; the given one is not closed
	Logger    *slog.Logger      // nil: silent; texts are never logged
}

func (c EmbedConfig) withDefaults() EmbedConfig {
	c.BaseURL, c.APIKey = trimURL(c.BaseURL), strings.TrimSpace(c.APIKey)
	c.ConnectTimeout = positive(c.ConnectTimeout, 10*time.Second)
	c.Timeout = positive(c.Timeout, 10*time.Second)
	c.TotalTimeout = positive(c.TotalTimeout, 2*time.Minute)
	c.MaxAttempts = positive(c.MaxAttempts, 3)
	c.RetryWait = positive(c.RetryWait, 250*time.Millisecond)
	c.MaxRetryAfter = positive(c.MaxRetryAfter, 10*time.Second)
	c.Breaker = c.Breaker.withDefaults()
	c.Logger = orSilent(c.Logger)
	return c
}

// Embedder turns texts into vectors at one provider. It is safe for concurrent use.
type Embedder struct {
	provider
	cfg EmbedConfig
}

// NewEmbedder makes an embedder; it connects to nothing yet. A base URL that
// cannot work shows on the first Embed, as CodeRefused.
func NewEmbedder(cfg EmbedConfig) *Embedder {
	cfg = cfg.withDefaults()
	e := &Embedder{cfg: cfg, provider: provider{
		baseURL: cfg.BaseURL, key: cfg.APIKey, log: cfg.Logger,
		again:   again{most: cfg.MaxAttempts, wait: cfg.RetryWait},
		breaker: newBreaker("embeddings", cfg.Breaker, cfg.Logger),
	}}
	e.metrics = newMetrics("embeddings", cfg.Model, cfg.Price, e.breaker)
	e.connect(cfg.Transport, cfg.ConnectTimeout)
	return e
}

// Embed gives a vector for each text, in the same order, all of one length and
// each of Euclidean length 1, so that their dot product is the cosine of their
// angle. Many texts are several requests, one after the other.
//
// A text must not be empty or blank. When ctx ends, the error wraps
// context.Cause(ctx); every other error is a fault with one of the Code
// constants, except CodeInterrupted: there are all vectors or none.
func (e *Embedder) Embed(ctx context.Context, model string, texts []string) ([][]float32, error) {
	if err := e.check(model, texts); err != nil {
		f := refused(err)
		e.report(ctx, 1, model, f)
		return nil, f.err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, e.cfg.TotalTimeout, errTotal)
	defer cancel()
	all := make([][]float32, 0, len(texts))
	dimensions := e.cfg.Dimensions
	for len(texts) > 0 {
		n := batch(texts)
		vectors, err := repeat(ctx, &e.provider, model, func() ([][]float32, *failure) {
			return e.try(ctx, model, texts[:n], dimensions)
		})
		if err != nil {
			return nil, err
		}
		all, texts, dimensions = append(all, vectors...), texts[n:], len(vectors[0])
	}
	return all, nil
}

func (e *Embedder) check(model string, texts []string) error {
	if model == "" {
		return errNoModel
	}
	for _, text := range texts {
		if strings.TrimSpace(text) == "" {
			return errEmptyText
		}
	}
	return checkURL(e.cfg.BaseURL)
}

// batch counts the texts that go into one request: at least one, however long.
func batch(texts []string) int {
	characters := 0
	for i, text := range texts {
		if characters += utf8.RuneCountInString(text); i > 0 && (i == maxBatch || characters > maxCharacters) {
			return i
		}
	}
	return len(texts)
}

// try makes one attempt through the breaker. Vectors of another length than
// dimensions are no answer, unless it is 0.
func (e *Embedder) try(ctx context.Context, model string, texts []string, dimensions int) ([][]float32, *failure) {
	pass, wait := e.breaker.admit()
	if pass == nil {
		return nil, shut(wait)
	}
	defer pass.give(neutral) // after a panic below, a trial must not stay taken for ever

	ctx, cancel := context.WithTimeoutCause(ctx, e.cfg.Timeout, errSlow)
	defer cancel()
	wire := &jsonWire{web: e.web}
	answer, err := e.library(wire).CreateEmbeddings(ctx, openai.EmbeddingRequest{
		Input: texts, Model: openai.EmbeddingModel(model), Dimensions: e.cfg.Dimensions,
	})
	var vectors [][]float32
	if err == nil {
		vectors, err = inOrder(answer.Data, len(texts), dimensions)
	}
	e.metrics.used(model, Usage{Prompt: answer.Usage.PromptTokens})
	if err == nil {
		pass.give(healthy)
		return vectors, nil
	}
	f := e.classify(ctx, err, wire.sent)
	pass.give(f.verdict)
	return nil, f
}

func (e *Embedder) classify(ctx context.Context, err error, sent bool) *failure {
	err, left := blame(ctx, err)
	if left {
		return givenUp(ctx)
	}
	cause := scrub(err, e.cfg.APIKey)
	if unsent(err, sent) {
		return refused(cause)
	}
	return early(err, cause, e.cfg.MaxRetryAfter)
}

// jsonWire is the exchange under the protocol library where the answer is one
// piece of JSON: it keeps what the library throws away (status, Retry-After) and
// bounds what it reads without bound. One for each attempt.
type jsonWire struct {
	web  *http.Client
	sent bool
}

// Do sends the request and gives back a body of JSON or says why there is none.
func (w *jsonWire) Do(req *http.Request) (*http.Response, error) {
	w.sent = true
	res, err := exchange(w.web, req, "application/json")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // read to its end, or given up
	body, err := io.ReadAll(io.LimitReader(res.Body, maxVectors+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxVectors:
		return nil, errLarge
	case !json.Valid(body):
		return nil, errNotJSON
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}
