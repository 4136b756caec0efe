package auth0_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
	"github.com/fluentpro/fluentpro/internal/platform/auth0"
)

func TestWhatChangesNothingIsRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.tenant.AddUser(email, password, "")
	b.tenant.Fail(usersPath+"/"+subject, http.StatusServiceUnavailable, 2)
	b.tenant.Fail(tokenPath, http.StatusBadGateway, 2)
	_, err := b.client.User(t.Context(), subject)
	require.NoError(t, err)
	require.Equal(t, 3, b.asked("POST "+tokenPath))
	require.Contains(t, b.logs.String(), "endpoint="+usersPath+" ")
	require.NotContains(t, b.logs.String(), subject, "no line names a user")

	b.tenant.Fail(usersPath+"/"+subject, http.StatusServiceUnavailable, 100)
	for name, do := range b.byID() {
		err := do(subject)
		b.unavailable(err)
		require.ErrorIs(t, err, auth0.ErrUnreachable, name)
	}
}

func TestAPasswordAndACreationAreNotRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.AddUser(email, password, "")
	b.tenant.Fail(tokenPath, http.StatusServiceUnavailable, 1)
	_, err := b.client.Prove(t.Context(), email, password, address)
	b.unavailable(err)
	require.Equal(t, 1, b.asked("POST "+tokenPath))

	b.tenant.Fail(usersPath, http.StatusServiceUnavailable, 1)
	in := auth0.CreateUserInput{Email: "new@example.com", Password: password}
	_, err = b.client.CreateUser(t.Context(), in)
	b.unavailable(err)
	require.Equal(t, 1, b.asked("POST "+usersPath))
	_, err = b.client.CreateUser(t.Context(), in)
	require.NoError(t, err)
}

func TestAShortRateLimitIsWaitedOutEvenByACreation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.Configure(func(s *tenant.Settings) { s.RateWindow = 0 })
	b.tenant.Fail(usersPath, http.StatusTooManyRequests, 2)
	_, err := b.client.CreateUser(t.Context(), auth0.CreateUserInput{Email: email, Password: password})
	require.NoError(t, err)
	require.Equal(t, 3, b.asked("POST "+usersPath))
	b.tenant.Fail(usersPath, http.StatusTooManyRequests, 3)
	_, err = b.client.CreateUser(t.Context(), auth0.CreateUserInput{Email: "new@example.com", Password: password})
	b.unavailable(err)
	require.Equal(t, 6, b.asked("POST "+usersPath), "but not for ever")
}

func TestARateLimitIsWaitedOutAsLongAsItSays(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var reset string
	b := against(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("X-Ratelimit-Reset", reset)
			says(http.StatusTooManyRequests, `{"error":"too_many_requests"}`)(w, r)
			return
		}
		says(http.StatusForbidden, `{"error":"invalid_grant"}`)(w, r)
	}, func(c *auth0.Config) { c.RetryWait = patience }) // ours would be too long
	reset = strconv.FormatInt(b.clock.Now().Unix()+1, 10)
	b.clock.Advance(999 * time.Millisecond)
	_, err := b.client.Prove(t.Context(), email, password, address)
	require.ErrorIs(t, err, auth0.ErrWrongPassword)
	require.EqualValues(t, 2, asked.Load())
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"Retry-After: 7":                  7 * time.Second,
		"Retry-After: 999999999":          time.Hour,
		"X-Ratelimit-Reset: 1772366409":   9 * time.Second, // the clock's start and nine seconds
		"X-Ratelimit-Reset: 999999999999": time.Hour,
	} {
		b := against(t, func(w http.ResponseWriter, r *http.Request) {
			name, value, _ := strings.Cut(header, ": ")
			w.Header().Set(name, value)
			says(http.StatusTooManyRequests, `{"error":"too_many_requests"}`)(w, r)
		})
		_, err := b.client.Prove(t.Context(), email, password, address)
		many, ok := errors.AsType[*auth0.TooManyError](err)
		require.True(t, ok, "%s: %v", header, err)
		require.Equal(t, want, many.RetryAfter, header)
	}
}

func TestATenantThatIsNotThereIsUnreachable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.web.Close()
	_, err := b.client.Prove(t.Context(), email, password, address)
	b.unavailable(err)
	require.ErrorIs(t, err, auth0.ErrUnreachable)
	require.Contains(t, b.logs.String(), "attempt=3", "what did not arrive may be sent again, a password too")
}

func TestABrokenTenantIsLeftAloneForAWhile(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *auth0.Config) { c.Breaker = auth0.BreakerConfig{Failures: 3, OpenFor: 50 * time.Millisecond} })
	subject := b.tenant.AddUser(email, password, "")
	b.tenant.Down(true)
	_, err := b.client.User(t.Context(), subject)
	b.unavailable(err)
	asked := b.asked("POST " + tokenPath)
	require.Contains(t, b.logs.String(), "breaker changed")
	b.tenant.Down(false)
	require.Eventually(t, func() bool {
		_, err := b.client.User(t.Context(), subject)
		if err != nil {
			require.ErrorIs(t, err, auth0.ErrUnreachable)
			b.unavailable(err)
		}
		return err == nil
	}, patience, time.Millisecond)
	require.Equal(t, asked+1, b.asked("POST "+tokenPath), "while it was left alone nothing was asked")
}

func TestRefusalsDoNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *auth0.Config) { c.Breaker = auth0.BreakerConfig{Failures: 1, OpenFor: time.Hour} })
	b.tenant.AddUser(email, password, "")
	for range 5 {
		_, err := b.client.Prove(t.Context(), email, "wrong", address)
		require.ErrorIs(t, err, auth0.ErrWrongPassword)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.client.Prove(ctx, email, password, address)
	require.ErrorIs(t, err, context.Canceled)
	_, err = b.client.Prove(t.Context(), email, password, address)
	require.NoError(t, err, "nor does a caller who leaves")
}

func TestATenantThatSaysNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	release := make(chan struct{})
	b := against(t, func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		<-release
	}, func(c *auth0.Config) { c.Timeout = 20 * time.Millisecond })
	t.Cleanup(func() { close(release) })
	_, err := b.client.Prove(t.Context(), email, password, address)
	b.unavailable(err)
	require.ErrorIs(t, err, auth0.ErrUnreachable)
	_, err = b.client.User(t.Context(), gone)
	b.unavailable(err)
	require.ErrorIs(t, err, auth0.ErrUnreachable)
	require.LessOrEqual(t, asked.Load(), int64(2), "time is over: no repetition")
}

func TestAnAnswerHasABound(t *testing.T) {
	t.Parallel()
	b := against(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 2 << 10 {
			_, _ = w.Write(make([]byte, 1<<10))
		}
	})
	_, err := b.client.User(t.Context(), gone)
	b.unavailable(err)
	require.ErrorContains(t, err, "larger than allowed")
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := against(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	b := against(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.web.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}, func(c *auth0.Config) { c.HTTPClient = &http.Client{} })
	_, err := b.client.Prove(t.Context(), email, password, address)
	b.unavailable(err)
	require.Zero(t, elsewhere.Load())
}

func TestAnAnswerThatCannotBeReadIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, `<html>` + clientSecret, `{"access_token":7}`, `{}`, `{"access_token":"eyJ","expires_in":0}`, `[]`} {
		b := against(t, says(http.StatusOK, text))
		_, err := b.client.User(t.Context(), gone)
		b.unavailable(err)
		_, err = b.client.Prove(t.Context(), email, password, address)
		b.unavailable(err)
	}
	b := against(t, says(http.StatusOK, `{"access_token":"x","expires_in":60}`))
	_, err := b.client.CreateUser(t.Context(), auth0.CreateUserInput{Email: email, Password: password})
	b.unavailable(err)
}
