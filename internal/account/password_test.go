package account_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// changePassword asks from the session of in.
func (b *bench) changePassword(in account.SignedIn, current, next string) error {
	b.t.Helper()
	return b.ChangePassword(b.t.Context(), account.ChangePasswordInput{
		UserID: in.User.ID, SessionID: in.Session.ID, Current: current, New: next, Client: home,
	})
}

func TestAResetEndsSessionsAndLocksAndVerifiesTheEmail(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in, other, eve := p.join("ada@example.com"), p.again("ada@example.com"), p.join("eve@example.com")
	p.requireLive(other)
	p.fail(account.MaxFailures, "ada@example.com", home)
	p.fail(1, "ada@example.com", account.Client{Address: "198.51.100.7"})
	p.fail(account.MaxFailures, "eve@example.com", home)
	require.NoError(t, p.reset(p.resetCode("ada@example.com"), another))

	p.requireEnded(in)
	p.requireEnded(other)
	p.requireLive(eve)
	requireNotSignedIn(t, p.try("ada@example.com", password, home))
	require.NoError(t, p.try("ada@example.com", another, home))
	requireLocked(t, p.try("eve@example.com", password, home), account.LockPause)
	u, err := p.User(t.Context(), in.User.ID)
	require.NoError(t, err)
	require.True(t, u.EmailVerified)
	require.True(t, u.UpdatedAt.After(in.User.UpdatedAt))
	for condition, n := range map[string]int{
		"type = 'session.revoked' and data->>'reason' = 'password_reset'":                                      2,
		"type = 'auth.unlocked' and data->>'reason' = 'password_reset'":                                        1,
		"type = 'user.email_verified'":                                                                         1,
		"type = 'user.password_reset_completed' and actor_id = aggregate_id and data->>'reset_id' is not null": 1,
		"type = 'user.password_reset_requested'":                                                               1,
	} {
		require.Equal(t, n, p.count("select count(*) from outbox where "+condition+" and data->>'user_id' = $1", in.User.ID.String()), condition)
	}
}

func TestAPasswordThatIsRefusedLeavesTheCodeGood(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in := p.join("ada@example.com")
	code := p.resetCode("ada@example.com")
	for _, weak := range []string{"short", "P@ssw0rd2024!"} {
		f := requireFault(t, p.reset(code, weak), "user.password_weak", fault.Unprocessable)
		require.Equal(t, "/new_password", f.Fields[0].Pointer)
	}
	p.requireLive(in)
	require.NoError(t, p.reset(code, another))
}

func TestARequestForAResetIsTakenOnceForItsKey(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	p.join("ada@example.com")
	for i, email := range []string{"ada@example.com", " ADA@example.com", "nobody@example.com", "nobody@example.com"} {
		replayed, err := p.RequestPasswordReset(t.Context(), email, []string{"a", "a", "b", "b"}[i])
		require.NoError(t, err)
		require.Equal(t, i%2 == 1, replayed)
	}
	_, err := p.RequestPasswordReset(t.Context(), "eve@example.com", "a")
	requireFault(t, err, "idempotency.key_reused", fault.Unprocessable)
	require.Len(t, p.codes("ada@example.com"), 1)
	require.Equal(t, 2, p.count("select count(*) from river_job"), "one for nobody, too")
}

// Whoever reads a mailbox that is an account's no more must not get into the account.
func TestACodeForAnEmailThatWasChangedMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in := p.join("ada@example.com")
	reset, verify := p.resetCode("ada@example.com"), p.verifyCode(in)
	p.exec("update users set email = 'new@example.com'")
	requireBadCode(t, p.verify(verify))
	requireBadCode(t, p.reset(reset, another))
	require.Zero(t, p.count("select count(*) from users where email_verified"))
	require.Zero(t, p.count("select count(*) from mailed_codes where used_at is not null"))
}

func TestAVerifiedEmailIsNotVerifiedAgain(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in := p.join("ada@example.com")
	require.NoError(t, p.verify(p.verifyCode(in)))
	_, err := p.RequestEmailVerification(t.Context(), in.User.ID, "")
	require.NoError(t, err)
	require.Len(t, p.codes("ada@example.com"), 1)
	require.Equal(t, 1, p.count("select count(*) from outbox where type = 'user.email_verified' and actor_id = $1", in.User.ID))
	p.requireLive(in)
}

func TestAnotherEmailIsTheUsersOnceItIsProved(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in := p.join("ada@example.com")
	wish := account.ChangeEmailInput{UserID: in.User.ID, Email: " Countess@Example.com ", Password: wrong, Client: home}
	requireFault(t, p.ChangeEmail(t.Context(), wish), "user.wrong_password", fault.Unprocessable)
	wish.Password = password
	code := p.mailed("countess@example.com", func() { require.NoError(t, p.ChangeEmail(t.Context(), wish)) })
	require.Empty(t, p.mails("ada@example.com"))
	p.again("ada@example.com")
	require.NoError(t, p.verify(code))
	_, err := p.logIn("ada@example.com", password)
	requireNotSignedIn(t, err)
	u := p.again("countess@example.com").User
	require.Equal(t, in.User.ID, u.ID)
	require.True(t, u.EmailVerified)
	require.Equal(t, "user.profile_updated user.email_verified user.logged_in session.created",
		p.told(u.ID)[len("user.registered session.created auth.login_failed user.logged_in session.created "):])
	p.requireLive(in)
}

func TestATakenEmailIsNotToldOfUntilTheOtherOneIsProved(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in := p.join("ada@example.com")
	p.join("eve@example.com")
	change := func(email string) error {
		return p.ChangeEmail(t.Context(), account.ChangeEmailInput{UserID: in.User.ID, Email: email, Password: password, Client: home})
	}
	code := p.mailed("free@example.com", func() { require.NoError(t, change("free@example.com")) })
	require.NoError(t, change("EVE@example.com"))
	require.NoError(t, change("ada@example.com"))
	p.settled()
	require.Empty(t, p.mails("eve@example.com"))
	require.Empty(t, p.mails("ada@example.com"))
	p.join("free@example.com")
	requireFault(t, p.verify(code), "user.email_taken", fault.Conflict)
	u, err := p.User(t.Context(), in.User.ID)
	require.NoError(t, err)
	require.Equal(t, in.User, u)
}

func TestChangingThePasswordKeepsTheCurrentSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in, other := b.join("ada@example.com"), b.again("ada@example.com")
	b.requireLive(other)
	f := requireFault(t, b.changePassword(in, password, "weak"), "user.password_weak", fault.Unprocessable)
	require.Equal(t, "/new_password", f.Fields[0].Pointer)
	require.NoError(t, b.changePassword(in, password, another))
	b.requireLive(in)
	b.requireEnded(other)
	requireNotSignedIn(t, b.try("ada@example.com", password, home))
	require.NoError(t, b.try("ada@example.com", another, home))
	require.Equal(t, 1, b.count("select count(*) from outbox where type = 'session.revoked' and data->>'reason' = 'password_changed'"))
	require.Equal(t, 1, b.count("select count(*) from outbox where type = 'user.password_changed' and data->>'session_id' = $1", in.Session.ID.String()))
}

func TestAWrongCurrentPasswordCountsToTheLock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	b.fail(2, "ada@example.com", home)
	for i := range 3 {
		f := requireFault(t, b.changePassword(in, wrong, another), "user.wrong_password", fault.Unprocessable)
		require.Equal(t, "/current_password", f.Fields[0].Pointer)
		require.Equal(t, i == 2, f.RetryAfter > 0)
	}
	f := requireFault(t, b.changePassword(in, password, another), "user.wrong_password", fault.Unprocessable)
	require.Equal(t, account.LockPause, f.RetryAfter)
	requireLocked(t, b.try("ada@example.com", password, home), account.LockPause)
	b.clock.pass(account.LockPause)
	require.NoError(t, b.try("ada@example.com", password, home))
	b.requireLive(b.again("ada@example.com"))
	require.Equal(t, 5, b.failed("wrong_password"))
}

// The right password, and then something that fails: nobody is shut out for that.
func TestAnAttemptThatFailsAfterItsPasswordWasRightDoesNotCount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	b.exec("alter table outbox rename to outbox_away")
	for range 2 * account.MaxFailures {
		require.Error(t, b.try("ada@example.com", password, home))
		require.Error(t, b.changePassword(in, password, another))
	}
	b.exec("alter table outbox_away rename to outbox")
	require.NoError(t, b.try("ada@example.com", password, home))
	b.clock.pass(time.Second)
	require.NoError(t, b.changePassword(in, password, another))
}
