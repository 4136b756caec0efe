package account_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func requireAway(t *testing.T, err error) {
	t.Helper()
	require.Positive(t, requireFault(t, err, "server.unavailable", fault.Unavailable).RetryAfter)
}

// verifyWith checks a token with what is published alone, as another service does.
func verifyWith(t *testing.T, keys []account.JWK, token string) error {
	t.Helper()
	_, err := jwt.NewParser(jwt.WithTimeFunc(func() time.Time { return start })).Parse(token, func(tok *jwt.Token) (any, error) {
		for _, k := range keys {
			if k.ID == tok.Header["kid"] {
				n, err := base64.RawURLEncoding.DecodeString(k.Modulus)
				require.NoError(t, err)
				e, err := base64.RawURLEncoding.DecodeString(k.Exponent)
				require.NoError(t, err)
				return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
			}
		}
		return nil, jwt.ErrTokenUnverifiable
	})
	return err
}

func TestThePublishedKeysVerifyOurTokens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	keys := b.JWKS()
	require.Len(t, keys, 1)
	require.Equal(t, account.JWK{
		Type: "RSA", Use: "sig", Algorithm: "RS256", ID: b.newestKey().id, Modulus: keys[0].Modulus, Exponent: "AQAB",
	}, keys[0])
	token := b.join("ada@example.com").Tokens.Access
	require.NoError(t, verifyWith(t, keys, token))
	require.Error(t, verifyWith(t, keys, token[:len(token)-8]+"AAAAAAAA"))
}

func TestThePrivateKeyIsSealed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	k := b.newestKey()
	for at := range len(k.sealed) - 16 { // wherever a key might begin
		_, err := x509.ParsePKCS8PrivateKey(k.sealed[at:])
		require.Error(t, err)
		_, err = x509.ParsePKCS1PrivateKey(k.sealed[at:])
		require.Error(t, err)
	}
	require.Equal(t, 2048, k.open(t).N.BitLen())
	require.False(t, bytes.Contains(k.sealed, k.open(t).N.Bytes()))
}

func TestAnotherSecretIsRefusedByTheNameOfItsSetting(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.Secrets.Signing = bytes.Repeat([]byte{8}, 32)
	_, err := account.New(t.Context(), cfg)
	require.ErrorContains(t, err, "FLUENTPRO_KEY_ENCRYPTION_KEY")
	require.Equal(t, 1, b.count("select count(*) from signing_keys"), "no key is made in place of one that cannot be read")
}

func TestSecretsThatAreTooShortAreRefused(t *testing.T) {
	t.Parallel()
	b := bare(t)
	for _, change := range []func(*account.Config){
		func(cfg *account.Config) { cfg.Secrets.Signing = nil },
		func(cfg *account.Config) { cfg.Secrets.Signing = secret[:16] },
		func(cfg *account.Config) { cfg.Secrets.Refresh = nil },
		func(cfg *account.Config) { cfg.Secrets.Refresh = secret[:31] },
	} {
		cfg := b.config()
		change(&cfg)
		_, err := account.New(t.Context(), cfg)
		require.ErrorContains(t, err, "32 bytes")
	}
	require.Zero(t, b.count("select count(*) from signing_keys"))
}

func TestAKeyThatIsNotWhatItShouldBeIsRefused(t *testing.T) {
	t.Parallel()
	_, other, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(other)
	require.NoError(t, err)
	moved := setup(t).newestKey()
	moved.id = "another"
	for want, key := range map[string]storedKey{
		"is not RSA":                   seal(t, "a", der),
		"signing key b":                seal(t, "b", []byte("no key at all")),
		"cut short":                    {"c", []byte("short")},
		"FLUENTPRO_KEY_ENCRYPTION_KEY": moved, // a sealed key belongs to its id
	} {
		b := bare(t)
		b.insertKey(key)
		_, err := account.New(t.Context(), b.config())
		require.ErrorContains(t, err, want)
	}
}

func TestServicesOnOneDatabaseShareTheKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.service()
	require.Equal(t, b.JWKS(), other.JWKS())
	in := b.join("ada@example.com")
	_, err := authenticate(t, other, in.Tokens.Access)
	require.NoError(t, err)
	_, err = other.Refresh(t.Context(), in.Tokens.Refresh)
	require.NoError(t, err)
}

func TestServicesThatStartTogetherMakeOneKey(t *testing.T) {
	t.Parallel()
	b := bare(t)
	var wg sync.WaitGroup
	var keys [2][]account.JWK
	for i := range keys {
		wg.Go(func() {
			s, err := account.New(context.Background(), b.config())
			if err != nil {
				t.Error(err)
				return
			}
			keys[i] = s.JWKS()
		})
	}
	wg.Wait()
	require.Len(t, keys[0], 1)
	require.Equal(t, keys[0], keys[1])
}

// rotate gives the database one more key, and a token of a service that has it.
func (b *bench) rotate() (token string) {
	b.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(b.t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(b.t, err)
	b.insertKey(seal(b.t, newID(b.t).String(), der))
	in, err := b.service().LogIn(b.t.Context(), account.LogInInput{Email: "ada@example.com", Password: password})
	require.NoError(b.t, err)
	return in.Tokens.Access
}

func TestAnUnknownKeyIsLookedForOnceAMinuteAtMost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.join("ada@example.com").Tokens.Access
	b.clock.pass(time.Second) // the newest key signs
	second := b.rotate()
	_, err := authenticate(t, b.Service, second)
	requireRefused(t, err)
	b.clock.pass(time.Minute)
	_, err = authenticate(t, b.Service, second)
	require.NoError(t, err)
	require.Len(t, b.JWKS(), 2)

	third := b.rotate()
	b.clock.pass(time.Minute - time.Second)
	_, err = authenticate(t, b.Service, third)
	requireRefused(t, err)
	b.clock.pass(time.Second)
	_, err = authenticate(t, b.Service, third)
	require.NoError(t, err)
	_, err = authenticate(t, b.Service, old)
	require.NoError(t, err, "older keys go on to verify")
}

func TestWhileKeysCannotBeReadTheKnownOnesVerify(t *testing.T) {
	t.Parallel()
	b := setup(t)
	known := b.join("ada@example.com").Tokens.Access
	s := b.hurried()
	b.clock.pass(time.Minute)
	unknown := b.rotate()
	unlock := b.lock("signing_keys")

	_, err := authenticate(t, s, unknown)
	requireAway(t, err)
	_, err = authenticate(t, s, unknown)
	requireRefused(t, err) // not asked for again at once
	_, err = authenticate(t, s, known)
	require.NoError(t, err)
	unlock()
	b.clock.pass(time.Second)
	_, err = authenticate(t, s, unknown)
	require.NoError(t, err)
}

func TestAServiceDoesNotStartWithoutItsKeys(t *testing.T) {
	t.Parallel()
	b := bare(t)
	b.exec("alter table signing_keys rename to away")
	_, err := account.New(t.Context(), b.config())
	require.ErrorContains(t, err, "read signing keys")
}
