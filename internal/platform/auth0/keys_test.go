package auth0_test

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
	"github.com/fluentpro/fluentpro/internal/platform/auth0"
)

// verifies tells whether a new token by the tenant's newest key is believed.
func (b *bundle) verifies() error {
	_, err := b.client.Verify(b.t.Context(), b.tenant.AccessToken("auth0|1", nil))
	return err
}

func TestANewKeyOfTheTenantIsFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.verifies())
	old := b.tenant.AccessToken("auth0|1", nil)
	b.tenant.RotateKeys()
	b.clock.Advance(time.Minute)
	require.NoError(t, b.verifies())
	_, err := b.client.Verify(t.Context(), old)
	require.NoError(t, err, "the earlier key is still published")
	require.Equal(t, 2, b.asked("GET "+keysPath))
}

func TestUnknownKeysAreAskedForOnceAMinuteAtMost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	unknown := func(n int) error {
		_, err := b.client.Verify(t.Context(), b.tenant.AccessToken("auth0|1", func(_, header map[string]any) {
			header["kid"] = fmt.Sprintf("unknown-%d", n)
		}))
		return err
	}
	require.NoError(t, b.verifies())
	for minute := range 3 {
		b.clock.Advance(time.Minute)
		var all sync.WaitGroup
		for n := range 10 {
			all.Go(func() {
				if err := unknown(n); err == nil {
					t.Error("believed")
				}
			})
		}
		all.Wait()
		require.ErrorIs(t, unknown(99), auth0.ErrInvalidToken)
		require.Equal(t, 2+minute, b.asked("GET "+keysPath))
	}
}

func TestKnownKeysServeWhileTheTenantIsDown(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *auth0.Config) { c.MaxAttempts = 1 })
	require.NoError(t, b.verifies())
	b.tenant.Down(true)
	for range 4 {
		b.clock.Advance(time.Hour)
		require.NoError(t, b.verifies())
		_, err := b.client.Verify(t.Context(), b.tenant.AccessToken("auth0|1", func(_, header map[string]any) { header["kid"] = "x" }))
		require.ErrorIs(t, err, auth0.ErrInvalidToken)
	}
	b.tenant.Down(false)
	require.NoError(t, b.verifies())
}

func TestKeysAreReadAgainInTheBackgroundEachHour(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.verifies())
	old := b.tenant.AccessToken("auth0|1", nil)
	b.clock.Advance(59 * time.Minute)
	require.NoError(t, b.verifies())
	require.Equal(t, 1, b.asked("GET "+keysPath))

	b.tenant.RotateKeys()
	b.tenant.RevokeKeys()
	b.clock.Advance(time.Minute)
	_, _ = b.client.Verify(t.Context(), old) // by the keys known, or already by the new ones
	require.Eventually(t, func() bool {
		_, err := b.client.Verify(t.Context(), old)
		return err != nil
	}, patience, time.Millisecond, "a key that was revoked is forgotten")
	require.Equal(t, 2, b.asked("GET "+keysPath))
	require.NoError(t, b.verifies())
}

func TestAStartWhileTheTenantIsDownIsUnavailableNotInvalid(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *auth0.Config) { c.MaxAttempts = 1 })
	b.tenant.Down(true)
	err := b.verifies()
	b.unavailable(err)
	require.ErrorIs(t, err, auth0.ErrUnreachable)
	b.tenant.Down(false)
	require.NoError(t, b.verifies(), "the first keys wait for no minute to pass")
}

func TestATenantWithoutAnUsableKeySetIsUnavailable(t *testing.T) {
	t.Parallel()
	token := tenant.New(tenant.Config{Key: firstKey()}).AccessToken("auth0|1", nil)
	for name, handler := range map[string]http.HandlerFunc{
		"empty":     says(http.StatusOK, `{"keys":[]}`),
		"garbage":   says(http.StatusOK, `<html>`),
		"not found": says(http.StatusNotFound, `{}`),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/jwks.json", http.StatusFound)
		},
	} {
		b := against(t, handler)
		_, err := b.client.Verify(t.Context(), token)
		b.unavailable(err)
		require.NotErrorIs(t, err, auth0.ErrUnreachable, name)
	}
}

func TestACallerWhoLeavesGetsTheOwnReason(t *testing.T) {
	t.Parallel()
	token := tenant.New(tenant.Config{Key: firstKey()}).AccessToken("auth0|1", nil)
	asked, release := make(chan struct{}), make(chan struct{})
	b := against(t, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		says(http.StatusOK, `{"keys":[]}`)(w, r)
	})
	first := make(chan error)
	go func() {
		_, err := b.client.Verify(t.Context(), token)
		first <- err
	}()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.client.Verify(ctx, token)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, auth0.ErrInvalidToken)
	close(release)
	b.unavailable(<-first)
}

func TestCloseEndsAReadingInTheBackground(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.verifies())
	b.clock.Advance(time.Hour)
	require.NoError(t, b.verifies())
	b.client.Close()
	b.client.Close()
	asked := b.asked("GET " + keysPath)
	b.clock.Advance(2 * time.Hour)
	require.NoError(t, b.verifies(), "known keys still serve")
	require.Equal(t, asked, b.asked("GET "+keysPath), "nothing is started any more")
}

func TestOnlyStrongRS256KeysAreTaken(t *testing.T) {
	t.Parallel()
	n := b64(firstKey().N)
	good := fmt.Sprintf(`{"kty":"RSA","kid":"good","use":"sig","alg":"RS256","n":"%s","e":"AQAB"}`, n)
	for name, bad := range map[string]string{
		"secret":       `{"kty":"oct","kid":"bad","k":"c2VjcmV0","alg":"HS256"}`,
		"elliptic":     `{"kty":"EC","kid":"bad","crv":"P-256","x":"AA","y":"AA"}`,
		"encryption":   fmt.Sprintf(`{"kty":"RSA","kid":"bad","use":"enc","n":"%s","e":"AQAB"}`, n),
		"PS256":        fmt.Sprintf(`{"kty":"RSA","kid":"bad","alg":"PS256","n":"%s","e":"AQAB"}`, n),
		"no id":        fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"AQAB"}`, n),
		"weak":         fmt.Sprintf(`{"kty":"RSA","kid":"bad","n":"%s","e":"AQAB"}`, b64(new(big.Int).Lsh(big.NewInt(1), 1023))),
		"exponent 1":   fmt.Sprintf(`{"kty":"RSA","kid":"bad","n":"%s","e":"AQ"}`, n),
		"even":         fmt.Sprintf(`{"kty":"RSA","kid":"bad","n":"%s","e":"AQAC"}`, n),
		"huge":         fmt.Sprintf(`{"kty":"RSA","kid":"bad","n":"%s","e":"%s"}`, n, n),
		"no base64":    fmt.Sprintf(`{"kty":"RSA","kid":"bad","n":"%s!","e":"AQAB"}`, n),
		"nothing":      `{"kty":"RSA","kid":"bad"}`,
		"empty object": `{}`,
	} {
		keys, err := auth0.ParseKeys([]byte(`{"keys":[` + bad + `,` + good + `]}`))
		require.NoError(t, err, name)
		require.Equal(t, map[string]*rsa.PublicKey{"good": &firstKey().PublicKey}, keys, name)
		_, err = auth0.ParseKeys([]byte(`{"keys":[` + bad + `]}`))
		require.Error(t, err, name)
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := auth0.ParseKeys(text)
		require.Equal(t, err == nil, len(keys) > 0)
		for id, key := range keys {
			require.NotEmpty(t, id)
			require.GreaterOrEqual(t, key.N.BitLen(), 2048)
		}
	})
}

func b64(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
