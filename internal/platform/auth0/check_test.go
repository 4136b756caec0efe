package auth0_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
	"github.com/fluentpro/fluentpro/internal/platform/auth0"
)

func TestATenantThatIsSetRightPassesTheCheck(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.client.Check(t.Context()))
	require.NoError(t, b.verifies())
	require.Equal(t, 1, b.asked("GET "+keysPath), "the keys that the check read are in use")

	b.tenant.Configure(func(s *tenant.Settings) { s.NoEnabledField = true })
	require.NoError(t, b.client.Check(t.Context()), "tenants of 2026 name the applications elsewhere")
	for what, n := range b.tenant.Requests() {
		require.True(t, strings.HasPrefix(what, "GET ") || what == "POST "+tokenPath, "it only reads: %s, %d", what, n)
	}
}

func TestEachWrongSettingIsNamed(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*tenant.Settings){
		"Domain":                              func(s *tenant.Settings) { s.Issuer = "https://login.fluentpro.test/" },
		"signing keys":                        func(s *tenant.Settings) { s.NoKeys = true },
		"client_credentials":                  func(s *tenant.Settings) { s.GrantTypes = s.GrantTypes[1:] },
		"grant-type/password-realm":           func(s *tenant.Settings) { s.GrantTypes = s.GrantTypes[:1] },
		"is_first_party":                      func(s *tenant.Settings) { s.FirstParty = false },
		"Token Endpoint Authentication":       func(s *tenant.Settings) { s.AuthMethod = "none" },
		"JSON Web Token Signature Algorithm":  func(s *tenant.Settings) { s.ClientAlg = "HS256" },
		"Application: none has the client id": func(s *tenant.Settings) { s.NoApplication = true },
		"strategy":                            func(s *tenant.Settings) { s.Strategy = "custom" },
		"Database Connection, Applications":   func(s *tenant.Settings) { s.Enabled = false },
		"off for the application":             func(s *tenant.Settings) { s.Enabled, s.NoEnabledField = false, true },
		"none has this name":                  func(s *tenant.Settings) { s.NoConnection = true },
		"Signing Algorithm: it must be RS256": func(s *tenant.Settings) { s.SigningAlg = "HS256" },
		"API, Identifier":                     func(s *tenant.Settings) { s.NoAPI = true },
		"delete:users is missing":             func(s *tenant.Settings) { s.Scopes = without(s.Scopes, "delete:users") },
		"read:connections is missing":         func(s *tenant.Settings) { s.Scopes = without(s.Scopes, "read:connections") },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if want == "client_credentials" { // a token from before the grant was taken away
				require.NoError(t, b.client.Check(t.Context()))
			}
			b.tenant.Configure(spoil)
			err := b.client.Check(t.Context())
			require.ErrorContains(t, err, want)
			require.NotErrorIs(t, err, auth0.ErrUnreachable)
			require.Len(t, strings.Split(err.Error(), "\n"), 1, "and nothing else: %v", err)
			b.keepsSecrets(err)
		})
	}
}

func TestAllWrongSettingsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.Configure(func(s *tenant.Settings) {
		s.Issuer, s.NoKeys, s.FirstParty, s.NoConnection, s.NoAPI = "https://x/", true, false, true, true
		s.Scopes = without(s.Scopes, "update:users")
	})
	err := b.client.Check(t.Context())
	for _, want := range []string{"Domain", "signing keys", "update:users", "is_first_party", "Database Connection", "API"} {
		require.ErrorContains(t, err, want)
	}
}

func TestWithoutATokenTheRestIsStillChecked(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *auth0.Config) { c.ClientSecret = "other-" + clientSecret })
	b.tenant.Configure(func(s *tenant.Settings) { s.NoKeys = true })
	err := b.client.Check(t.Context())
	require.ErrorContains(t, err, "client secret")
	require.ErrorContains(t, err, "signing keys")
	require.NotErrorIs(t, err, auth0.ErrUnreachable)
	b.keepsSecrets(err)
}

func TestATenantThatIsDownIsUnreachableToTheCheck(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tenant.Down(true)
	require.ErrorIs(t, b.client.Check(t.Context()), auth0.ErrUnreachable)
	require.Zero(t, b.asked("POST "+tokenPath), "it is not asked for the rest")

	b.tenant.Down(false)
	b.tenant.Fail("/api/v2/connections", 503, 10)
	require.ErrorIs(t, b.client.Check(t.Context()), auth0.ErrUnreachable)
}

func without(all []string, one string) []string {
	var rest []string
	for _, s := range all {
		if s != one {
			rest = append(rest, s)
		}
	}
	return rest
}
