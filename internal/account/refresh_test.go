package account_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func requireNotRefreshed(t *testing.T, err error) {
	t.Helper()
	requireFault(t, err, "auth.invalid_refresh_token", fault.Unauthenticated)
}

func (b *bench) refresh(token string) account.Tokens {
	b.t.Helper()
	tokens, err := b.Refresh(b.t.Context(), token)
	require.NoError(b.t, err)
	return tokens
}

func TestARefreshTokenIsTradedForNewOnes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	b.clock.pass(time.Hour)
	next := b.refresh(in.Tokens.Refresh)
	require.NotEqual(t, in.Tokens.Refresh, next.Refresh)
	require.Equal(t, lifetime, next.ExpiresIn)
	who, err := authenticate(t, b.Service, next.Access)
	require.NoError(t, err)
	require.Equal(t, in.Session.ID, who.SessionID)
	require.WithinDuration(t, start.Add(time.Hour+lifetime), who.ExpiresAt, 0)
	require.Equal(t, 1, b.count("select count(*) from sessions where last_seen_at = $1", start.Add(time.Hour)))

	third := b.refresh(next.Refresh)
	require.NotEqual(t, next.Refresh, third.Refresh)
}

func TestARepeatWithinTheGraceGivesTheSameSuccessor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	first := b.refresh(in.Tokens.Refresh)
	b.clock.pass(account.RefreshGrace)
	again := b.refresh(in.Tokens.Refresh)
	require.Equal(t, first.Refresh, again.Refresh)
	_, err := authenticate(t, b.Service, again.Access)
	require.NoError(t, err)
	b.refresh(first.Refresh) // the successor works
}

func TestTwoRefreshesAtOnceGiveTheSameSuccessor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.service()
	in := b.join("ada@example.com")
	var mu sync.Mutex
	var wg sync.WaitGroup
	successors := map[string]bool{}
	for _, node := range []*account.Service{b.Service, other, b.Service, other} {
		wg.Go(func() {
			tokens, err := node.Refresh(context.Background(), in.Tokens.Refresh)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			successors[tokens.Refresh] = true
		})
	}
	wg.Wait()
	require.Len(t, successors, 1)
	require.Equal(t, 2, b.count("select count(*) from refresh_tokens"))
}

func TestAReuseAfterTheGraceEndsTheSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	elsewhere, err := b.logIn("ada@example.com", password)
	require.NoError(t, err)
	next := b.refresh(in.Tokens.Refresh)
	_, err = authenticate(t, b.Service, next.Access)
	require.NoError(t, err)

	b.clock.pass(account.RefreshGrace + time.Millisecond)
	_, err = b.Refresh(t.Context(), in.Tokens.Refresh)
	requireNotRefreshed(t, err)
	_, err = b.Refresh(t.Context(), next.Refresh)
	requireNotRefreshed(t, err)
	for _, access := range []string{in.Tokens.Access, next.Access} {
		_, err = authenticate(t, b.Service, access)
		requireRefused(t, err)
	}
	_, err = authenticate(t, b.Service, elsewhere.Tokens.Access)
	require.NoError(t, err, "other sessions stay")
}

func TestASessionSlidesWithEachRefreshAndEndsInTheEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	const step = account.SessionSliding - time.Second
	refresh := in.Tokens.Refresh
	for range 3 { // 90 days less 3 seconds
		b.clock.pass(step)
		refresh = b.refresh(refresh).Refresh
	}
	last := b.refresh(refresh)
	require.Equal(t, 1, b.count("select count(*) from sessions where expires_at = ends_at"), "it slides no further than its end")
	_, err := authenticate(t, b.Service, last.Access)
	require.NoError(t, err)

	b.clock.pass(3 * time.Second)
	_, err = b.Refresh(t.Context(), last.Refresh)
	requireNotRefreshed(t, err)
	_, err = authenticate(t, b.Service, last.Access)
	requireRefused(t, err)
}

func TestASessionThatWasNotRefreshedInTimeIsOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	b.clock.pass(account.SessionSliding)
	_, err := b.Refresh(t.Context(), in.Tokens.Refresh)
	requireNotRefreshed(t, err)
}

func TestRolesCountForTokensThatAreOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Start(t.Context())
	t.Cleanup(b.Stop)
	in := b.join("ada@example.com")
	who, err := authenticate(t, b.Service, in.Tokens.Access)
	require.NoError(t, err)
	require.Equal(t, []string{"user"}, who.Roles)
	_, err = account.GrantRole(t.Context(), b.pool, "ada@example.com", account.RoleAdmin, start)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		who, err = authenticate(t, b.Service, in.Tokens.Access)
		return err == nil && len(who.Roles) == 2
	}, patience, 10*time.Millisecond)
	who, err = authenticate(t, b.Service, b.refresh(in.Tokens.Refresh).Access)
	require.NoError(t, err)
	require.Equal(t, []string{"user", "admin"}, who.Roles)
}

func TestWhoMayNotRefresh(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, token := range map[string]string{"empty": "", "unknown": "abc", "an access token": b.join(email(1)).Tokens.Access} {
		_, err := b.Refresh(t.Context(), token)
		require.Error(t, err, name)
		requireNotRefreshed(t, err)
	}
	inactive, revoked := b.join(email(2)), b.join(email(3))
	b.exec("update users set is_active = false where id = $1", inactive.User.ID)
	b.exec("update sessions set revoked_at = $2 where id = $1", revoked.Session.ID, start)
	for _, in := range []account.SignedIn{inactive, revoked} {
		_, err := b.Refresh(t.Context(), in.Tokens.Refresh)
		requireNotRefreshed(t, err)
	}
	require.Zero(t, b.count("select count(*) from refresh_tokens where used_at is not null"))
}
