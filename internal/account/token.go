package account

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// clockLeeway forgives clocks that differ.
const clockLeeway = 30 * time.Second

// refreshBytes is the entropy of a refresh token.
const refreshBytes = 32

// claims of an access token; names are those of RFC 7519 and RFC 9068.
type claims struct {
	jwt.RegisteredClaims
	Session string   `json:"sid"`
	Roles   []string `json:"roles"`
}

// Principal is who a valid access token speaks for.
type Principal struct {
	UserID    uuid.UUID
	SessionID uuid.UUID
	Roles     []string
	ExpiresAt time.Time
}

// An issuer signs and verifies access tokens: RS256 only, whatever a token says
// of itself (RFC 8725).
type issuer struct {
	keys     *keyring
	name     string
	audience string
	lifetime time.Duration
	now      func() time.Time
	parser   *jwt.Parser
}

func newIssuer(keys *keyring, cfg Config) *issuer {
	return &issuer{
		keys: keys, name: cfg.TokenIssuer, audience: cfg.TokenAudience, lifetime: cfg.AccessLifetime, now: cfg.Now,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
			jwt.WithIssuer(cfg.TokenIssuer), jwt.WithAudience(cfg.TokenAudience),
			jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(clockLeeway), jwt.WithTimeFunc(cfg.Now),
		),
	}
}

func (i *issuer) sign(user, session uuid.UUID, roles []string) (string, error) {
	now := i.now()
	key := i.keys.signer()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: i.name, Audience: jwt.ClaimStrings{i.audience}, Subject: user.String(), ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(i.lifetime)),
		},
		Session: session.String(), Roles: roles,
	})
	token.Header["kid"] = key.id
	text, err := token.SignedString(key.private)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text, nil
}

// verify checks everything a token says of itself; whether its session still
// lives is another question. Faults: auth.invalid_token, server.unavailable.
func (i *issuer) verify(ctx context.Context, text string) (Principal, error) {
	var c claims
	_, err := i.parser.ParseWithClaims(text, &c, func(t *jwt.Token) (any, error) {
		if _, critical := t.Header["crit"]; critical { // RFC 7515: not understood, so refused
			return nil, jwt.ErrTokenUnverifiable
		}
		kid, _ := t.Header["kid"].(string)
		return i.keys.public(ctx, kid)
	})
	if fault.Find(err) != nil { // whether the key is ours cannot be known now
		return Principal{}, err
	}
	if err != nil {
		return Principal{}, ErrInvalidToken.WithCause(err)
	}
	if c.IssuedAt == nil { // RFC 9068: required; the parser checks one that is there
		return Principal{}, ErrInvalidToken.WithCause(jwt.ErrTokenRequiredClaimMissing)
	}
	user, err := uuid.Parse(c.Subject)
	if err != nil {
		return Principal{}, ErrInvalidToken.WithCause(err)
	}
	session, err := uuid.Parse(c.Session)
	if err != nil {
		return Principal{}, ErrInvalidToken.WithCause(err)
	}
	return Principal{UserID: user, SessionID: session, Roles: c.Roles, ExpiresAt: c.ExpiresAt.Time}, nil
}

// newRefresh makes the first refresh token of a session.
func newRefresh() string {
	var b [refreshBytes]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// successor derives the next refresh token, so that a repeat of the last
// exchange can give the same answer although only hashes are stored.
func successor(secret []byte, token string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(token))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func refreshHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// issuerOf reads whom a token says it is from, so that the right keys can be asked;
// it proves nothing.
func issuerOf(token string) string {
	var c jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &c); err != nil {
		return ""
	}
	return c.Issuer
}
