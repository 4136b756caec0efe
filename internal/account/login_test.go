package account_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestLogInOpensASessionOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made := b.join("ada@example.com")
	b.clock.pass(time.Hour)
	in, err := b.LogIn(t.Context(), account.LogInInput{
		Email: " ADA@example.com", Password: password, DeviceName: "Work laptop",
		Client: account.Client{Address: "192.0.2.8", UserAgent: "curl/8"},
	})
	require.NoError(t, err)
	require.Equal(t, made.User, in.User)
	now := start.Add(time.Hour)
	requireSession(t, account.Session{
		ID: in.Session.ID, UserID: made.User.ID, Device: "Work laptop", Address: "192.0.2.8",
		CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(account.SessionSliding),
	}, in.Session)
	require.NotEqual(t, made.Session.ID, in.Session.ID)
	require.NotEqual(t, made.Tokens.Refresh, in.Tokens.Refresh)
	who, err := authenticate(t, b.Service, in.Tokens.Access)
	require.NoError(t, err)
	require.Equal(t, in.Session.ID, who.SessionID)
	require.Equal(t, 1, b.count("select count(*) from sessions where device = 'Work laptop' and address = '192.0.2.8' and ends_at = $1",
		now.Add(account.SessionAbsolute)))
}

func TestADeviceIsNamedByTheUserOrByItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	for _, c := range []struct{ name, agent, want string }{
		{"Phone", "curl/8", "Phone"},
		{"  Phone ", "curl/8", "Phone"},
		{"", "curl/8", "curl/8"},
		{" \t", "curl/8", "curl/8"},
		{"", "", "unknown"},
		{"Pho\xffne", "", "Phone"},
		{"\xff", "curl/8", "curl/8"},
		{strings.Repeat("界", 101), "", strings.Repeat("界", 100)},
		{strings.Repeat("x", 99) + "  y", "", strings.Repeat("x", 99)},
		{"", strings.Repeat("a", 5000), strings.Repeat("a", 100)},
	} {
		in, err := b.LogIn(t.Context(), account.LogInInput{Email: "ada@example.com", Password: password, DeviceName: c.name,
			Client: account.Client{UserAgent: c.agent}})
		require.NoError(t, err)
		require.Equal(t, c.want, in.Session.Device)
	}
}

func TestWhyALogInFailsIsNotTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	gone := b.join("gone@example.com")
	b.exec("update users set is_active = false where id = $1", gone.User.ID)

	_, want := b.logIn("ada@example.com", "Wrong-Horse-7")
	requireFault(t, want, "auth.invalid_credentials", fault.Unauthenticated)
	for who, try := range map[string][2]string{
		"unknown email":          {"nobody@example.com", password},
		"deactivated":            {"gone@example.com", password},
		"deactivated, and wrong": {"gone@example.com", "Wrong-Horse-7"},
		"no password":            {"ada@example.com", ""},
		"no email":               {"", password},
	} {
		in, err := b.logIn(try[0], try[1])
		require.Equal(t, want, err, who)
		require.Zero(t, in, who)
	}
}

// Whoever measures answers must not learn which emails have an account: without
// a user the password is compared all the same, with a hash of the same cost.
func TestAnUnknownEmailCostsTheSameComparison(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	var stored string
	require.NoError(t, b.pool.QueryRow(t.Context(), "select password_hash from users").Scan(&stored))
	cost := func(hash string) string { return strings.Join(strings.Split(hash, "$")[:4], "$") }
	dummy := account.SwapDummyHash(b.Service, "no hash at all")
	require.Equal(t, cost(stored), cost(dummy))

	_, err := b.logIn("nobody@example.com", "Wrong-Horse-7")
	require.ErrorContains(t, err, "compare password", "the comparison is made")
	account.SwapDummyHash(b.Service, dummy)
	_, err = b.logIn("nobody@example.com", "Wrong-Horse-7")
	require.True(t, fault.Is(err, "auth.invalid_credentials"))
}

func TestAFloodOfPasswordsIsRefusedRatherThanQueuedForEver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.HashesAtOnce, cfg.HashWait, cfg.HashCost = 1, time.Millisecond, account.HashCost{}
	small := b.serviceWith(cfg)
	_, err := small.SignUp(t.Context(), newcomer("ada@example.com"))
	require.NoError(t, err)

	var mu sync.Mutex
	var wg sync.WaitGroup
	var done, overloaded int
	for range 16 {
		wg.Go(func() {
			_, err := small.LogIn(context.Background(), account.LogInInput{Email: "ada@example.com", Password: password})
			mu.Lock()
			defer mu.Unlock()
			switch f := fault.Find(err); {
			case err == nil:
				done++
			case f != nil && f.Code == "server.overloaded" && f.Kind == fault.Unavailable && f.RetryAfter > 0:
				overloaded++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Positive(t, done)
	require.Positive(t, overloaded)
	_, err = small.LogIn(t.Context(), account.LogInInput{Email: "ada@example.com", Password: password})
	require.NoError(t, err, "its turns are given back")
}

func TestACallerThatHasLeftIsNotHashedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.SignUp(ctx, newcomer("ada@example.com"))
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, fault.Find(err))
}

func TestALearnerErasedWhileLoggingInIsNotSignedIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	eraser, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = eraser.Rollback(context.Background()) }() // harmless after a commit
	_, err = eraser.Exec(t.Context(), "delete from users")
	require.NoError(t, err)
	failed := make(chan error, 1)
	go func() {
		_, err := b.LogIn(context.Background(), account.LogInInput{Email: "ada@example.com", Password: password})
		failed <- err
	}()
	b.awaitWaiter()
	require.NoError(t, eraser.Commit(t.Context()))
	requireFault(t, <-failed, "auth.invalid_credentials", fault.Unauthenticated)
}

func TestAPasswordHashThatCannotBeReadLetsNobodyIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	b.exec("update users set password_hash = 'plain'")
	_, err := b.logIn("ada@example.com", "plain")
	require.ErrorContains(t, err, "compare password")
}

func TestPasswordsCostWhatOWASPAsksFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.HashCost = account.HashCost{}
	_, err := b.serviceWith(cfg).SignUp(t.Context(), newcomer("ada@example.com"))
	require.NoError(t, err)
	require.Equal(t, 1, b.count("select count(*) from users where password_hash like '$argon2id$v=19$m=19456,t=2,p=1$%'"))
}
