package account_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

const wrong = "Wrong-Horse-7"

var home = account.Client{Address: "192.0.2.8", UserAgent: "curl/8"}

// try signs in from somewhere.
func (b *bench) try(email, password string, from account.Client) error {
	b.t.Helper()
	_, err := b.LogIn(b.t.Context(), account.LogInInput{Email: email, Password: password, Client: from})
	return err
}

// fail gives so many wrong passwords.
func (b *bench) fail(n int, email string, from account.Client) {
	b.t.Helper()
	for range n {
		requireNotSignedIn(b.t, b.try(email, wrong, from))
	}
}

// requireNotSignedIn is what everybody is told who gives a wrong password.
func requireNotSignedIn(t *testing.T, err error) *fault.Error {
	t.Helper()
	return requireFault(t, err, "auth.invalid_credentials", fault.Unauthenticated)
}

func requireLocked(t *testing.T, err error, left time.Duration) {
	t.Helper()
	require.Equal(t, left, requireNotSignedIn(t, err).RetryAfter)
}

// failed counts what was told of attempts, by reason.
func (b *bench) failed(reason string) int {
	b.t.Helper()
	return b.count("select count(*) from outbox where type = 'auth.login_failed' and data->>'reason' = $1", reason)
}

func TestFiveWrongPasswordsLockAnEmailForItsNetwork(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"somebody's": "ada@example.com", "nobody's": "nobody@example.com"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.join("ada@example.com")
			plain := b.try(address, wrong, home)
			require.Zero(t, requireNotSignedIn(t, plain).RetryAfter)
			for range account.MaxFailures - 2 {
				require.Equal(t, plain, b.try(address, wrong, home))
			}
			fifth := b.try(address, wrong, home)
			requireLocked(t, fifth, account.LockPause)
			require.Equal(t, plain, error(fault.Find(fifth).WithRetryAfter(0)), "it says nothing else")

			b.clock.pass(time.Minute)
			for _, given := range []string{password, wrong, ""} {
				requireLocked(t, b.try(address, given, home), account.LockPause-time.Minute)
			}
			b.clock.pass(account.LockPause - time.Minute - time.Second)
			requireLocked(t, b.try(" "+strings.ToUpper(address), password, home), time.Second)
		})
	}
}

func TestAfterTheLockCountingStartsAnew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	b.fail(account.MaxFailures, "ada@example.com", home)
	requireLocked(t, b.try("ada@example.com", password, home), account.LockPause)
	b.clock.pass(account.LockPause)
	for range account.MaxFailures - 1 {
		require.Zero(t, requireNotSignedIn(t, b.try("ada@example.com", wrong, home)).RetryAfter)
	}
	require.NoError(t, b.try("ada@example.com", password, home))
	b.clock.pass(account.LockPause)
	other := account.Client{Address: home.Address, UserAgent: "not seen before"}
	b.fail(account.MaxFailures, "ada@example.com", other)
	requireLocked(t, b.try("ada@example.com", password, other), account.LockPause)
}

func TestALockIsOfOneNetwork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ locked, same, other string }{
		"IPv4":               {"192.0.2.8", "192.0.2.250", "192.0.3.8"},
		"IPv6":               {"2001:db8:0:1::8", "2001:db8:0:1:ffff::9", "2001:db8:0:2::8"},
		"IPv4 written as v6": {"::ffff:192.0.2.8", "192.0.2.9", "::ffff:192.0.3.8"},
		"IPv6 with a zone":   {"fe80::1%eth0", "fe80::2%eth1", "fe81::1%eth0"},
		"what is no address": {"unix", "unix", "pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.join("ada@example.com")
			b.join("grace@example.com")
			b.fail(account.MaxFailures, "ada@example.com", account.Client{Address: c.locked, UserAgent: "one"})
			requireLocked(t, b.try("ada@example.com", password, account.Client{Address: c.same, UserAgent: "another"}), account.LockPause)
			require.NoError(t, b.try("ada@example.com", password, account.Client{Address: c.other}))
			require.NoError(t, b.try("grace@example.com", password, account.Client{Address: c.locked}), "it is of one email")
		})
	}
}

func TestAKnownDeviceGetsInAndHasTriesOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	require.NoError(t, b.try("ada@example.com", password, home)) // known from now on
	stranger := account.Client{Address: home.Address, UserAgent: "another"}
	b.fail(account.MaxFailures, "ada@example.com", stranger)
	requireLocked(t, b.try("ada@example.com", password, stranger), account.LockPause)

	b.fail(account.MaxFailures-1, "ada@example.com", home)
	require.NoError(t, b.try("ada@example.com", password, account.Client{Address: "192.0.2.77", UserAgent: home.UserAgent}), "the same network")
	b.fail(account.MaxFailures-1, "ada@example.com", home)
	requireLocked(t, b.try("ada@example.com", wrong, home), account.LockPause)
	requireLocked(t, b.try("ada@example.com", password, home), account.LockPause)
	requireLocked(t, b.try("ada@example.com", password, stranger), account.LockPause)
	require.NoError(t, b.try("ada@example.com", password, account.Client{Address: "192.0.9.9", UserAgent: home.UserAgent}))
}

func TestADeviceIsForgottenAfterNinetyDaysAndIsKnownToItsUserAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	b.join("eve@example.com")
	require.NoError(t, b.try("ada@example.com", password, home))
	stranger := account.Client{Address: home.Address, UserAgent: "another"}
	b.fail(account.MaxFailures, "eve@example.com", stranger)
	requireLocked(t, b.try("eve@example.com", password, home), account.LockPause)

	b.clock.pass(account.DeviceMemory - time.Second)
	b.fail(account.MaxFailures, "ada@example.com", stranger)
	b.fail(1, "ada@example.com", home)
	b.clock.pass(time.Second)
	requireLocked(t, b.try("ada@example.com", password, home), account.LockPause-time.Second)
}

func TestOldFailuresDoNotCount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	b.fail(account.MaxFailures-1, "ada@example.com", home)
	b.clock.pass(account.LockPause)
	for range account.MaxFailures - 1 {
		require.Zero(t, requireNotSignedIn(t, b.try("ada@example.com", wrong, home)).RetryAfter)
	}
	requireLocked(t, b.try("ada@example.com", wrong, home), account.LockPause)
}

func TestARightPasswordClearsTheCount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	for range 3 {
		b.fail(account.MaxFailures-1, "ada@example.com", home)
		require.NoError(t, b.try("ada@example.com", password, home))
		b.exec("update sessions set fingerprint = null") // the device stays an unknown one
		require.Zero(t, b.count("select count(*) from login_attempts"))
	}
}

func TestOfManyWrongPasswordsAtOnceFiveAreLookedAt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	other := b.service()
	var mu sync.Mutex
	var wg sync.WaitGroup
	refused, overloaded := 0, 0
	for i := range 40 {
		node := []*account.Service{b.Service, other}[i%2]
		wg.Go(func() {
			_, err := node.LogIn(context.Background(), account.LogInInput{Email: "ada@example.com", Password: wrong, Client: home})
			mu.Lock()
			defer mu.Unlock()
			switch f := fault.Find(err); {
			case f != nil && f.Code == "auth.invalid_credentials":
				refused++
			case f != nil && f.Code == "server.overloaded" && f.RetryAfter > 0:
				overloaded++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 40, refused+overloaded)
	looked := b.failed("wrong_password")
	require.Positive(t, looked)
	require.LessOrEqual(t, looked, account.MaxFailures)
	require.Equal(t, refused, looked+b.failed("locked"))
	b.fail(account.MaxFailures-looked, "ada@example.com", home)
	requireLocked(t, b.try("ada@example.com", password, home), account.LockPause)
}

func TestWhatWasNotLookedAtDoesNotCount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	b.exec("update users set password_hash = reverse(password_hash)")
	cfg := b.config()
	cfg.HashesAtOnce, cfg.HashWait = 1, time.Millisecond
	busy := b.serviceWith(cfg)
	release, err := account.HashTurn(t.Context(), busy)
	require.NoError(t, err)
	defer release()
	for range 2 * account.MaxFailures {
		require.ErrorContains(t, b.try("ada@example.com", password, home), "compare password")
		_, err := busy.LogIn(t.Context(), account.LogInInput{Email: "ada@example.com", Password: wrong, Client: home})
		requireFault(t, err, "server.overloaded", fault.Unavailable)
	}
	require.Zero(t, b.count("select coalesce(sum(cardinality(failed_at) + pending), 0) from login_attempts"))
	b.exec("update users set password_hash = reverse(password_hash)")
	require.NoError(t, b.try("ada@example.com", password, home))
	require.Zero(t, b.count("select count(*) from outbox where type like 'auth.%'"))
}

func TestAttemptsAreToldWithoutSayingWhoseOrWherefrom(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ada, gone := b.join("ada@example.com"), b.join("gone@example.com")
	b.exec("update users set is_active = false where id = $1", gone.User.ID)
	b.fail(account.MaxFailures+2, "ada@example.com", home)
	b.fail(1, "gone@example.com", home)
	b.fail(account.MaxFailures, "nobody@example.com", home)
	for reason, n := range map[string]int{"wrong_password": 5, "locked": 2, "deactivated": 1, "unknown_user": 5} {
		require.Equal(t, n, b.failed(reason), reason)
	}
	require.Equal(t, 2, b.count("select count(*) from outbox where type = 'auth.locked'"), "once for each lock")
	require.Equal(t, 1, b.count(`select count(*) from outbox where type = 'auth.locked' and aggregate_id = $1
		and data->>'user_id' = $1::text and data->>'failures' = '5' and (data->>'expires_at')::timestamptz = $2`, ada.User.ID, start.Add(account.LockPause)))
	require.Equal(t, 1, b.count("select count(*) from outbox where type = 'auth.locked' and data->>'user_id' is null"))

	n, err := b.SweepAttempts(t.Context(), 10)
	require.NoError(t, err)
	require.Zero(t, n)
	b.clock.pass(account.LockPause + time.Second)
	for _, want := range []int64{2, 1, 0} {
		n, err = b.SweepAttempts(t.Context(), 2)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	require.Equal(t, 2, b.count("select count(*) from outbox where type = 'auth.unlocked' and data->>'reason' = 'expired' and occurred_at = $1", start.Add(account.LockPause)))
	require.Zero(t, b.count("select count(*) from login_attempts"))
	b.requireNamesNobody("ada@example.com", home.Address, "192.0.2", "example.com")
}

// requireNamesNobody looks for texts in all that is kept of attempts.
func (b *bench) requireNamesNobody(texts ...string) {
	b.t.Helper()
	b.fail(1, "ada@example.com", home)
	for _, table := range []string{"outbox", "login_attempts"} {
		var rows string
		require.NoError(b.t, b.pool.QueryRow(b.t.Context(), fmt.Sprintf("select string_agg(to_jsonb(x)::text, ' ') from %s x", table)).Scan(&rows))
		require.NotEmpty(b.t, rows)
		for _, text := range texts {
			require.NotContains(b.t, rows, text, table)
		}
	}
}

func TestFailuresOfAnyQuarterOfAnHourAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	fail := func() error {
		_, err := b.logIn("ada@example.com", "Wrong-Horse-7")
		return err
	}
	require.Zero(t, fault.Find(fail()).RetryAfter)
	b.clock.pass(account.LockPause - time.Minute)
	for range 3 {
		require.Zero(t, fault.Find(fail()).RetryAfter)
	}
	b.clock.pass(2 * time.Minute) // the first does not count any more, the others do
	require.Zero(t, fault.Find(fail()).RetryAfter)
	require.Equal(t, account.LockPause, fault.Find(fail()).RetryAfter)
}

func TestALockThatIsOverIsToldOfByTheNextAttempt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	for range account.MaxFailures {
		_, err := b.logIn("ada@example.com", "Wrong-Horse-7")
		require.Error(t, err)
	}
	b.clock.pass(account.LockPause)
	_, err := b.logIn("ada@example.com", password)
	require.NoError(t, err)
	require.Equal(t, 1, b.count("select count(*) from outbox where type = 'auth.unlocked' and data->>'reason' = 'expired' and occurred_at = $1",
		start.Add(account.LockPause)))
}
