package apitest

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

// tenantKey signs the tokens of all tenants of a test binary: making one takes its time.
var tenantKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system has no randomness left: no test can go on
	}
	return key
})

// startTenant starts a tenant by the service's clock and makes it the identity provider.
func (s *Server) startTenant(t testing.TB) {
	s.Tenant = tenant.New(tenant.Config{Key: tenantKey(), Now: s.Clock.Now})
	s.Tenant.Configure(func(set *tenant.Settings) { set.PasswordPolicy = "good" })
	web := httptest.NewServer(s.Tenant)
	t.Cleanup(web.Close)
	s.Tenant.SetURL(web.URL)
	s.Config.AuthProvider, s.Config.Auth0Domain = app.ProviderAuth0, web.URL
	s.Config.Auth0ClientID, s.Config.Auth0ClientSecret = tenant.DefaultClientID, secret.NewText(tenant.DefaultClientSecret)
	s.Config.Auth0Connection, s.Config.Auth0Audience = tenant.DefaultConnection, tenant.DefaultAudience
}
