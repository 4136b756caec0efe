package auth0

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const managementPath = "/api/v2/"

// maxMargin is how long before its end a management token is renewed, at most.
const maxMargin = 5 * time.Minute

var errNoToken = errors.New("the tenant granted no token")

// tokenCache holds the token for the Management API. A tenant counts the tokens
// it grants to applications, and bills them.
type tokenCache struct {
	turn *turn
	held atomic.Pointer[managementToken]
}

type managementToken struct {
	value   string
	scopes  []string
	renewAt time.Time
}

// manage asks the Management API within one bound. A token that is refused was
// revoked or signed by a key that is gone: it is renewed once.
func (c *Client) manage(ctx context.Context, r request) (answer, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	token, err := c.managementToken(ctx, nil)
	if err != nil {
		return answer{}, err
	}
	r.token = token.value
	a, err := c.send(ctx, r)
	if err != nil || a.status != http.StatusUnauthorized {
		return a, err
	}
	if token, err = c.managementToken(ctx, token); err != nil {
		return answer{}, err
	}
	r.token = token.value
	return c.send(ctx, r)
}

// managementToken gives the token in hand, or a new one in place of it when it is
// about to expire or is the refused one.
func (c *Client) managementToken(ctx context.Context, refused *managementToken) (*managementToken, error) {
	good := func() bool {
		t := c.tokens.held.Load()
		return t != nil && t != refused && c.cfg.Now().Before(t.renewAt)
	}
	if good() {
		return c.tokens.held.Load(), nil
	}
	err := c.tokens.turn.take(ctx, func() error {
		if good() {
			return nil
		}
		t, err := c.grantManagement(ctx)
		if err != nil {
			return fmt.Errorf("management token: %w", err)
		}
		c.tokens.held.Store(t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.tokens.held.Load(), nil
}

func (c *Client) grantManagement(ctx context.Context) (*managementToken, error) {
	ctx, cancel := c.shared(ctx)
	defer cancel()
	a, err := c.send(ctx, request{method: http.MethodPost, path: tokenPath, repeatable: true, form: url.Values{
		"grant_type":    {grantCredentials},
		"client_id":     {c.cfg.ClientID},
		"client_secret": {c.cfg.ClientSecret},
		"audience":      {c.base + managementPath},
	}})
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		return nil, c.odd(a)
	}
	var g grant
	if err := a.read(&g); err != nil {
		return nil, err
	}
	if g.AccessToken == "" || g.ExpiresIn <= 0 {
		return nil, unavailable(errNoToken, 0)
	}
	life := time.Duration(min(g.ExpiresIn, int64(time.Hour*24*30/time.Second))) * time.Second
	return &managementToken{
		value:   g.AccessToken,
		scopes:  strings.Fields(g.Scope),
		renewAt: c.cfg.Now().Add(life - min(maxMargin, life/10)),
	}, nil
}

func (t *managementToken) may(scope string) bool { return slices.Contains(t.scopes, scope) }

// odd is the error for a refusal that no user causes: a setting of the tenant or
// of ours is wrong, and an operator has to act.
func (c *Client) odd(a answer) error {
	if a.status != http.StatusTooManyRequests {
		c.log.Error("auth0 refuses our requests", slog.Any("error", a.refused()))
	}
	return a.unexpected(c.cfg.Now())
}

// endpoint is the part of a path that names no user.
func endpoint(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if rest, ok := strings.CutPrefix(path, managementPath); ok {
		collection, _, _ := strings.Cut(rest, "/")
		return managementPath + collection
	}
	return path
}
