package v2_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
)

func rated(change func(*app.Config)) apitest.Option { return apitest.WithConfig(change) }

// guess is one try of a spraying client: another email each time.
func guess(t *testing.T, s *apitest.Server, forwardedFor string) apitest.Answer {
	t.Helper()
	c := apitest.Call{Method: http.MethodPost, Path: "/sessions", Body: map[string]any{"email": uuid.NewString() + "@example.com", "password": "Spring-2026!"}}
	if forwardedFor != "" {
		c.Header = map[string]string{"X-Forwarded-For": forwardedFor}
	}
	return s.Nobody().Do(t, c)
}

// requireTooMany checks what an answer says to one who asks too often.
func requireTooMany(t *testing.T, a apitest.Answer, policy, used string) {
	t.Helper()
	a.Refused(t, http.StatusTooManyRequests, "request.rate_limited")
	require.Equal(t, policy, a.Header.Get("RateLimit-Policy"))
	require.Regexp(t, used, a.Header.Get("RateLimit"))
	wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, 24*60*60/30)
}

func TestSprayingPasswordsOverManyEmailsIsStopped(t *testing.T) {
	t.Parallel()
	redis, _ := ownRedis(t)
	// Refilled slowly, so that a busy machine does not see one more let pass.
	s := apitest.New(t, redis, rated(func(c *app.Config) { c.RateAuth = "30/24h" }))
	two := apitest.New(t, apitest.Beside(s))
	for i := range 30 {
		a := guess(t, []*apitest.Server{s, two}[i%2], "")
		a.Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
		require.Equal(t, `"auth";q=30;w=86400`, a.Header.Get("RateLimit-Policy"))
	}
	for _, node := range []*apitest.Server{s, two} {
		requireTooMany(t, guess(t, node, ""), `"auth";q=30;w=86400`, `^"auth";r=0;t=\d+$`)
		node.Nobody().Post(t, "/password-resets", map[string]any{"email": "a@example.com"}).Refused(t, http.StatusTooManyRequests, "request.rate_limited")
		node.Nobody().Post(t, "/users", signUpBody(nil)).Refused(t, http.StatusTooManyRequests, "request.rate_limited")
	}
}

func TestAClientDoesNotChooseTheAddressItIsCountedBy(t *testing.T) {
	t.Parallel()
	redis, _ := ownRedis(t)
	s := apitest.New(t, redis, rated(func(c *app.Config) { c.RateAuth = "3/10m" }))
	for i := range 3 {
		guess(t, s, fmt.Sprintf("203.0.113.%d", i)).Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
	}
	guess(t, s, "203.0.113.9").Refused(t, http.StatusTooManyRequests, "request.rate_limited")
}

func TestATrustedProxySaysTheAddressThatIsCounted(t *testing.T) {
	t.Parallel()
	redis, _ := ownRedis(t)
	s := apitest.New(t, redis, rated(func(c *app.Config) { c.RateAuth, c.TrustedProxies = "3/10m", []string{"127.0.0.0/8"} }))
	for range 3 {
		guess(t, s, "203.0.113.1").Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
	}
	guess(t, s, "203.0.113.1").Refused(t, http.StatusTooManyRequests, "request.rate_limited")
	guess(t, s, "198.51.100.7, 203.0.113.1").Refused(t, http.StatusTooManyRequests, "request.rate_limited") // what the client wrote before is not believed
	guess(t, s, "203.0.113.2").Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
	for i := range 3 { // one network of IPv6 is one client
		guess(t, s, fmt.Sprintf("2001:db8::%d", i+1)).Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
	}
	guess(t, s, "2001:db8::ffff").Refused(t, http.StatusTooManyRequests, "request.rate_limited")
	guess(t, s, "2001:db8:0:1::1").Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
}

func TestEachUserHasALimitOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, rated(func(c *app.Config) { c.RateAPI = "600/1m" }))
	l := s.SignUp(t)
	a := l.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
	require.Equal(t, `"api";q=600;w=60`, a.Header.Get("RateLimit-Policy"))
	require.Equal(t, `"api";r=599;t=1`, a.Header.Get("RateLimit"))

	few := apitest.New(t, rated(func(c *app.Config) { c.RateAPI = "3/10m" }))
	two := apitest.New(t, apitest.Beside(few))
	mei, jun := few.SignUp(t), few.SignUp(t)
	laptop, _ := enter(t, few, mei, "laptop")
	mei.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
	mei.On(two).Get(t, "/sessions").Expect(t, http.StatusOK, nil)
	mei.Get(t, "/admin/queues").Refused(t, http.StatusForbidden, "auth.forbidden") // admin operations have a limit of their own
	laptop.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
	for _, l := range []*apitest.Learner{mei, laptop, mei.On(two)} {
		requireTooMany(t, l.Get(t, "/users/me"), `"api";q=3;w=600`, `^"api";r=0;t=\d+$`)
	}
	jun.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
}

func TestWhileRedisIsAwayNobodyIsCountedAndNobodyIsKeptOut(t *testing.T) {
	t.Parallel()
	redis, stop := ownRedis(t)
	s := apitest.New(t, redis, rated(func(c *app.Config) { c.RateAPI, c.RateAuth = "1/10m", "2/10m" }))
	l := s.SignUp(t)
	other, _ := enter(t, s, l, "phone")
	stop()
	for range 3 {
		for _, a := range []apitest.Answer{l.Get(t, "/users/me"), logIn(t, s, string(l.User.Email), apitest.Password)} {
			require.Less(t, a.Status, http.StatusBadRequest, "%s", a.Body)
			require.Empty(t, a.Header.Get("RateLimit"))
			require.Empty(t, a.Header.Get("RateLimit-Policy"))
		}
	}
	l.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/sessions"}).Expect(t, http.StatusNoContent, nil)
	requireOver(t, other, s)
}

func TestMessagesHaveALimitOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, rated(func(c *app.Config) { c.RateMessages = "2/10m" }))
	l := s.SignUp(t)
	c := l.Talk(t)
	for range 2 {
		l.Do(t, apitest.Call{
			Method: http.MethodPost, Path: "/conversations/" + c.ID.String() + "/messages", Header: map[string]string{"Prefer": "wait=30"},
			Body: map[string]any{"content": "Good morning."},
		}).Expect(t, http.StatusCreated, nil)
	}
	a := l.Post(t, "/conversations/"+c.ID.String()+"/messages", map[string]any{"content": "And now?"})
	a.Refused(t, http.StatusTooManyRequests, "request.rate_limited")
	require.Equal(t, `"messages";q=2;w=600`, a.Header.Get("RateLimit-Policy"))
	l.Get(t, "/conversations/%s/messages", c.ID).Expect(t, http.StatusOK, nil)
}
