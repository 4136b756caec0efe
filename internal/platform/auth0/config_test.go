package auth0_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/auth0"
)

func TestTheIssuerFollowsFromEitherFormOfADomain(t *testing.T) {
	t.Parallel()
	fromFile := "fluentpro.eu.auth0.com" + "\n"
	for domain, issuer := range map[string]string{
		fromFile:                          "https://fluentpro.eu.auth0.com/",
		"fluentpro.eu.auth0.com":          "https://fluentpro.eu.auth0.com/",
		"https://FluentPro.eu.auth0.com/": "https://fluentpro.eu.auth0.com/",
		"http://127.0.0.1:8080":           "http://127.0.0.1:8080/",
		"http://localhost:8080/":          "http://localhost:8080/",
		"http://[::1]:8080":               "http://[::1]:8080/",
	} {
		client, err := auth0.New(auth0.Config{Domain: domain, ClientID: "a", ClientSecret: "b", Connection: "c", Audience: "d"})
		require.NoError(t, err, domain)
		require.Equal(t, issuer, client.Issuer())
		client.Close()
		client.Close()
	}
}

func TestAConfigurationThatCannotWorkIsRefusedWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	for _, domain := range []string{
		"", "http://fluentpro.eu.auth0.com", "https://user:hunter2@x.auth0.com", "https://x.auth0.com/path",
		"ftp://x.auth0.com", "https://x.auth0.com?a=hunter2", "https://", "x y", "http://127.0.0.1.example.com",
	} {
		_, err := auth0.New(auth0.Config{Domain: domain, ClientID: "a", ClientSecret: "hunter2", Connection: "c", Audience: "d"})
		require.ErrorContains(t, err, "domain", domain)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := auth0.New(auth0.Config{})
	for _, name := range []string{"domain", "client id", "client secret", "connection", "audience"} {
		require.ErrorContains(t, err, name, "all at once")
	}
	_, err = auth0.New(auth0.Config{Domain: "x", ClientID: "a", ClientSecret: "b", Connection: "c", Audience: "a"})
	require.ErrorContains(t, err, "id tokens")
}
