package auth0_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
	"github.com/fluentpro/fluentpro/internal/platform/auth0"
)

func TestARightPasswordGivesTheSubject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := b.tenant.AddUser(email, password, "Mei Lin")
	got, err := b.client.Prove(t.Context(), email, password, address)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, address, b.tenant.ForwardedFor())

	_, err = b.client.Prove(t.Context(), email, password, "no\r\naddress")
	require.NoError(t, err)
	require.Empty(t, b.tenant.ForwardedFor(), "what is no address is not passed on")
}

func TestAWrongPasswordIsOneForAnUnknownUserToo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.AddUser(email, password, "")
	for _, c := range [][2]string{{email, password + "x"}, {"nobody@example.com", password}, {"", password}, {email, ""}} {
		_, err := b.client.Prove(t.Context(), c[0], c[1], address)
		require.ErrorIs(t, err, auth0.ErrWrongPassword)
		b.keepsSecrets(err)
	}
	require.Equal(t, 2, b.asked("POST "+tokenPath), "nothing is not asked about, and a refusal is not repeated")
}

func TestTooManyWrongPasswordsShutTheAccountToOneAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.AddUser(email, password, "")
	for range tenant.MaxWrong {
		_, err := b.client.Prove(t.Context(), email, "wrong", address)
		require.ErrorIs(t, err, auth0.ErrWrongPassword)
	}
	_, err := b.client.Prove(t.Context(), email, password, address)
	many, ok := errors.AsType[*auth0.TooManyError](err)
	require.True(t, ok, "%v", err)
	require.True(t, many.Locked)
	require.Equal(t, tenant.MaxWrong+1, b.asked("POST "+tokenPath), "it is not repeated")
	b.keepsSecrets(err)

	_, err = b.client.Prove(t.Context(), email, password, "2001:db8::1")
	require.NoError(t, err, "another address is not shut out")
}

func TestATenantAskedTooOftenSaysHowLong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.Configure(func(s *tenant.Settings) { s.RateWindow = 30 * time.Second })
	b.tenant.Fail(tokenPath, http.StatusTooManyRequests, 1)
	_, err := b.client.Prove(t.Context(), email, password, address)
	many, ok := errors.AsType[*auth0.TooManyError](err)
	require.True(t, ok, "%v", err)
	require.False(t, many.Locked)
	require.Equal(t, 30*time.Second, many.RetryAfter)
	require.Equal(t, 1, b.asked("POST "+tokenPath), "so long is not waited for")
	b.keepsSecrets(err)
}

func TestOtherReasonsToTurnAUserAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*tenant.Server, string)
		want  error
	}{
		"blocked":       {(*tenant.Server).Block, auth0.ErrBlocked},
		"leaked":        {(*tenant.Server).Leak, auth0.ErrPasswordLeaked},
		"second factor": {(*tenant.Server).RequireMFA, auth0.ErrMFARequired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			c.spoil(b.tenant, b.tenant.AddUser(email, password, ""))
			_, err := b.client.Prove(t.Context(), email, password, address)
			require.ErrorIs(t, err, c.want)
			b.keepsSecrets(err)
		})
	}
	require.ErrorIs(t, auth0.ErrPasswordLeaked, auth0.ErrBlocked)
}

func TestAWrongSettingIsUnavailableAndLoud(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*tenant.Settings){
		"grant":      func(s *tenant.Settings) { s.GrantTypes = nil },
		"connection": func(s *tenant.Settings) { s.Enabled = false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.tenant.AddUser(email, password, "")
			b.tenant.Configure(spoil)
			_, err := b.client.Prove(t.Context(), email, password, address)
			b.unavailable(err)
			require.NotErrorIs(t, err, auth0.ErrUnreachable)
			require.Contains(t, b.logs.String(), "level=ERROR")
		})
	}
}

func TestARefusalsFreeTextIsKeptBack(t *testing.T) {
	t.Parallel()
	b := against(t, says(http.StatusForbidden, fmt.Sprintf(`{"error":"%s is wrong","error_description":"denied: %s"}`, clientSecret, password)))
	_, err := b.client.Prove(t.Context(), email, password, address)
	b.unavailable(err)
	require.ErrorContains(t, err, "status 403")
}

func TestAnIDTokenThatIsNotOursProvesNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(claims, header map[string]any){
		"of another application": func(claims, _ map[string]any) { claims["aud"] = tenant.DefaultAudience },
		"of another issuer":      func(claims, _ map[string]any) { claims["iss"] = "https://evil.example/" },
		"expired":                func(claims, _ map[string]any) { claims["exp"] = 1 },
		"nobody's":               func(claims, _ map[string]any) { delete(claims, "sub") },
		"of an unknown key":      func(_, header map[string]any) { header["kid"] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuing := tenant.New(tenant.Config{Key: firstKey()})
			var token string
			b := against(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == tokenPath {
					says(http.StatusOK, `{"id_token":"`+token+`"}`)(w, r)
					return
				}
				issuing.ServeHTTP(w, r)
			})
			issuing.SetURL(b.web.URL)
			whole := func(claims, header map[string]any) {
				claims["aud"], claims["iat"], claims["exp"] = tenant.DefaultClientID, b.clock.Now().Unix(), b.clock.Now().Add(time.Hour).Unix()
				change(claims, header)
			}
			token = issuing.AccessToken("auth0|1", whole)
			_, err := b.client.Prove(t.Context(), email, password, address)
			b.unavailable(err)
			require.ErrorContains(t, err, "id token")
		})
	}
}
