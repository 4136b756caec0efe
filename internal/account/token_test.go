package account_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
)

const leeway = 30 * time.Second

func TestAnAccessTokenSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	header, claims := payload(t, in.Tokens.Access)
	require.Equal(t, map[string]any{"alg": "RS256", "typ": "JWT", "kid": b.newestKey().id}, header)
	id, _ := claims["jti"].(string)
	require.NoError(t, uuid.Validate(id))
	delete(claims, "jti")
	require.Equal(t, jwt.MapClaims{
		"iss": issuer, "aud": []any{audience}, "sub": in.User.ID.String(), "sid": in.Session.ID.String(),
		"iat": float64(start.Unix()), "exp": float64(start.Add(lifetime).Unix()), "roles": []any{"user"},
	}, claims)
}

func TestAnAccessTokenIsGoodForItsLifetimeAndTheLeeway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	access := b.join("ada@example.com").Tokens.Access
	b.clock.pass(lifetime + leeway - time.Second)
	_, err := authenticate(t, b.Service, access)
	require.NoError(t, err)
	b.clock.pass(time.Second)
	_, err = authenticate(t, b.Service, access)
	requireRefused(t, err)
}

func TestAClockThatIsBehindIsForgivenALittle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	access := b.join("ada@example.com").Tokens.Access
	b.clock.pass(-leeway)
	_, err := authenticate(t, b.Service, access)
	require.NoError(t, err)
	b.clock.pass(-time.Second)
	_, err = authenticate(t, b.service(), access) // one that has not verified it before
	requireRefused(t, err)
}

func TestAnAccessTokenIsNoBetterThanItsSession(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"session revoked":     "update sessions set revoked_at = created_at",
		"session over":        "update sessions set expires_at = created_at",
		"session gone":        "delete from sessions",
		"account deactivated": "update users set is_active = false",
		"account gone":        "delete from users",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			in := b.join("ada@example.com")
			_, err := authenticate(t, b.Service, in.Tokens.Access)
			require.NoError(t, err)
			b.exec(change)
			require.NoError(t, b.gate.Forget(t.Context(), in.User.ID.String(), in.Session.ID.String()))
			_, err = authenticate(t, b.Service, in.Tokens.Access)
			requireRefused(t, err, "where there is no copy the row decides")
		})
	}
}

// A forger makes tokens that differ from a good one in one thing.
type forger struct {
	t      *testing.T
	key    *rsa.PrivateKey // the service's own
	header map[string]any
	claims jwt.MapClaims
}

func (b *bench) forger() forger {
	b.t.Helper()
	key := b.newestKey()
	header, claims := payload(b.t, b.join("ada@example.com").Tokens.Access)
	return forger{b.t, key.open(b.t), header, claims}
}

// sign makes a token, properly signed, of the good claims with some changed; nil
// takes one away.
func (f forger) sign(changed jwt.MapClaims) string {
	return f.signWith(jwt.SigningMethodRS256, f.key, nil, changed)
}

func (f forger) signWith(method jwt.SigningMethod, key any, header map[string]any, changed jwt.MapClaims) string {
	f.t.Helper()
	token := jwt.NewWithClaims(method, merged(f.claims, changed))
	token.Header = merged(merged(f.header, map[string]any{"alg": method.Alg()}), header)
	text, err := token.SignedString(key)
	require.NoError(f.t, err)
	return text
}

func merged[M ~map[string]any](good, changed M) M {
	out := maps.Clone(good)
	for name, value := range changed {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

// publicPEM is the public key as an attacker finds it, for use as an HMAC secret.
func (f forger) publicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(&f.key.PublicKey)
	require.NoError(f.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// tampered is a good token whose payload says something else.
func (f forger) tampered() string {
	parts := strings.Split(f.sign(nil), ".")
	text, err := json.Marshal(merged(f.claims, jwt.MapClaims{"roles": []string{"admin"}}))
	require.NoError(f.t, err)
	parts[1] = base64.RawURLEncoding.EncodeToString(text)
	return strings.Join(parts, ".")
}

// TestForgedTokensAreRefused goes through the attacks of RFC 8725 and what some
// libraries let pass.
func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.forger()
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	rs256, hs256 := jwt.SigningMethodRS256, jwt.SigningMethodHS256
	now := start.Unix()

	good := f.sign(nil)
	_, err = authenticate(t, b.Service, good)
	require.NoError(t, err, "the forger's tools work")
	parts := strings.Split(good, ".")

	for name, token := range map[string]string{
		"empty":                     "",
		"not a token":               "abc",
		"two parts":                 parts[0] + "." + parts[1],
		"four parts":                good + "." + parts[2],
		"five parts, as encrypted":  good + ".a.b",
		"garbage in base64":         "!!." + parts[1] + "." + parts[2],
		"no signature":              parts[0] + "." + parts[1] + ".",
		"cut signature":             good[:len(good)-4],
		"tampered payload":          f.tampered(),
		"alg none":                  f.signWith(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, nil),
		"alg None":                  f.signWith(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"alg": "None"}, nil),
		"alg RS256, unsigned":       f.signWith(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"alg": "RS256"}, nil),
		"HS256 with the public key": f.signWith(hs256, f.publicPEM(), nil, nil),
		"HS256 with its DER":        f.signWith(hs256, x509.MarshalPKCS1PublicKey(&f.key.PublicKey), nil, nil),
		"HS256 with nothing":        f.signWith(hs256, []byte{}, nil, nil),
		"PS256 with our key":        f.signWith(jwt.SigningMethodPS256, f.key, nil, nil),
		"RS512 with our key":        f.signWith(jwt.SigningMethodRS512, f.key, nil, nil),
		"a stranger's key":          f.signWith(rs256, stranger, nil, nil),
		"a stranger's key and kid":  f.signWith(rs256, stranger, map[string]any{"kid": "stranger"}, nil),
		"unknown kid":               f.signWith(rs256, f.key, map[string]any{"kid": "unknown"}, nil),
		"no kid":                    f.signWith(rs256, f.key, map[string]any{"kid": nil}, nil),
		"kid of another type":       f.signWith(rs256, f.key, map[string]any{"kid": 7}, nil),
		"kid that injects":          f.signWith(rs256, f.key, map[string]any{"kid": "' or 1=1 --"}, nil),
		"crit header":               f.signWith(rs256, f.key, map[string]any{"crit": []string{"exp"}}, nil),
		"crit header, unknown":      f.signWith(rs256, f.key, map[string]any{"crit": []string{"x-ours"}, "x-ours": true}, nil),
		"crit header, empty":        f.signWith(rs256, f.key, map[string]any{"crit": []string{}}, nil),
		"wrong iss":                 f.sign(jwt.MapClaims{"iss": "https://evil.test"}),
		"iss that begins like ours": f.sign(jwt.MapClaims{"iss": issuer + ".evil.test"}),
		"no iss":                    f.sign(jwt.MapClaims{"iss": nil}),
		"iss of another type":       f.sign(jwt.MapClaims{"iss": []string{issuer}}),
		"wrong aud":                 f.sign(jwt.MapClaims{"aud": "another service"}),
		"no aud":                    f.sign(jwt.MapClaims{"aud": nil}),
		"empty aud":                 f.sign(jwt.MapClaims{"aud": []string{}}),
		"aud of another type":       f.sign(jwt.MapClaims{"aud": 7}),
		"no exp":                    f.sign(jwt.MapClaims{"exp": nil}),
		"exp of another type":       f.sign(jwt.MapClaims{"exp": "tomorrow"}),
		"exp zero":                  f.sign(jwt.MapClaims{"exp": 0}),
		"expired beyond the leeway": f.sign(jwt.MapClaims{"iat": now - 3600, "exp": now - 30}),
		"not yet valid":             f.sign(jwt.MapClaims{"nbf": now + 31}),
		"no iat":                    f.sign(jwt.MapClaims{"iat": nil}),
		"issued in the future":      f.sign(jwt.MapClaims{"iat": now + 31}),
		"no sub":                    f.sign(jwt.MapClaims{"sub": nil}),
		"sub of another type":       f.sign(jwt.MapClaims{"sub": 7}),
		"sub that is no id":         f.sign(jwt.MapClaims{"sub": "admin"}),
		"somebody else's sub":       f.sign(jwt.MapClaims{"sub": newID(t).String()}),
		"no sid":                    f.sign(jwt.MapClaims{"sid": nil}),
		"sid of another type":       f.sign(jwt.MapClaims{"sid": map[string]any{}}),
		"sid that is no id":         f.sign(jwt.MapClaims{"sid": "current"}),
		"somebody else's sid":       f.sign(jwt.MapClaims{"sid": newID(t).String()}),
		"roles of another type":     f.sign(jwt.MapClaims{"roles": "admin"}),
		"payload that is no object": parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`["a"]`)) + "." + parts[2],
	} {
		who, err := authenticate(t, b.Service, token)
		require.Error(t, err, name)
		requireRefused(t, err)
		require.Zero(t, who, name)
	}
}

func TestATokenThatDiffersHarmlesslyIsTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.forger()
	now := start.Unix()
	for name, token := range map[string]string{
		"more than one aud":        f.sign(jwt.MapClaims{"aud": []string{"another service", audience}}),
		"one aud, as text":         f.sign(jwt.MapClaims{"aud": audience}),
		"expired in the leeway":    f.sign(jwt.MapClaims{"exp": now - 29}),
		"valid in the leeway":      f.sign(jwt.MapClaims{"nbf": now + 30}),
		"a claim that we know not": f.sign(jwt.MapClaims{"x-ours": true}),
	} {
		_, err := authenticate(t, b.Service, token)
		require.NoError(t, err, name)
	}
}

func TestATokenOfAnotherServiceOnTheSameKeysIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.TokenAudience = "another service"
	_, err := authenticate(t, b.serviceWith(cfg), b.join("ada@example.com").Tokens.Access)
	requireRefused(t, err)
}

func TestWhileSessionsCannotBeReadNobodyIsLetPass(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	s := b.hurried()
	unlock := b.lock("users, sessions, refresh_tokens")
	for name, try := range map[string]func() error{
		"authenticate": func() error { _, err := authenticate(t, s, in.Tokens.Access); return err },
		"log in": func() error {
			_, err := s.LogIn(t.Context(), account.LogInInput{Email: "ada@example.com", Password: password})
			return err
		},
		"sign up": func() error { _, err := s.SignUp(t.Context(), newcomer("grace@example.com")); return err },
		"refresh": func() error { _, err := s.Refresh(t.Context(), in.Tokens.Refresh); return err },
		"read":    func() error { _, err := s.User(t.Context(), in.User.ID); return err },
	} {
		err := try()
		require.Error(t, err, name)
		requireAway(t, err)
	}
	unlock()
	_, err := authenticate(t, s, in.Tokens.Access)
	require.NoError(t, err)
}
