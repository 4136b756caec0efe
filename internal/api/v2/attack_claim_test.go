package v2_test

import (
	"bufio"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
)

// secretsOf is a public key in the forms that some library takes for an HMAC secret.
func secretsOf(t *testing.T, public *rsa.PublicKey) map[string][]byte {
	t.Helper()
	pkix, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	pkcs1 := x509.MarshalPKCS1PublicKey(public)
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})
	return map[string][]byte{
		"PEM": text, "PEM without its last newline": text[:len(text)-1], "DER": pkix,
		"PEM of PKCS 1": pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}), "DER of PKCS 1": pkcs1,
		"modulus": public.N.Bytes(), "nothing": {},
	}
}

// bait is a server that must not be asked.
type bait struct {
	*httptest.Server
	visits atomic.Int64
}

func newBait(t *testing.T) *bait {
	t.Helper()
	b := &bait{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b.visits.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(b.Close)
	return b
}

// differing starts a service that signs with the same keys, has the same sessions, and
// differs in one thing.
func differing(t *testing.T, first *apitest.Server, option apitest.Option) *apitest.Server {
	t.Helper()
	return apitest.New(t, apitest.Beside(first), option)
}

// requireStranger checks that a token is good where it was made and nowhere else.
func requireStranger(t *testing.T, s, other *apitest.Server) {
	t.Helper()
	theirs, ours := other.SignUp(t), s.SignUp(t)
	theirs.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
	requireRefused(t, theirs.On(s))
	requireRefused(t, ours.On(other))
	refresh(t, s, theirs.Tokens.RefreshToken).Expect(t, http.StatusOK, nil)
}

func TestATokenOfAnotherIssuerIsRefused(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	for _, issuer := range []string{"http://staging.fluentpro.test", "http://fluentpro.test/", "http://fluentpro.test.evil.test", "https://fluentpro.test"} {
		requireStranger(t, s, differing(t, s, apitest.WithConfig(func(c *app.Config) { c.TokenIssuer = issuer })))
	}
}

func TestATokenForAnotherAudienceIsRefused(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	for _, audience := range []string{"fluentpro-admin", "fluent", "FLUENTPRO"} {
		requireStranger(t, s, differing(t, s, apitest.WithConfig(func(c *app.Config) { c.TokenAudience = audience })))
	}
}

func TestAnExpiredTokenIsRefused(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	s.Clock.Advance(s.Config.TokenLifetime + time.Minute)
	requireRefused(t, l)
	refresh(t, s, l.Tokens.RefreshToken).Expect(t, http.StatusOK, nil)
}

func TestATokenFromTheFutureIsRefused(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	ahead := &apitest.Clock{}
	ahead.Advance(2 * time.Minute)
	l := differing(t, s, apitest.WithClock(ahead)).SignUp(t)
	requireRefused(t, l.On(s))
	s.Clock.Advance(2 * time.Minute)
	l.On(s).Get(t, "/users/me").Expect(t, http.StatusOK, nil)
}

// The tenant signs whatever a test wants, with a key that is believed: these fail for
// what they say alone.
func TestAWellSignedTokenThatSaysTheWrongThingsIsRefused(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTenant())
	subject, _ := somebody(s)
	now := s.Clock.Now().Unix()
	for name, change := range map[string]func(claims, header map[string]any){
		"no exp":               func(c, _ map[string]any) { delete(c, "exp") },
		"no aud":               func(c, _ map[string]any) { delete(c, "aud") },
		"no iat":               func(c, _ map[string]any) { delete(c, "iat") },
		"no iss":               func(c, _ map[string]any) { delete(c, "iss") },
		"no sub":               func(c, _ map[string]any) { delete(c, "sub") },
		"empty sub":            func(c, _ map[string]any) { c["sub"] = "" },
		"expired":              func(c, _ map[string]any) { c["iat"], c["exp"] = now-3600, now-60 },
		"nbf in the future":    func(c, _ map[string]any) { c["nbf"] = now + 120 },
		"iat in the future":    func(c, _ map[string]any) { c["iat"] = now + 120 },
		"another audience":     func(c, _ map[string]any) { c["aud"] = "https://api.another.test" },
		"an id token":          func(c, _ map[string]any) { c["aud"] = tenant.DefaultClientID },
		"our audience":         func(c, _ map[string]any) { c["aud"] = s.Config.TokenAudience },
		"another issuer":       func(c, _ map[string]any) { c["iss"] = "https://evil.test/" },
		"our issuer":           func(c, _ map[string]any) { c["iss"], c["aud"] = s.Config.TokenIssuer, s.Config.TokenAudience },
		"crit of a known name": func(_, h map[string]any) { h["crit"] = []string{"exp"} },
		"crit of ours":         func(_, h map[string]any) { h["crit"], h["x-ours"] = []string{"x-ours"}, true },
		"empty crit":           func(_, h map[string]any) { h["crit"] = []string{} },
		"alg none":             func(_, h map[string]any) { h["alg"] = "none" },
		"alg HS256":            func(_, h map[string]any) { h["alg"] = "HS256" },
		"alg RS512":            func(_, h map[string]any) { h["alg"] = "RS512" },
		"no kid":               func(_, h map[string]any) { delete(h, "kid") },
		"another kid":          func(_, h map[string]any) { h["kid"] = "../../etc/passwd" },
	} {
		l := forged(s, subject, change)
		a := l.Get(t, "/users/me")
		require.Equal(t, http.StatusUnauthorized, a.Status, "%s: %s", name, a.Body)
	}
	forged(s, subject, nil).Get(t, "/users/me").Expect(t, http.StatusOK, nil)
}

func TestATokenOfADeactivatedUserIsRefused(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	two := apitest.New(t, apitest.Beside(s))
	l := s.SignUp(t)
	l.On(two).Get(t, "/users/me").Expect(t, http.StatusOK, nil)
	session := sessionsOf(t, l)[0].ID
	_, err := s.Pool(t).Exec(t.Context(), "update users set is_active = false where id = $1", l.User.ID)
	require.NoError(t, err)
	require.NoError(t, redisGate(t, s).Forget(t.Context(), l.User.ID.String(), session.String()))
	requireOver(t, l, s, two)
	logIn(t, s, string(l.User.Email), apitest.Password).Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
	s.Nobody().Post(t, "/password-resets", map[string]any{"email": l.User.Email}).Expect(t, http.StatusAccepted, nil)
}

func TestAnOversizedTokenIsRefusedAndBreaksNothing(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTenant())
	b := newBurglar(t, s)
	for _, kib := range []int{8, 64, 512} {
		long := strings.Repeat("a", kib<<10)
		b.tries(t, long, "garbage")
		b.tries(t, b.token(t, jwt.SigningMethodRS256, strangersKey(), nil, map[string]any{"padding": long}), "padded")
	}
	subject, _ := somebody(s)
	requireRefused(t, forged(s, subject, func(c, _ map[string]any) { c["padding"] = strings.Repeat("a", 64<<10) }))

	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	written := make(chan struct{})
	go func() {
		defer close(written) // the server may have hung up before
		_, _ = fmt.Fprintf(conn, "GET /api/v2/users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", strings.Repeat("a", 2<<20))
	}()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, answer.StatusCode)
	_ = answer.Body.Close()
	_ = conn.Close()
	<-written
}

func TestAReusedRefreshTokenEndsTheSessionAndItsStreams(t *testing.T) {
	t.Parallel()
	s, l, _ := errands(t)
	made := startErrand(t, s, l)
	stream := follow(t, l, made.ID.String())
	old := l.Tokens.RefreshToken
	refresh(t, s, old).Expect(t, http.StatusOK, nil)
	s.Clock.Advance(account.RefreshGrace + time.Second)
	refresh(t, s, old).Refused(t, http.StatusUnauthorized, "auth.invalid_refresh_token")
	requireEndsRevoked(t, stream)
	requireOver(t, l, s)
}
