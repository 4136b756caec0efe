package app_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

func TestAServiceDoesNotStartWithATenantThatIsSetUpWrongly(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTenant())
	for says, wrong := range map[string]func(*tenant.Settings){
		"Domain":                             func(set *tenant.Settings) { set.Issuer = "https://login.fluentpro.test/" },
		"signing keys":                       func(set *tenant.Settings) { set.NoKeys = true },
		"Application: none":                  func(set *tenant.Settings) { set.NoApplication = true },
		"Application, Grant Types":           func(set *tenant.Settings) { set.GrantTypes = []string{tenant.GrantClientCredentials} },
		"Application, is_first_party":        func(set *tenant.Settings) { set.FirstParty = false },
		"delete:users is missing":            func(set *tenant.Settings) { set.Scopes = set.Scopes[:3] },
		"Database Connection: none":          func(set *tenant.Settings) { set.NoConnection = true },
		"Database Connection, Applications":  func(set *tenant.Settings) { set.Enabled = false },
		"Database Connection: the strategy":  func(set *tenant.Settings) { set.Strategy = "google-oauth2" },
		"API, Identifier":                    func(set *tenant.Settings) { set.NoAPI = true },
		"API, JSON Web Token (JWT) Signing":  func(set *tenant.Settings) { set.SigningAlg = "HS256" },
		"Application, JSON Web Token Signat": func(set *tenant.Settings) { set.ClientAlg = "HS256" },
	} {
		var right tenant.Settings
		s.Tenant.Configure(func(set *tenant.Settings) { right = *set; wrong(set) })
		_, err := app.New(t.Context(), s.Config, slog.New(slog.DiscardHandler), app.Options{Now: s.Clock.Now})
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), tenant.DefaultClientSecret)
		s.Tenant.Configure(func(set *tenant.Settings) { *set = right })
	}
	wrong := s.Config
	wrong.Auth0ClientSecret = secret.NewText("another-secret")
	_, err := app.New(t.Context(), wrong, slog.New(slog.DiscardHandler), app.Options{Now: s.Clock.Now})
	require.ErrorContains(t, err, "client secret")
	require.NotContains(t, err.Error(), "another-secret")
}

func TestAServiceStartsWhileTheTenantIsAway(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTenant())
	s.Tenant.Down(true)
	a, err := app.New(t.Context(), s.Config, slog.New(slog.DiscardHandler), app.Options{Now: s.Clock.Now})
	require.NoError(t, err)
	a.Close()
}
