package v1_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv1"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
)

// keyOf names the key that signed a token.
func keyOf(t *testing.T, token string) string {
	t.Helper()
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	require.NoError(t, err)
	var header struct{ Kid string }
	require.NoError(t, json.Unmarshal(text, &header))
	require.NotEmpty(t, header.Kid)
	return header.Kid
}

func TestATokenOfARetiredKeyWorksWhileTheKeyIsPublished(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithConfig(func(cfg *app.Config) { cfg.TokenLifetime = time.Hour }))
	l := s.SignUp(t)
	old := keyOf(t, l.Tokens.AccessToken)
	_, err := app.RotateKeys(t.Context(), s.Config, false)
	require.NoError(t, err)
	s.Clock.Advance(11 * time.Minute) // the new key signs after ten

	two := apitest.New(t, apitest.Beside(s)) // a node reads the keys as it starts
	var in apiv1.LogInResponse
	send(t, two.Nobody(), http.MethodPost, "/auth/login", body{"email": l.User.Email, "password": apitest.Password}, &in)
	require.NotEqual(t, old, keyOf(t, in.AccessToken))
	require.Contains(t, string(two.Nobody().Get(t, "/.well-known/jwks.json").Expect(t, http.StatusOK, nil).Body), old)
	for _, node := range []*apitest.Server{s, two} {
		var me apiv1.User
		send(t, l.On(node), http.MethodGet, "/auth/me", nil, &me)
		require.Equal(t, l.User.ID, me.ID)
	}
}
