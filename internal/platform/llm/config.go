package llm

import (
	"errors"
	"log/slog"
	"net"
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

	MaxAttempts   int           // attempts before the first text; 3 by default, 1 never retries
	RetryWait     time.Duration // wait before the second attempt, then doubled, jittered by half; 250 ms by default
	MaxRetryAfter time.Duration // a longer Retry-After is not waited for but returned to the caller; 10 s by default

	MaxReplyBytes int // a longer reply ends here with finish reason length; 256 KiB by default

	Breaker   BreakerConfig
	Transport http.RoundTripper // nil: a pool of the client's own; the given one is not closed
	Logger    *slog.Logger      // nil: silent
}

// BreakerConfig sets when the client stops asking a provider that is down.
type BreakerConfig struct {
	Failures int           // failed attempts in a row that open it; 5 by default
	OpenFor  time.Duration // how long it then refuses before one trial is let through; 10 s by default
}

const (
	maxConnections     = 1024             // to the provider; each HTTP/1 stream needs one of its own
	maxIdleConnections = 64               // kept warm, so that a reply rarely waits for a handshake
	idleConnectionLife = 90 * time.Second // below the usual cut-off of load balancers
	pingAfter          = 15 * time.Second // an HTTP/2 connection gone dead is noticed, not waited on
	pingTimeout        = 5 * time.Second
)

var (
	errBadBaseURL = errors.New("the base URL of the model is not an http or https URL")
	errNoModel    = errors.New("no model is named")
)

func (c Config) withDefaults() Config {
	c.BaseURL = strings.TrimRight(strings.TrimSpace(c.BaseURL), "/")
	c.APIKey = strings.TrimSpace(c.APIKey) // a key read from a file often ends in a newline
	c.ConnectTimeout = positive(c.ConnectTimeout, 10*time.Second)
	c.FirstTokenTimeout = positive(c.FirstTokenTimeout, 20*time.Second)
	c.IdleTimeout = positive(c.IdleTimeout, 15*time.Second)
	c.TotalTimeout = positive(c.TotalTimeout, 3*time.Minute)
	c.MaxAttempts = positive(c.MaxAttempts, 3)
	c.RetryWait = positive(c.RetryWait, 250*time.Millisecond)
	c.MaxRetryAfter = positive(c.MaxRetryAfter, 10*time.Second)
	c.MaxReplyBytes = positive(c.MaxReplyBytes, 256<<10)
	c.Breaker.Failures = positive(c.Breaker.Failures, 5)
	c.Breaker.OpenFor = positive(c.Breaker.OpenFor, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// positive gives v, or fallback where v is not set.
func positive[T time.Duration | int](v, fallback T) T {
	if v <= 0 {
		return fallback
	}
	return v
}

// check finds settings that no attempt could work with. Its errors do not quote
// the URL, which may hold credentials.
func (c Config) check() error {
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errBadBaseURL
	}
	if c.Model == "" {
		return errNoModel
	}
	return nil
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
