// Package fluentpro is the Go SDK of the FluentPro API, version 2.
//
// It adds to the client that is generated from the contract (package client, whose
// methods a Client has) what a program would otherwise write by itself:
//
//   - an answer that is a problem (RFC 9457) comes back as an error, a *Problem;
//   - the access token is sent with each request, and refreshed once it is refused;
//   - a reply or a task is read as it comes, through as many connections as that takes;
//   - Realtime is a WebSocket for all that moves, which comes back by itself.
//
// It promises that a stream which ends without an error was whole: each event once, in
// order, up to the last one. A message said with Say is said once, whatever becomes of
// the connection.
//
// Its limits: a request that is no stream is sent once, and once more where the token
// was refused; its timeout is that of its context. Tokens live in memory: Config.Changed
// is where to keep them.
package fluentpro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fluentpro/fluentpro/gen/client"
)

// Config says which service, and as whom.
type Config struct {
	// URL is the root of the service, such as https://api.example.com.
	URL string
	// Tokens are those of an earlier sign-in; the zero value: nobody is signed in, and
	// Client.Use signs in.
	Tokens client.Tokens
	// Refresh gives new tokens where the access token is refused; nil: refreshSession
	// does. It is called by one goroutine at a time, for whom all others wait; what it asks
	// this client with its context is sent without a token.
	Refresh func(ctx context.Context, old client.Tokens) (client.Tokens, error)
	// Changed is told of each refresh, to keep the new tokens: a refresh token is good
	// once. nil: nobody is.
	Changed func(client.Tokens)
	// HTTP does the requests; nil: a client of its own without a timeout, since streams
	// are long.
	HTTP *http.Client
}

// Client talks to one service as one user. Its methods may be called by many at once.
// Those of the generated client whose names end in WithResponse give a *Problem as error;
// so do the others, of which only the streams are of use: their bodies are the caller's.
type Client struct {
	*client.ClientWithResponses

	raw    *client.Client
	signer *signer
	quiet  time.Duration // after which a silent stream counts as lost

	refreshes bool                                                 // by Config.Refresh
	pause     func(failures int, hint time.Duration) time.Duration // before a WebSocket comes back
}

// New makes a Client. Nothing is asked for yet.
func New(cfg Config) (*Client, error) {
	if root, err := url.Parse(cfg.URL); err != nil || root.Host == "" {
		return nil, fmt.Errorf("fluentpro: Config.URL %q must be one such as https://api.example.com", cfg.URL)
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{}
	}
	s := &signer{http: cfg.HTTP, tokens: cfg.Tokens, refresh: cfg.Refresh, changed: cfg.Changed}
	raw, err := client.NewClient(strings.TrimSuffix(cfg.URL, "/")+"/api/v2", client.WithHTTPClient(s))
	if err != nil {
		return nil, fmt.Errorf("fluentpro: %w", err)
	}
	c := &Client{ClientWithResponses: &client.ClientWithResponses{ClientInterface: raw}, raw: raw, signer: s, quiet: quietLimit, refreshes: cfg.Refresh != nil, pause: comeBack}
	if s.refresh == nil {
		s.refresh = c.refreshSession
	}
	return c, nil
}

// Use signs in with tokens that signUp or logIn gave.
func (c *Client) Use(t client.Tokens) { c.signer.use(t) }

// Tokens are those in use.
func (c *Client) Tokens() client.Tokens { return c.signer.current() }

var errSignedOut = errors.New("fluentpro: nobody is signed in")

func (c *Client) refreshSession(ctx context.Context, old client.Tokens) (client.Tokens, error) {
	if old.RefreshToken == "" {
		return old, errSignedOut
	}
	in := client.RefreshRequest{RefreshToken: old.RefreshToken}
	answer, err := c.RefreshSessionWithResponse(ctx, in)
	if _, refused := errors.AsType[*Problem](err); err != nil && !refused {
		// The answer was lost. The service answers the same token alike for some seconds.
		answer, err = c.RefreshSessionWithResponse(ctx, in)
	}
	if err != nil {
		return old, err
	}
	if answer.JSON200 == nil {
		return old, fmt.Errorf("fluentpro: refreshSession: %w", errUnexpected)
	}
	return answer.JSON200.Tokens, nil
}
