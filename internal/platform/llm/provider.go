package llm

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sashabaranov/go-openai"
)

const (
	maxConnections     = 1024             // to the provider; each HTTP/1 stream needs one of its own
	maxIdleConnections = 64               // kept warm, so that a reply rarely waits for a handshake
	idleConnectionLife = 90 * time.Second // below the usual cut-off of load balancers
	pingAfter          = 15 * time.Second // an HTTP/2 connection gone dead is noticed, not waited on
	pingTimeout        = 5 * time.Second
)

// provider is the way to one provider: its address, its connections, the breaker
// before it, and how often it is asked again. Each client has one of its own.
type provider struct {
	baseURL string
	key     string
	again   again
	web     *http.Client
	pool    *http.Transport // nil when the caller brought a transport
	breaker *breaker
	metrics *metrics
	log     *slog.Logger
}

// again says how attempts are repeated.
type again struct {
	most int           // attempts
	wait time.Duration // before the second, then doubled
}

// connect gives the provider its connections, which are made when first needed.
func (p *provider) connect(transport http.RoundTripper, timeout time.Duration) {
	if transport == nil {
		p.pool = newPool(timeout)
		transport = p.pool
	}
	p.web = &http.Client{
		Transport: transport,
		// A redirect would carry a learner's words to a host nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close gives idle connections of the client's own pool back. Calls under way
// are not disturbed. It may be called more than once.
func (p *provider) Close() {
	if p.pool != nil {
		p.pool.CloseIdleConnections()
	}
}

// library is the protocol's own client on top of one exchange.
func (p *provider) library(exchange openai.HTTPDoer) *openai.Client {
	settings := openai.DefaultConfig(p.key)
	settings.BaseURL = p.baseURL
	settings.HTTPClient = exchange
	return openai.NewClientWithConfig(settings)
}

// repeat makes attempts until one succeeds, one fails for good, or ctx ends. What
// an attempt brought before it failed is returned beside the error.
func repeat[T any](ctx context.Context, p *provider, model string, try func() (T, *failure)) (_ T, err error) {
	end := p.metrics.begin(model)
	defer func() { end(err) }()
	var last *failure
	tries := 0
	result, err := backoff.Retry(ctx, func() (T, error) {
		tries++
		var result T
		result, last = try()
		p.metrics.attempted(model, last)
		if last == nil {
			return result, nil
		}
		p.report(ctx, tries, model, last)
		return result, last.forBackoff()
	}, p.again.options()...)
	switch why := context.Cause(ctx); {
	case err == nil:
		return result, nil
	case last.retry && why != nil && !errors.Is(why, errTotal): // the caller left while we waited to try again
		return result, givenUp(ctx).err
	default:
		return result, last.err
	}
}

// options makes the waits between attempts: doubling, each off by up to half of
// itself, so that learners who failed together do not come back together.
func (a again) options() []backoff.RetryOption {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = a.wait
	wait.MaxInterval = 8 * a.wait
	wait.Multiplier = 2
	wait.RandomizationFactor = 0.5
	return []backoff.RetryOption{
		backoff.WithBackOff(wait),
		backoff.WithMaxTries(uint(a.most)), //nolint:gosec // withDefaults keeps it positive
		backoff.WithMaxElapsedTime(0),      // the context is the one bound
	}
}

// report logs a failed attempt. What the caller did to itself is not news.
func (p *provider) report(ctx context.Context, try int, model string, f *failure) {
	if f.quiet {
		return
	}
	level := slog.LevelWarn
	if f.loud {
		level = slog.LevelError
	}
	p.log.LogAttrs(ctx, level, "model attempt ended",
		slog.Int("attempt", try), slog.Bool("retryable", f.retry), slog.Int64("retry_after_ms", f.after.Milliseconds()),
		slog.String("model", model), slog.Any("error", f.err))
}

// newPool makes the connections to the provider. There is no bound on the whole
// exchange here: a stream is long on purpose, and the attempt watches over it.
func newPool(connect time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: connect,
		MaxConnsPerHost:     maxConnections,
		MaxIdleConns:        maxIdleConnections,
		MaxIdleConnsPerHost: maxIdleConnections,
		IdleConnTimeout:     idleConnectionLife,
		DisableCompression:  true, // a compressed stream keeps tokens back in the compressor
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
}
