package auth0_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
	"github.com/fluentpro/fluentpro/internal/platform/auth0"
)

// gone has the form of a user id and a character that must be escaped.
const gone = "auth0|no/such?user"

func TestAUserIsCreatedReadAndDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject, err := b.client.CreateUser(t.Context(), auth0.CreateUserInput{Email: email, Password: password, FullName: "Mei Lin"})
	require.NoError(t, err)
	profile, err := b.client.User(t.Context(), subject)
	require.NoError(t, err)
	require.Equal(t, auth0.Profile{Subject: subject, Email: email, FullName: "Mei Lin"}, profile)
	proven, err := b.client.Prove(t.Context(), email, password, address)
	require.NoError(t, err)
	require.Equal(t, subject, proven)

	require.NoError(t, b.client.DeleteUser(t.Context(), subject))
	require.NoError(t, b.client.DeleteUser(t.Context(), subject), "one who is gone already")
	_, err = b.client.User(t.Context(), subject)
	require.ErrorIs(t, err, auth0.ErrNotFound)
	require.Equal(t, 2, b.asked("POST "+tokenPath), "one token serves all of the Management API")
}

func TestAUserNeedsNoName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject, err := b.client.CreateUser(t.Context(), auth0.CreateUserInput{Email: email, Password: password})
	require.NoError(t, err)
	profile, err := b.client.User(t.Context(), subject)
	require.NoError(t, err)
	require.Equal(t, email, profile.FullName)
}

func TestAnEmailBelongsToOneUser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.AddUser(email, password, "")
	other := b.tenant.AddUser("other@example.com", password, "")
	_, err := b.client.CreateUser(t.Context(), auth0.CreateUserInput{Email: email, Password: password})
	require.ErrorIs(t, err, auth0.ErrEmailTaken)
	b.keepsSecrets(err)
	err = b.client.SetEmail(t.Context(), other, email, true)
	require.ErrorIs(t, err, auth0.ErrEmailTaken)
	b.keepsSecrets(err)
}

func TestAPasswordMustMeetTheTenantsPolicy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.tenant.AddUser(email, password, "")
	for _, weak := range []string{"short", "Password1!", "Mei.Lin-2026"} {
		_, err := b.client.CreateUser(t.Context(), auth0.CreateUserInput{Email: "mei.lin@example.org", Password: weak})
		require.ErrorIs(t, err, auth0.ErrWeakPassword, weak)
		err = b.client.SetPassword(t.Context(), subject, weak)
		require.ErrorIs(t, err, auth0.ErrWeakPassword, weak)
		require.NotContains(t, err.Error(), weak)
	}
}

func TestAUserIsChanged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.tenant.AddUser(email, password, "")
	require.NoError(t, b.client.SetPassword(t.Context(), subject, "Another-Harbour-8"))
	_, err := b.client.Prove(t.Context(), email, password, address)
	require.ErrorIs(t, err, auth0.ErrWrongPassword)
	_, err = b.client.Prove(t.Context(), email, "Another-Harbour-8", address)
	require.NoError(t, err)

	for _, verified := range []bool{false, true} {
		require.NoError(t, b.client.SetEmail(t.Context(), subject, "new@example.com", verified))
		require.NoError(t, b.client.SetBlocked(t.Context(), subject, verified))
		profile, err := b.client.User(t.Context(), subject)
		require.NoError(t, err)
		require.Equal(t, "new@example.com", profile.Email)
		require.Equal(t, verified, profile.EmailVerified)
		require.Equal(t, verified, profile.Blocked)
	}
	_, err = b.client.Prove(t.Context(), "new@example.com", "Another-Harbour-8", address)
	require.ErrorIs(t, err, auth0.ErrBlocked)
	require.NoError(t, b.client.SetBlocked(t.Context(), subject, false))
	_, err = b.client.Prove(t.Context(), "new@example.com", "Another-Harbour-8", address)
	require.NoError(t, err)
}

// byID is every operation on one user.
func (b *bundle) byID() map[string]func(subject string) error {
	ctx := b.t.Context()
	return map[string]func(string) error{
		"User":        func(s string) error { _, err := b.client.User(ctx, s); return err },
		"SetPassword": func(s string) error { return b.client.SetPassword(ctx, s, password) },
		"SetEmail":    func(s string) error { return b.client.SetEmail(ctx, s, email, true) },
		"SetBlocked":  func(s string) error { return b.client.SetBlocked(ctx, s, true) },
	}
}

func TestAUserWhoIsGoneIsNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, do := range b.byID() {
		require.ErrorIs(t, do(gone), auth0.ErrNotFound, name)
	}
	require.NoError(t, b.client.DeleteUser(t.Context(), gone))
	require.Equal(t, 1, b.asked("DELETE "+usersPath+"/auth0%7Cno%2Fsuch%3Fuser"), "ids are escaped: %v", b.tenant.Requests())
}

func TestWhatCannotBeAUsersIDIsNotAskedAbout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, do := range b.byID() {
		for _, subject := range []string{"", ".", "..", "../clients", "client@clients"} {
			require.ErrorIs(t, do(subject), auth0.ErrNotFound, name)
			require.ErrorIs(t, b.client.DeleteUser(t.Context(), subject), auth0.ErrNotFound)
		}
	}
	require.Empty(t, b.tenant.Requests())
}

func TestTheManagementTokenIsRenewedBeforeItExpires(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.tenant.AddUser(email, password, "")
	read := func() {
		_, err := b.client.User(t.Context(), subject)
		require.NoError(t, err)
	}
	read()
	b.clock.Advance(23 * time.Hour)
	read()
	require.Equal(t, 1, b.asked("POST "+tokenPath))
	b.clock.Advance(56 * time.Minute)
	read()
	require.Equal(t, 2, b.asked("POST "+tokenPath))
	require.Equal(t, 3, b.asked("GET "+usersPath+"/auth0%7C000000000000000000000001"), "no read was refused")
}

func TestARevokedManagementTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.tenant.AddUser(email, password, "")
	require.NoError(t, b.client.SetBlocked(t.Context(), subject, true))
	b.tenant.RevokeTokens()
	require.NoError(t, b.client.SetBlocked(t.Context(), subject, false))
	require.Equal(t, 2, b.asked("POST "+tokenPath))

	b.tenant.Fail(usersPath+"/"+subject, http.StatusUnauthorized, 10)
	b.unavailable(b.client.SetBlocked(t.Context(), subject, true))
	require.Equal(t, 3, b.asked("POST "+tokenPath), "and not for ever")
}

func TestManyNeedOneManagementToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.tenant.AddUser(email, password, "")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := b.client.User(t.Context(), subject); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, b.asked("POST "+tokenPath))
}

func TestAMissingScopeIsUnavailable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.Configure(func(s *tenant.Settings) { s.Scopes = nil })
	for name, do := range b.byID() {
		require.ErrorContains(t, do(gone), "insufficient_scope", name)
		b.unavailable(do(gone))
	}
	b.unavailable(b.client.DeleteUser(t.Context(), gone))
	_, err := b.client.CreateUser(t.Context(), auth0.CreateUserInput{Email: email, Password: password})
	b.unavailable(err)
	require.NotErrorIs(t, err, auth0.ErrUnreachable)
}

func TestAConnectionThatIsGoneIsNoMissingUser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.Configure(func(s *tenant.Settings) { s.NoConnection = true })
	_, err := b.client.CreateUser(t.Context(), auth0.CreateUserInput{Email: email, Password: password})
	b.unavailable(err)
}

func TestAWrongSecretIsUnavailableAndNotTold(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *auth0.Config) { c.ClientSecret = "other-" + clientSecret })
	_, err := b.client.User(t.Context(), gone)
	b.unavailable(err)
	require.ErrorContains(t, err, "access_denied")
	require.Contains(t, b.logs.String(), "level=ERROR")
}

func TestAManagementRateLimitIsPassedOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.tenant.AddUser(email, password, "")
	b.tenant.Configure(func(s *tenant.Settings) { s.RateLimit, s.RateWindow = 1, time.Minute })
	_, err := b.client.User(t.Context(), subject)
	require.NoError(t, err)
	_, err = b.client.User(t.Context(), subject)
	require.Equal(t, time.Minute, b.unavailable(err).RetryAfter)
	_, ok := errors.AsType[*auth0.TooManyError](err)
	require.True(t, ok)
}
