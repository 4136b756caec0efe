package auth0_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
	"github.com/fluentpro/fluentpro/internal/platform/auth0"
)

func TestAnAccessTokenOfTheTenantIsBelieved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, b.tenant.Issuer(), b.client.Issuer())
	claims, err := b.client.Verify(t.Context(), b.tenant.AccessToken("auth0|1", nil))
	require.NoError(t, err)
	require.True(t, b.clock.Now().Equal(claims.IssuedAt))
	require.True(t, b.clock.Now().Add(24*time.Hour).Equal(claims.ExpiresAt))
	claims.IssuedAt, claims.ExpiresAt = time.Time{}, time.Time{}
	require.Equal(t, auth0.Claims{Subject: "auth0|1", Family: tenant.DefaultClientID, ClientID: tenant.DefaultClientID}, claims)

	_, err = b.client.Verify(t.Context(), b.tenant.AccessToken("auth0|2", func(claims, _ map[string]any) {
		claims["aud"] = tenant.DefaultAudience
	}))
	require.NoError(t, err, "one audience")
	require.Equal(t, 1, b.asked("GET "+keysPath))
}

func TestTheFamilyIsTheSignInAsFarAsItIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for want, more := range map[string]map[string]any{
		"s1":                                   {"sid": "s1", "https://fluentpro/sid": "s2", "auth_time": 1700000000},
		"s2":                                   {"https://fluentpro/sid": "s2", "auth_time": 1700000000},
		tenant.DefaultClientID + "/1700000000": {"auth_time": 1700000000},
		tenant.DefaultClientID:                 {"sid": ""},
	} {
		claims, err := b.client.Verify(t.Context(), b.tenant.AccessToken("auth0|1", func(claims, _ map[string]any) {
			for name, value := range more {
				claims[name] = value
			}
		}))
		require.NoError(t, err)
		require.Equal(t, want, claims.Family)
	}
}

func TestClocksMayDifferALittle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := func(name string, d time.Duration) error {
		_, err := b.client.Verify(t.Context(), b.tenant.AccessToken("auth0|1", func(claims, _ map[string]any) {
			claims[name] = b.clock.Now().Add(d).Unix()
		}))
		return err
	}
	require.NoError(t, at("exp", -29*time.Second))
	require.NoError(t, at("nbf", 29*time.Second))
	require.NoError(t, at("iat", 29*time.Second))
	require.ErrorIs(t, at("exp", -31*time.Second), auth0.ErrInvalidToken)
	require.ErrorIs(t, at("nbf", 31*time.Second), auth0.ErrInvalidToken)
	require.ErrorIs(t, at("iat", 31*time.Second), auth0.ErrInvalidToken)
}

func TestAnAccessTokenIsNotBelievedWhen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.client.Verify(t.Context(), b.tenant.AccessToken("auth0|1", nil))
	require.NoError(t, err)
	for name, change := range map[string]func(claims, header map[string]any){
		"another issuer":          func(c, _ map[string]any) { c["iss"] = "https://evil.example/" },
		"the issuer has no slash": func(c, _ map[string]any) { c["iss"] = strings.TrimSuffix(b.tenant.Issuer(), "/") },
		"no issuer":               func(c, _ map[string]any) { delete(c, "iss") },
		"another audience":        func(c, _ map[string]any) { c["aud"] = "https://other.example" },
		"an id token":             func(c, _ map[string]any) { c["aud"] = tenant.DefaultClientID },
		"no audience":             func(c, _ map[string]any) { delete(c, "aud") },
		"no expiry":               func(c, _ map[string]any) { delete(c, "exp") },
		"no time of issue":        func(c, _ map[string]any) { delete(c, "iat") },
		"no subject":              func(c, _ map[string]any) { delete(c, "sub") },
		"a subject of no text":    func(c, _ map[string]any) { c["sub"] = 7 },
		"a session of no text":    func(c, _ map[string]any) { c["sid"] = []int{1} },
		"crit":                    func(_, h map[string]any) { h["crit"] = []string{"exp"} },
		"crit of nothing":         func(_, h map[string]any) { h["crit"] = nil },
		"no key id":               func(_, h map[string]any) { delete(h, "kid") },
		"an empty key id":         func(_, h map[string]any) { h["kid"] = "" },
		"a key id of no text":     func(_, h map[string]any) { h["kid"] = 1 },
		"an unknown key id":       func(_, h map[string]any) { h["kid"] = "unknown" },
		"a path for a key id":     func(_, h map[string]any) { h["kid"] = "../../../../dev/null" },
		"SQL for a key id":        func(_, h map[string]any) { h["kid"] = "x' UNION SELECT 'secret' --" },
		"keys of its own":         func(_, h map[string]any) { h["kid"], h["jku"] = "x", "https://evil.example/jwks.json" },
		"no algorithm":            func(_, h map[string]any) { h["alg"] = "none" },
		"a missing algorithm":     func(_, h map[string]any) { delete(h, "alg") },
		"an algorithm of no text": func(_, h map[string]any) { h["alg"] = 256 },
		"RS512":                   func(_, h map[string]any) { h["alg"] = "RS512" },
		"PS256":                   func(_, h map[string]any) { h["alg"] = "PS256" },
	} {
		_, err := b.client.Verify(t.Context(), b.tenant.AccessToken("auth0|1", change))
		require.ErrorIs(t, err, auth0.ErrInvalidToken, name)
		b.keepsSecrets(err)
	}
}

func TestAForgedTokenIsNotBelieved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.tenant.AccessToken("auth0|1", nil)
	_, err := b.client.Verify(t.Context(), good)
	require.NoError(t, err)
	part := strings.Split(good, ".")
	public := &firstKey().PublicKey
	for name, token := range map[string]string{
		"nothing":             "",
		"dots":                "..",
		"garbage":             "eyJ.!.x",
		"two parts":           part[0] + "." + part[1],
		"four parts":          good + "." + part[2],
		"a tampered payload":  part[0] + "." + encodeText(strings.Replace(decode(t, part[1]), "auth0|1", "auth0|2", 1)) + "." + part[2],
		"another's signature": part[0] + "." + part[1] + "." + strings.Split(b.tenant.AccessToken("auth0|2", nil), ".")[2],
		"no signature":        part[0] + "." + part[1] + ".",
		"alg none":            head(t, part[0], "none") + "." + part[1] + ".",
		"alg NonE":            head(t, part[0], "NonE") + "." + part[1] + ".",
		"a larger one":        part[0] + "." + part[1] + strings.Repeat("A", 32<<10) + "." + part[2],
		"HS256 with the PEM":  hs256(head(t, part[0], "HS256")+"."+part[1], pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix(t, public)})),
		"HS256 with the DER":  hs256(head(t, part[0], "HS256")+"."+part[1], pkix(t, public)),
		"HS256 with modulus":  hs256(head(t, part[0], "HS256")+"."+part[1], public.N.Bytes()),
		"HS256 with nothing":  hs256(head(t, part[0], "HS256")+"."+part[1], nil),
	} {
		_, err := b.client.Verify(t.Context(), token)
		require.ErrorIs(t, err, auth0.ErrInvalidToken, name)
		b.keepsSecrets(err)
	}
	require.Equal(t, 1, b.asked("GET "+keysPath))
}

func FuzzVerify(f *testing.F) {
	issuing := tenant.New(tenant.Config{Key: firstKey()})
	issuing.SetURL("http://127.0.0.1:1")
	f.Add(issuing.AccessToken("auth0|1", nil))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	client, err := auth0.New(auth0.Config{
		Domain: "http://127.0.0.1:1", ClientID: "a", ClientSecret: "b", Connection: "c", Audience: "d", MaxAttempts: 1,
	})
	require.NoError(f, err)
	f.Cleanup(client.Close)
	f.Fuzz(func(t *testing.T, token string) {
		_, err := client.Verify(t.Context(), token)
		require.Error(t, err, "the tenant cannot be reached, so that nothing can be believed")
	})
}

func encodeText(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func decode(t *testing.T, part string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	require.NoError(t, err)
	return string(text)
}

// head gives a token's header another algorithm.
func head(t *testing.T, part, alg string) string {
	t.Helper()
	var header map[string]any
	require.NoError(t, json.Unmarshal([]byte(decode(t, part)), &header))
	header["alg"] = alg
	text, err := json.Marshal(header)
	require.NoError(t, err)
	return encodeText(string(text))
}

func hs256(text string, key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func pkix(t *testing.T, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.(*rsa.PublicKey))
	require.NoError(t, err)
	return der
}
