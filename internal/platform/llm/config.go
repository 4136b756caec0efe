package llm

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says which model, where, and how long to wait for it. The zero value
// of every field but BaseURL and Model takes its default.
type Config struct {
	BaseURL string // up to and including the version, such as https://api.openai.com/v1; required
	APIKey  string // sent as a bearer token; empty for providers without keys; surrounding space is dropped
	Model   string // the provider's name of the model; required

	// ConnectTimeout bounds dialling and the TLS handshake of the client's own
	// pool; 10 s by default. A Transport brings its own.
	ConnectTimeout time.Duration
	// FirstTokenTimeout bounds one attempt from its start to the first text,
	// response headers included, since many providers hold the headers back
	// until the model speaks; 20 s by default.
	FirstTokenTimeout time.Duration
	// IdleTimeout is the longest silence between two texts; 15 s by default.
	// Comments and empty events are silence too.
	IdleTimeout time.Duration
	// TotalTimeout bounds the whole call, all attempts and waits; 3 min by default.
	TotalTimeout time.Duration

	MaxAttempts   int           // attempts of Complete, and of Stream before the first text; 3 by default, 1 never retries
	RetryWait     time.Duration // wait before the second attempt, then doubled, jittered by half; 250 ms by default
	MaxRetryAfter time.Duration // a longer Retry-After is not waited for but returned to the caller; 10 s by default

	MaxReplyBytes int // a longer reply ends here with finish reason length; 256 KiB by default

	Price     *Price // of the model, for metrics; nil: not known
	Breaker   BreakerConfig
	Transport http.RoundTripper // nil: a pool of the client's own; the given one is not closed
	Logger    *slog.Logger      // nil: silent
}

// BreakerConfig sets when a client stops asking a provider that is down.
type BreakerConfig struct {
	Failures int           // failed attempts in a row that open it; 5 by default
	OpenFor  time.Duration // how long it then refuses before one trial is let through; 10 s by default
}

var (
	errBadBaseURL = errors.New("the base URL of the model is not an http or https URL")
	errNoModel    = errors.New("no model is named")
)

func (c Config) withDefaults() Config {
	c.BaseURL, c.APIKey = trimURL(c.BaseURL), strings.TrimSpace(c.APIKey) // a key read from a file often ends in a newline
	c.ConnectTimeout = positive(c.ConnectTimeout, 10*time.Second)
	c.FirstTokenTimeout = positive(c.FirstTokenTimeout, 20*time.Second)
	c.IdleTimeout = positive(c.IdleTimeout, 15*time.Second)
	c.TotalTimeout = positive(c.TotalTimeout, 3*time.Minute)
	c.MaxAttempts = positive(c.MaxAttempts, 3)
	c.RetryWait = positive(c.RetryWait, 250*time.Millisecond)
	c.MaxRetryAfter = positive(c.MaxRetryAfter, 10*time.Second)
	c.MaxReplyBytes = positive(c.MaxReplyBytes, 256<<10)
	c.Breaker = c.Breaker.withDefaults()
	c.Logger = orSilent(c.Logger)
	return c
}

func (b BreakerConfig) withDefaults() BreakerConfig {
	return BreakerConfig{Failures: positive(b.Failures, 5), OpenFor: positive(b.OpenFor, 10*time.Second)}
}

func orSilent(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

func trimURL(base string) string { return strings.TrimRight(strings.TrimSpace(base), "/") }

// positive gives v, or fallback where v is not set.
func positive[T time.Duration | int](v, fallback T) T {
	if v <= 0 {
		return fallback
	}
	return v
}

// check finds settings that no attempt could work with.
func (c Config) check() error {
	if c.Model == "" {
		return errNoModel
	}
	return checkURL(c.BaseURL)
}

// checkURL does not quote the URL in its error: it may hold credentials.
func checkURL(base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errBadBaseURL
	}
	return nil
}
