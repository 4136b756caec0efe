package auth0

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says which tenant and who we are to it. Domain, ClientID, ClientSecret,
// Connection and Audience are required; the zero value of every other field
// takes its default.
type Config struct {
	// Domain is the tenant's own: a host, such as fluentpro.eu.auth0.com, or its
	// https URL without a path. http is taken for a loopback host alone.
	Domain       string
	ClientID     string // of the confidential application that signs learners in and keeps the users
	ClientSecret string // surrounding space is dropped, as a secret read from a file often ends in a newline
	Connection   string // the database connection's name, which is also the realm
	Audience     string // the API's identifier: access tokens must have it as their `aud`

	// Timeout bounds one operation, its repetitions and waits included; 5 s by default.
	Timeout     time.Duration
	MaxAttempts int           // of a request that may be repeated; 3 by default, 1 never repeats
	RetryWait   time.Duration // before the second attempt, then doubled, jittered by half; 200 ms by default
	Breaker     BreakerConfig

	HTTPClient *http.Client     // nil: a pool of the client's own; the given one is copied and not closed
	Now        func() time.Time // nil: time.Now; judges tokens and caches, not timeouts
	Logger     *slog.Logger     // nil: silent
}

// BreakerConfig sets when the client stops asking a tenant that is down.
type BreakerConfig struct {
	Failures int           // failed attempts in a row that open it; 5 by default
	OpenFor  time.Duration // how long it then refuses before one trial is let through; 10 s by default
}

const (
	maxConnections     = 64 // to the tenant
	idleConnectionLife = 90 * time.Second
	keepAlive          = 30 * time.Second
)

// What is wrong with a Config; none quotes a value, which may hold a secret.
var (
	errBadDomain  = errors.New("auth0: the domain is neither a host nor an https URL without a path (http is for loopback hosts)")
	errNoClientID = errors.New("auth0: the client id is missing")
	errNoSecret   = errors.New("auth0: the client secret is missing")
	errNoRealm    = errors.New("auth0: the connection is missing")
	errNoAudience = errors.New("auth0: the audience is missing")
	errOneMeaning = errors.New("auth0: the audience is the client id, so that id tokens would pass for access tokens")
)

func (c Config) withDefaults() Config {
	c.ClientSecret = strings.TrimSpace(c.ClientSecret)
	c.Timeout = positive(c.Timeout, 5*time.Second)
	c.MaxAttempts = positive(c.MaxAttempts, 3)
	c.RetryWait = positive(c.RetryWait, 200*time.Millisecond)
	c.Breaker.Failures = positive(c.Breaker.Failures, 5)
	c.Breaker.OpenFor = positive(c.Breaker.OpenFor, 10*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
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

// check gives the tenant's scheme and host, or all that is wrong.
func (c Config) check() (base string, err error) {
	base, err = origin(c.Domain)
	faults := []error{err}
	for _, need := range []struct {
		value string
		err   error
	}{{c.ClientID, errNoClientID}, {c.ClientSecret, errNoSecret}, {c.Connection, errNoRealm}, {c.Audience, errNoAudience}} {
		if strings.TrimSpace(need.value) == "" {
			faults = append(faults, need.err)
		}
	}
	if c.Audience != "" && c.Audience == c.ClientID {
		faults = append(faults, errOneMeaning)
	}
	return base, errors.Join(faults...)
}

// origin reads a domain in either of its forms.
func origin(domain string) (string, error) {
	domain = strings.TrimSuffix(strings.TrimSpace(domain), "/")
	if !strings.Contains(domain, "://") {
		domain = "https://" + domain
	}
	u, err := url.Parse(domain)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errBadDomain
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return u.Scheme + "://" + strings.ToLower(u.Host), nil
	}
	return "", errBadDomain
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// newPool makes the client's own connections.
func newPool(connect time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: connect, KeepAlive: keepAlive}).DialContext,
		TLSHandshakeTimeout: connect,
		MaxConnsPerHost:     maxConnections,
		MaxIdleConnsPerHost: maxConnections,
		IdleConnTimeout:     idleConnectionLife,
		ForceAttemptHTTP2:   true,
	}
}
