package v2_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
)

// firstSubject is the first user that a tenant has made.
const firstSubject = "auth0|000000000000000000000001"

// fromTenant is a client that signed in at the tenant by itself: one family of tokens.
func fromTenant(s *apitest.Server, subject, family string) *apitest.Learner {
	return forged(s, subject, func(claims, _ map[string]any) { claims["sid"] = family })
}

// forged is a client with a token of the tenant that was changed before it was signed.
func forged(s *apitest.Server, subject string, change func(claims, header map[string]any)) *apitest.Learner {
	l := s.Nobody()
	l.Tokens.AccessToken = s.Tenant.AccessToken(subject, change)
	return l
}

// somebody puts a user in place at the tenant, with a verified email.
func somebody(s *apitest.Server) (subject, email string) {
	email = uuid.NewString() + "@example.com"
	return s.Tenant.AddUser(email, apitest.Password, "Jun Li"), email
}

func requireRefused(t *testing.T, l *apitest.Learner) {
	t.Helper()
	l.Get(t, "/users/me").Refused(t, http.StatusUnauthorized, "auth.invalid_token")
}

func TestATokenOfTheTenantOpensAnAccountAtFirstSight(t *testing.T) {
	t.Parallel()
	work := newErrand()
	s := apitest.New(t, apitest.WithTenant(), work.register())
	subject, email := somebody(s)
	phone := fromTenant(s, subject, "phone")
	phone.User = me(t, phone)
	require.Equal(t, email, string(phone.User.Email))
	require.Equal(t, "Jun Li", phone.User.FullName)
	require.True(t, phone.User.EmailVerified)
	require.Equal(t, phone.User.ID, me(t, fromTenant(s, subject, "laptop")).ID, "one account, whatever the device")

	made := startErrand(t, s, phone)
	stream := follow(t, phone, made.ID.String())
	work.gives(nil)
	last, err := stream.Next()
	for err == nil && last.Name == "task.progressed" {
		last, err = stream.Next()
	}
	require.NoError(t, err)
	require.Equal(t, "task.completed", last.Name)
}

func TestRolesAreOursAndNotTheTenants(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTenant())
	subject, email := somebody(s)
	l := forged(s, subject, func(claims, _ map[string]any) { claims["roles"], claims["sid"] = []string{"admin"}, "one" })
	l.Get(t, "/admin/queues").Refused(t, http.StatusForbidden, "auth.forbidden")
	_, err := account.GrantRole(t.Context(), s.Pool(t), email, account.RoleAdmin, s.Clock.Now())
	require.NoError(t, err)
	require.Eventually(t, func() bool { return l.Get(t, "/admin/queues").Status == http.StatusOK }, apitest.Patience, poll)
	l.Post(t, "/admin/queues/auth/resume", nil).Expect(t, http.StatusOK, nil)
}

func TestARevokedFamilyOfTokensStaysOut(t *testing.T) {
	t.Parallel()
	work := newErrand()
	s := apitest.New(t, apitest.WithTenant(), work.register())
	two := apitest.New(t, apitest.Beside(s))
	subject, _ := somebody(s)
	phone, laptop := fromTenant(s, subject, "phone"), fromTenant(s, subject, "laptop")
	phone.User, laptop.User = me(t, phone), me(t, laptop)
	made := startErrand(t, s, phone)
	stream := follow(t, phone.On(two), made.ID.String())

	listed := sessionsOf(t, laptop)
	require.Len(t, listed, 2)
	require.True(t, listed[0].Current)
	laptop.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/sessions/" + listed[1].ID.String()}).Expect(t, http.StatusNoContent, nil)
	requireOver(t, phone, s, two)
	requireEndsRevoked(t, stream)

	s.Clock.Advance(time.Minute)
	requireOver(t, fromTenant(s, subject, "phone"), s, two)
	require.Equal(t, phone.User.ID, me(t, fromTenant(s, subject, "new phone")).ID)
	laptop.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
}

func TestWhileTheTenantIsAwayOnlyPasswordsAreNotTaken(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTenant())
	l := s.SignUp(t)
	subject, _ := somebody(s)
	seen := fromTenant(s, subject, "phone")
	seen.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
	s.Tenant.Down(true)
	a := logIn(t, s, string(l.User.Email), apitest.Password)
	a.Refused(t, http.StatusServiceUnavailable, "server.unavailable")
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	s.Nobody().Post(t, "/users", signUpBody(nil)).Refused(t, http.StatusServiceUnavailable, "server.unavailable")
	l.Talk(t)
	refresh(t, s, l.Tokens.RefreshToken).Expect(t, http.StatusOK, nil)
	seen.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
	fromTenant(s, subject, "laptop").Get(t, "/users/me").Expect(t, http.StatusOK, nil)

	s.Tenant.Down(false)
	require.Eventually(t, func() bool {
		s.Clock.Advance(10 * time.Second) // past what the breaker waits for
		return logIn(t, s, string(l.User.Email), apitest.Password).Status == http.StatusCreated
	}, apitest.Patience, poll)
}

// An account made before the tenant is its owner's, not whoever's who writes its email
// into a form of the tenant.
func TestAnAccountBecomesTheTenantUsersByAVerifiedEmailAlone(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	victim, mei := s.SignUp(t), s.SignUp(t)
	two := apitest.New(t, apitest.Beside(s), apitest.WithTenant())

	email := string(victim.User.Email)
	two.Nobody().Post(t, "/users", signUpBody(func(b map[string]any) { b["email"], b["password"] = email, "Attacker-Light-42" })).
		Refused(t, http.StatusConflict, "user.email_taken")
	logIn(t, two, email, "Attacker-Light-42").Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
	attacker, made := two.Tenant.User(firstSubject)
	require.True(t, made)
	require.Equal(t, email, attacker.Email)
	require.False(t, attacker.EmailVerified)
	requireRefused(t, fromTenant(two, firstSubject, "attacker"))

	subject := two.Tenant.AddUser(string(mei.User.Email), apitest.Password, "Mei Chen")
	require.Equal(t, mei.User.ID, me(t, fromTenant(two, subject, "phone")).ID)
	again := two.Tenant.AddUser(string(mei.User.Email), "Attacker-Light-42", "Mei Chen")
	requireRefused(t, fromTenant(two, again, "attacker"))
}

func TestTokensThatAreNoLearnersAreRefused(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTenant())
	requireRefused(t, forged(s, tenant.DefaultClientID+"@clients", func(claims, _ map[string]any) { claims["gty"] = "client-credentials" }))
	requireRefused(t, fromTenant(s, "auth0|nobody", "phone"))
	blocked, _ := somebody(s)
	s.Tenant.Block(blocked)
	requireRefused(t, fromTenant(s, blocked, "phone"))
}

func TestAnErasedTenantUserDoesNotComeBack(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTenant())
	subject, email := somebody(s)
	l := fromTenant(s, subject, "phone")
	l.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/users/me", Header: map[string]string{"Prefer": "wait=30"}}).Expect(t, http.StatusOK, nil)
	_, left := s.Tenant.User(subject)
	require.False(t, left, "the tenant's account goes too")
	requireRefused(t, l)
	requireRefused(t, fromTenant(s, subject, "laptop"))
	logIn(t, s, email, apitest.Password).Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
}
