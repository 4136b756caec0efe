package v2_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// strangersKey is a key that nobody here publishes.
var strangersKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system has no randomness left: no test can go on
	}
	return key
})

// burglar has a learner's good token, the keys that are published, and a key of their own.
type burglar struct {
	victim *apitest.Learner
	server *apitest.Server
	header map[string]any
	claims map[string]any
}

func newBurglar(t *testing.T, s *apitest.Server) burglar {
	t.Helper()
	b := burglar{victim: s.SignUp(t), server: s}
	parts := strings.Split(b.victim.Tokens.AccessToken, ".")
	for i, into := range []*map[string]any{&b.header, &b.claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, into))
	}
	return b
}

// token makes one of the good header and claims with some changed; nil takes one away.
func (b burglar) token(t *testing.T, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(changed(b.claims, claims)))
	token.Header = changed(changed(b.header, map[string]any{"alg": method.Alg()}), header)
	text, err := token.SignedString(key)
	require.NoError(t, err)
	return text
}

func changed(good, changes map[string]any) map[string]any {
	out := maps.Clone(good)
	for name, value := range changes {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

// tries shows a token at every kind of door: none may open, and the victim goes on.
func (b burglar) tries(t *testing.T, token, why string) {
	t.Helper()
	l := b.server.Nobody()
	l.Tokens.AccessToken = token
	for _, path := range []string{"/users/me", "/users/me/export", "/tasks/019a2b4e-5c00-7000-8000-000000000007/events", "/admin/queues"} {
		a := l.Get(t, "%s", path)
		require.Equal(t, http.StatusUnauthorized, a.Status, "%s: %s", why, a.Body)
		require.True(t, strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer"), why)
	}
	b.victim.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
}

// published is the service's public key, as anybody can read it.
func (b burglar) published(t *testing.T) (*rsa.PublicKey, []byte) {
	t.Helper()
	var set struct{ Keys []json.RawMessage }
	b.server.Nobody().Get(t, "/.well-known/jwks.json").Expect(t, http.StatusOK, &set)
	var jwk struct{ N, E, Kid string }
	require.NoError(t, json.Unmarshal(set.Keys[0], &jwk))
	require.Equal(t, b.header["kid"], jwk.Kid)
	n, err := base64.RawURLEncoding.DecodeString(jwk.N)
	require.NoError(t, err)
	e, err := base64.RawURLEncoding.DecodeString(jwk.E)
	require.NoError(t, err)
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, set.Keys[0]
}

func TestAnUnsignedTokenIsRefused(t *testing.T) {
	t.Parallel()
	b := newBurglar(t, apitest.Shared(t))
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "RS256"} {
		token := b.token(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"alg": alg}, nil)
		b.tries(t, token, "alg "+alg)
		b.tries(t, strings.TrimSuffix(token, "."), "alg "+alg+", two parts")
	}
}

func TestThePublishedKeyIsNoSecretToSignWith(t *testing.T) {
	t.Parallel()
	b := newBurglar(t, apitest.Shared(t))
	public, jwk := b.published(t)
	for name, secret := range secretsOf(t, public) {
		for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
			b.tries(t, b.token(t, method, secret, nil, nil), method.Alg()+" "+name)
		}
		b.tries(t, b.token(t, jwt.SigningMethodHS256, secret, map[string]any{"alg": "RS256"}, nil), "HS256 called RS256, "+name)
	}
	b.tries(t, b.token(t, jwt.SigningMethodHS256, jwk, nil, nil), "HS256 with the JWK")
}

func TestAStrangersSignatureIsRefusedWhateverKeyItNames(t *testing.T) {
	t.Parallel()
	b := newBurglar(t, apitest.Shared(t))
	for _, kid := range []any{
		b.header["kid"], nil, "", "unknown", 7, []string{"a"}, map[string]any{}, "../../etc/passwd", "../../../../dev/null", `..\..\windows\win.ini`,
		"file:///dev/null", "http://127.0.0.1:1/key", "' or 1=1 --", "x' union select 'c2VjcmV0' --", "'; drop table signing_keys; --",
		"%00", "\x00", "a\r\nb: c", strings.Repeat("k", 8192),
	} {
		b.tries(t, b.token(t, jwt.SigningMethodRS256, strangersKey(), map[string]any{"kid": kid}, nil), "kid")
		b.tries(t, b.token(t, jwt.SigningMethodHS256, []byte{}, map[string]any{"kid": kid}, nil), "kid of an empty file")
	}
	newBurglar(t, b.server) // the keys are all there
}

func TestAKeyThatATokenBringsIsNotUsed(t *testing.T) {
	t.Parallel()
	b := newBurglar(t, apitest.Shared(t))
	asked := newBait(t)
	key := strangersKey()
	own := map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "stranger",
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": "AQAB",
	}
	for name, header := range map[string]map[string]any{
		"jwk":              {"jwk": own},
		"jwk and its kid":  {"jwk": own, "kid": "stranger"},
		"jku":              {"jku": asked.URL + "/jwks.json", "kid": "stranger"},
		"jku and our kid":  {"jku": asked.URL + "/jwks.json"},
		"x5u":              {"x5u": asked.URL + "/cert.pem", "kid": "stranger"},
		"x5c":              {"x5c": []string{base64.StdEncoding.EncodeToString(key.N.Bytes())}, "kid": "stranger"},
		"jku in the claim": {"kid": asked.URL + "/jwks.json"},
	} {
		b.tries(t, b.token(t, jwt.SigningMethodRS256, key, header, nil), name)
	}
	b.tries(t, b.token(t, jwt.SigningMethodRS256, key, map[string]any{"kid": "stranger"}, map[string]any{"iss": asked.URL}), "another issuer")
	require.Zero(t, asked.visits.Load(), "nobody goes where a token says")
}

func TestATamperedPayloadIsRefused(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	b := newBurglar(t, s)
	other := s.SignUp(t)
	for name, claims := range map[string]map[string]any{
		"roles": {"roles": []string{"admin"}}, "subject": {"sub": other.User.ID.String()}, "expiry": {"exp": 4102444800},
	} {
		text, err := json.Marshal(changed(b.claims, claims))
		require.NoError(t, err)
		parts := strings.Split(b.victim.Tokens.AccessToken, ".")
		parts[1] = base64.RawURLEncoding.EncodeToString(text)
		b.tries(t, strings.Join(parts, "."), name)
	}
	theirs := strings.Split(other.Tokens.AccessToken, ".")
	mine := strings.Split(b.victim.Tokens.AccessToken, ".")
	b.tries(t, mine[0]+"."+mine[1]+"."+theirs[2], "another token's signature")
}

func TestOneSecretIsNotTakenForAnother(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTenant())
	b := newBurglar(t, s)
	b.tries(t, b.victim.Tokens.RefreshToken, "a refresh token")
	refresh(t, s, b.victim.Tokens.AccessToken).Refused(t, http.StatusBadRequest, "request.invalid") // it is too long
	put(t, s.Nobody(), "/email-verifications", map[string]any{"token": b.victim.Tokens.RefreshToken}).
		Refused(t, http.StatusUnprocessableEntity, "auth.invalid_code")
	code := s.Mailed(t, string(b.victim.User.Email), apitest.SubjectVerify)
	put(t, s.Nobody(), "/password-resets", map[string]any{"token": code, "new_password": newPassword}).
		Refused(t, http.StatusUnprocessableEntity, "auth.invalid_code")
	b.tries(t, code, "a mailed code")
}
