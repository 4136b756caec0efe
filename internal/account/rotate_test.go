package account_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
)

// rotateKeys does what the operator's command does.
func (b *bench) rotateKeys(compromised bool) (newest account.Key) {
	b.t.Helper()
	keys, err := account.RotateKeys(b.t.Context(), b.pool, account.RotateInput{Secret: secret, Compromised: compromised, Now: b.clock.Now()})
	require.NoError(b.t, err)
	return keys[len(keys)-1]
}

// reread does what each minute does.
func (b *bench) reread() {
	b.t.Helper()
	require.NoError(b.t, account.RereadKeys(b.t.Context(), b.Service))
}

// published gives the ids of the keys that others can fetch.
func (b *bench) published() (ids []string) {
	for _, k := range b.JWKS() {
		ids = append(ids, k.ID)
	}
	return ids
}

func kid(t *testing.T, token string) string {
	t.Helper()
	header, _ := payload(t, token)
	return header["kid"].(string)
}

func TestANewKeyIsPublishedBeforeItSigns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	old := kid(t, in.Tokens.Access)
	b.clock.pass(time.Hour)
	next := b.rotateKeys(false).ID
	require.NotEqual(t, old, next)
	b.reread()
	require.Equal(t, []string{old, next}, b.published())

	refresh := in.Tokens.Refresh
	for _, step := range []struct {
		pass time.Duration
		kid  string
	}{{0, old}, {account.KeyLead - time.Second, old}, {time.Second, next}} {
		b.clock.pass(step.pass)
		tokens := b.refresh(refresh)
		refresh = tokens.Refresh
		require.Equal(t, step.kid, kid(t, tokens.Access))
		_, err := authenticate(t, b.Service, tokens.Access)
		require.NoError(t, err)
	}
	require.Equal(t, next, kid(t, b.again("ada@example.com").Tokens.Access))
}

func TestAnOldKeyVerifiesUntilItRetires(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.AccessLifetime = account.KeyLead + 2*account.KeyOverlap // longer than may be, so that the key decides
	b.Service = b.serviceWith(cfg)
	in := b.join("ada@example.com")
	old, next := kid(t, in.Tokens.Access), b.rotateKeys(false).ID
	b.reread()
	b.clock.pass(account.KeyLead + account.KeyOverlap - time.Second)
	_, err := authenticate(t, b.service(), in.Tokens.Access) // one that has not verified it before
	require.NoError(t, err)
	require.Equal(t, []string{old, next}, b.published())

	b.clock.pass(time.Second)
	require.Equal(t, []string{next}, b.published(), "also before the keys are read again")
	_, err = authenticate(t, b.service(), in.Tokens.Access)
	requireRefused(t, err)
	keys, err := account.Keys(t.Context(), b.pool, b.clock.Now())
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.Equal(t, next, keys[0].ID)
}

func TestNoTokenIsLeftWhenItsKeyRetires(t *testing.T) {
	t.Parallel()
	require.Greater(t, account.KeyOverlap, account.MaxAccessLifetime+leeway)
	require.Greater(t, account.KeyLead, time.Minute, "every node has read the new key by then")
}

func TestACompromisedKeyIsTrustedNoMore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	verified, fresh := b.join("ada@example.com"), b.again("ada@example.com")
	b.requireLive(verified) // its signature is not checked again
	old := kid(t, verified.Tokens.Access)
	b.clock.pass(time.Minute)
	next := b.rotateKeys(true)
	require.Equal(t, b.clock.Now(), next.SignsAt.UTC())
	b.reread()
	for _, in := range []account.SignedIn{verified, fresh} {
		_, err := authenticate(t, b.Service, in.Tokens.Access)
		requireRefused(t, err)
		tokens := b.refresh(in.Tokens.Refresh) // sessions go on
		require.Equal(t, next.ID, kid(t, tokens.Access))
		_, err = authenticate(t, b.Service, tokens.Access)
		require.NoError(t, err)
	}
	require.Equal(t, []string{next.ID}, b.published())
	require.NotEqual(t, old, next.ID)
}

func TestACompromiseTakesKeysAlongThatDoNotSignYet(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	waiting := b.rotateKeys(false).ID
	b.clock.pass(time.Minute)
	next := b.rotateKeys(true).ID
	b.reread()
	require.Equal(t, []string{next}, b.published())
	b.clock.pass(account.KeyLead)
	require.Equal(t, next, kid(t, b.again("ada@example.com").Tokens.Access))
	require.NotEqual(t, waiting, next)
}

func TestARotationDoesNotPutOffThatOfAnother(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.newestKey().id
	second := b.rotateKeys(false)
	b.clock.pass(time.Minute)
	third := b.rotateKeys(false)
	keys, err := account.Keys(t.Context(), b.pool, b.clock.Now())
	require.NoError(t, err)
	var ids []string
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	require.Equal(t, []string{first, second.ID, third.ID}, ids)
	retires := start.Add(account.KeyLead + account.KeyOverlap)
	require.WithinDuration(t, retires, *keys[0].RetiresAt, 0)
	require.WithinDuration(t, retires.Add(time.Minute), *keys[1].RetiresAt, 0)
	require.Nil(t, keys[2].RetiresAt)
	require.WithinDuration(t, start.Add(time.Minute), keys[2].CreatedAt, 0)
	require.WithinDuration(t, start.Add(time.Minute+account.KeyLead), keys[2].SignsAt, 0)
}

func TestKeysAreNotRotatedWithAnotherSecret(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, other := range map[string][]byte{"another": bytes.Repeat([]byte{8}, 32), "too short": secret[:16], "none": nil} {
		for _, compromised := range []bool{false, true} {
			_, err := account.RotateKeys(t.Context(), b.pool, account.RotateInput{Secret: other, Compromised: compromised, Now: start})
			require.Error(t, err, name)
		}
	}
	require.Equal(t, 1, b.count("select count(*) from signing_keys where retires_at is null"))
}
