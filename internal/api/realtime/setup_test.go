package realtime_test

import (
	"flag"
	"testing"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// provider is who keeps the passwords of the tests that are not about it; those that are
// run with both.
var provider = flag.String("provider", "local", "the identity provider of the tests: local or auth0")

// providers are the identity providers there are, as options of a server.
func providers() map[string][]apitest.Option {
	return map[string][]apitest.Option{"local": nil, "auth0": {apitest.WithTenant()}}
}

// serve starts the service with the identity provider that was asked for.
func serve(t *testing.T, options ...apitest.Option) *apitest.Server {
	t.Helper()
	of, known := providers()[*provider]
	if !known {
		t.Fatalf("-provider %s: it is local or auth0", *provider)
	}
	return apitest.New(t, append(of, options...)...)
}
