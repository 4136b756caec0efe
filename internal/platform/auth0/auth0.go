// Package auth0 is the way to an Auth0 tenant: it proves a password, keeps the
// tenant's users and verifies the tokens that the tenant signs. It knows no user
// of ours; a subject is the tenant's name for one of its own.
//
// It promises that
//   - a call ends: every request has a bound in time and size, is repeated only
//     where a repetition changes nothing, and a breaker answers at once while the
//     tenant is down;
//   - a token is believed only when a key that the tenant publishes signed it,
//     with RS256 whatever its header says, and it was issued by the tenant, for
//     us, for now;
//   - tokens go on being verified while the tenant is down, once its keys were
//     read;
//   - neither a password, a secret, a token nor the tenant's free text appears in
//     an error or a log line: of a refusal only its status and code are kept.
//
// Every error is one of the exported ones, the end of the caller's own context,
// or a fault server.unavailable, which is also what a wrong setting of the tenant
// looks like to a learner; Check tells an operator which.
//
// Its limits: one database connection of one tenant, reached under the tenant's
// own domain, since the Management API answers under no custom one; the
// application in the tenant must be confidential, with "Trust Token Endpoint IP
// Header" on, else brute-force protection sees one address for all learners; the
// breaker and the caches are one process's own; a proxy needs an HTTPClient of
// its own, since nothing here reads the environment.
//
// The sources are https://auth0.com/docs/api/authentication,
// https://auth0.com/docs/api/management/v2 and RFC 6749, 7517, 7519 and 8725.
package auth0

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Client talks to one tenant. It is safe for concurrent use.
type Client struct {
	cfg     Config
	base    string // scheme and host, without a slash at the end
	web     *http.Client
	pool    *http.Transport // nil when the caller brought a client
	breaker *breaker
	log     *slog.Logger

	keys   *keySet
	access *jwt.Parser // of access tokens for Config.Audience
	id     *jwt.Parser // of id tokens for Config.ClientID
	tokens tokenCache

	mu     sync.Mutex // guards closed against running
	closed bool
	ended  context.Context // once Close was called
	end    context.CancelFunc
	behind sync.WaitGroup // what runs in the background
}

// New makes a client; it connects to nothing yet, so that a start is possible
// while the tenant is down. Its errors name each setting that is missing or
// cannot work, and quote none.
func New(cfg Config) (*Client, error) {
	base, err := cfg.check()
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Client{cfg: cfg, base: base, log: cfg.Logger, breaker: newBreaker(cfg.Breaker, cfg.Logger)}
	c.ended, c.end = context.WithCancel(context.Background())
	c.web, c.pool = newWeb(cfg)
	c.access, c.id = newParser(c.Issuer(), cfg.Audience, cfg.Now), newParser(c.Issuer(), cfg.ClientID, cfg.Now)
	c.keys = &keySet{fetch: c.fetchKeys, now: cfg.Now, run: c.run, turn: newTurn()}
	c.tokens.turn = newTurn()
	return c, nil
}

// Issuer is the `iss` of every token of the tenant, with the slash at its end.
func (c *Client) Issuer() string { return c.base + "/" }

// Close ends what runs in the background and gives idle connections of the
// client's own pool back. Calls under way are not disturbed. It may be called
// more than once.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.end()
	c.behind.Wait()
	if c.pool != nil {
		c.pool.CloseIdleConnections()
	}
}

// run does work in the background that Close waits for; after Close it is not done.
func (c *Client) run(work func(context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.behind.Go(func() { work(c.ended) })
	}
}

// bound gives one operation, with all its requests and waits, its time.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.cfg.Timeout, errTimeout)
}

// shared is bound for an outcome that others wait for too: the caller's leaving
// does not end it, only time does.
func (c *Client) shared(ctx context.Context) (context.Context, context.CancelFunc) {
	return c.bound(context.WithoutCancel(ctx))
}

// newWeb makes the connections to the tenant.
func newWeb(cfg Config) (*http.Client, *http.Transport) {
	var (
		web  http.Client
		pool *http.Transport
	)
	if cfg.HTTPClient != nil {
		web = *cfg.HTTPClient
	} else {
		pool = newPool(cfg.Timeout)
		web.Transport = pool
	}
	// A redirect would carry a password to a host nobody configured.
	web.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	web.Jar = nil
	return &web, pool
}

func newParser(issuer, audience string, now func() time.Time) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway), jwt.WithTimeFunc(now), jwt.WithStrictDecoding(),
	)
}
