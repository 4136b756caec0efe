package auth0

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

const (
	tokenPath        = "/oauth/token"
	grantRealm       = "http://auth0.com/oauth/grant-type/password-realm"
	grantCredentials = "client_credentials"
)

// grant is the tenant's answer to a grant.
type grant struct {
	AccessToken string `json:"access_token"`
	IDToken     string `json:"id_token"`
	Scope       string `json:"scope"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
}

// Prove finds out whether a password is right, and whose it is: the subject comes
// from an id token that is verified. address is the learner's IP address, by which
// the tenant counts wrong passwords; anything else is left out, and our own counts.
// It is sent once: again only when it cannot have arrived, or was turned away by a
// rate limit before it was looked at.
//
// Errors: ErrWrongPassword, ErrBlocked, ErrPasswordLeaked, ErrMFARequired,
// *TooManyError, server.unavailable.
func (c *Client) Prove(ctx context.Context, email, password, address string) (subject string, err error) {
	subject, err = c.prove(ctx, email, password, address)
	if err != nil {
		return "", fmt.Errorf("auth0: prove password: %w", err)
	}
	return subject, nil
}

func (c *Client) prove(ctx context.Context, email, password, address string) (string, error) {
	if email == "" || password == "" {
		return "", ErrWrongPassword
	}
	if _, err := netip.ParseAddr(address); err != nil {
		address = ""
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	a, err := c.send(ctx, request{method: http.MethodPost, path: tokenPath, address: address, form: url.Values{
		"grant_type":    {grantRealm},
		"realm":         {c.cfg.Connection},
		"client_id":     {c.cfg.ClientID},
		"client_secret": {c.cfg.ClientSecret},
		"username":      {email},
		"password":      {password},
		"scope":         {"openid"},
	}})
	if err != nil {
		return "", err
	}
	if !a.ok() {
		return "", c.unproven(a)
	}
	var g grant
	if err := a.read(&g); err != nil {
		return "", err
	}
	said, err := c.believe(ctx, c.id, g.IDToken)
	if errors.Is(err, ErrInvalidToken) { // the tenant's fault: the caller showed no token
		return "", unavailable(errors.New("id token: "+err.Error()), 0)
	}
	return said.Subject, err
}

// unproven gives a refused grant its meaning.
func (c *Client) unproven(a answer) error {
	blocked := a.refusal.Err == "unauthorized" && strings.Contains(strings.ToLower(a.refusal.Description), "blocked")
	switch {
	case a.status == http.StatusTooManyRequests:
		return a.tooMany(c.cfg.Now())
	case a.refusal.Err == "invalid_grant", a.refusal.Err == "invalid_user_password":
		return ErrWrongPassword
	case a.refusal.Err == "mfa_required", a.refusal.Err == "mfa_registration_required":
		return ErrMFARequired
	case a.refusal.Err == "password_leaked":
		return ErrPasswordLeaked
	case blocked:
		return ErrBlocked
	default:
		return c.odd(a)
	}
}
