package usage_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/usage"
)

func TestAClientIsKnownByItsFamily(t *testing.T) {
	t.Parallel()
	for userAgent, want := range map[string]string{
		"": "unknown", "/": "unknown", "  ": "unknown", strings.Repeat("x", 41): "unknown", "a\nb": "unknown", "客户": "unknown",
		"curl/8.5.0": "curl", "FluentPro/3.1.0 (iPhone; iOS 19.0)": "FluentPro", "Go-http-client/2.0": "Go-http-client",
		"okhttp": "okhttp", "My App (beta)": "My App",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36": "Chrome",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:140.0) Gecko/20100101 Firefox/140.0":                             "Firefox",
		"Mozilla/": "Mozilla",
	} {
		require.Equal(t, want, usage.Family(userAgent), "%q", userAgent)
	}
}
