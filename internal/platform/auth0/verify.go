package auth0

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	leeway   = 30 * time.Second // between the tenant's clock and ours
	maxToken = 16 << 10         // a longer one is refused unread
)

var (
	errLongToken = errors.New("the token is longer than allowed")
	errCritical  = errors.New("the header demands what nobody here understands (crit)")
	errNoKeyID   = errors.New("the header names no key")
	errNoSubject = errors.New("the token names no subject")
	errNoIssue   = errors.New("the token does not say when it was issued")
)

// Claims is what an access token says, once it is believed.
type Claims struct {
	// Subject is the user; of a token got by client credentials, which is nobody's,
	// it is the application: its id with "@clients" at the end.
	Subject string
	// Family is what tokens of one sign-in have in common, as well as the tenant
	// tells it: the claim sid or https://fluentpro/sid (an Action of the tenant can
	// set the latter), else the application and the time of the sign-in, else the
	// application alone.
	Family    string
	ClientID  string // the application that got it (azp); may be empty
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// claims is the token's own form.
type claims struct {
	jwt.RegisteredClaims
	Party    string           `json:"azp"`
	Session  string           `json:"sid"`
	OwnClaim string           `json:"https://fluentpro/sid"`
	AuthTime *jwt.NumericDate `json:"auth_time"`
}

func (c claims) family() string {
	switch {
	case c.Session != "":
		return c.Session
	case c.OwnClaim != "":
		return c.OwnClaim
	case c.AuthTime != nil:
		return c.Party + "/" + strconv.FormatInt(c.AuthTime.Unix(), 10)
	default:
		return c.Party
	}
}

// Verify believes an access token of the tenant for Config.Audience: signed with
// RS256 by a key the tenant publishes, issued by the tenant, not expired and not
// from the future, 30 s of clock difference aside. It asks the tenant only for
// keys it does not know.
//
// Errors: ErrInvalidToken with the cause; server.unavailable when no keys could
// ever be read. Whether the user still exists, or is blocked, is not asked.
func (c *Client) Verify(ctx context.Context, token string) (Claims, error) {
	said, err := c.believe(ctx, c.access, token)
	if err != nil {
		return Claims{}, fmt.Errorf("auth0: verify token: %w", err)
	}
	if said.IssuedAt == nil { // RFC 9068: required; whether a family was ended since hangs on it
		return Claims{}, fmt.Errorf("auth0: verify token: %w: %w", ErrInvalidToken, errNoIssue)
	}
	return Claims{
		Subject: said.Subject, Family: said.family(), ClientID: said.Party,
		IssuedAt: said.IssuedAt.Time, ExpiresAt: said.ExpiresAt.Time,
	}, nil
}

// believe checks a token's signature, then its claims.
func (c *Client) believe(ctx context.Context, parser *jwt.Parser, token string) (claims, error) {
	if len(token) > maxToken {
		return claims{}, fmt.Errorf("%w: %w", ErrInvalidToken, errLongToken)
	}
	var (
		said claims
		away error // why the key could not be looked up
	)
	_, err := parser.ParseWithClaims(token, &said, func(t *jwt.Token) (any, error) {
		id, err := keyID(t.Header)
		if err != nil {
			return nil, err
		}
		key, err := c.keys.find(ctx, id)
		if err != nil {
			if !errors.Is(err, errUnknownKey) {
				away = err
			}
			return nil, err
		}
		return key, nil
	})
	switch {
	case away != nil:
		return claims{}, away
	case err != nil:
		return claims{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	case said.Subject == "":
		return claims{}, fmt.Errorf("%w: %w", ErrInvalidToken, errNoSubject)
	}
	return said, nil
}

// keyID reads the header. The library ignores `crit`, which RFC 7515 forbids.
func keyID(header map[string]any) (string, error) {
	if _, demands := header["crit"]; demands {
		return "", errCritical
	}
	id, ok := header["kid"].(string)
	if !ok || id == "" {
		return "", errNoKeyID
	}
	return id, nil
}
