package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

const adminRole = client.UserRoleAdmin

func TestServeNamesEverySettingThatIsMissing(t *testing.T) {
	t.Parallel()
	said, code := runToEnd(t, nil, "serve")
	require.Equal(t, 1, code)
	for _, name := range []string{
		"FLUENTPRO_DATABASE_URL", "FLUENTPRO_REDIS_URL", "FLUENTPRO_MODEL_BASE_URL", "FLUENTPRO_MODEL_NAME",
		"FLUENTPRO_SMTP_URL", "FLUENTPRO_KEY_ENCRYPTION_KEY",
	} {
		require.Contains(t, said, name)
	}
	require.NotContains(t, said, "FLUENTPRO_TOKEN_ISSUER", "on a developer's machine it has a default")
}

func TestProductionNeedsAnIssuerOfItsOwn(t *testing.T) {
	t.Parallel()
	said, code := runToEnd(t, map[string]string{"FLUENTPRO_ENV": "production"}, "serve")
	require.Equal(t, 1, code)
	require.Contains(t, said, "FLUENTPRO_MAIL_FROM", "mails of localhost would be taken for spam")
	require.Contains(t, said, "FLUENTPRO_TOKEN_ISSUER", "nodes with addresses of their own would refuse each other's tokens")
}

func TestASettingOfTheWrongFormIsNamed(t *testing.T) {
	t.Parallel()
	said, code := runToEnd(t, map[string]string{"FLUENTPRO_DRAIN_LIMIT": "soon", "FLUENTPRO_LOG_LEVEL": "loud"}, "serve")
	require.Equal(t, 1, code)
	require.Contains(t, said, "FLUENTPRO_DRAIN_LIMIT")
	require.Contains(t, said, "FLUENTPRO_LOG_LEVEL")
}

func TestMigratingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	database := emptyDatabase(t)
	s := newStackOn(t, database, partner.Config{})
	said, code := runToEnd(t, s.Settings, "serve")
	require.Equal(t, 1, code, "a database without tables is refused")
	require.Contains(t, said, "fluentpro migrate")

	settings := map[string]string{"FLUENTPRO_DATABASE_URL": database}
	said, code = runToEnd(t, settings, "migrate")
	require.Zero(t, code, said)
	require.Contains(t, said, "0001_accounts.sql")
	said, code = runToEnd(t, settings, "migrate")
	require.Zero(t, code, said)
	require.NotContains(t, said, "0001_accounts.sql")

	node := s.serve(t)
	l := learner(t, node)
	_, err := l.Say(t.Context(), journey.SayInput{ConversationID: converse(t, l), Line: "Good morning."})
	require.NoError(t, err)
}

func TestMigrateNeedsADatabase(t *testing.T) {
	t.Parallel()
	said, code := runToEnd(t, nil, "migrate")
	require.Equal(t, 1, code)
	require.Contains(t, said, "FLUENTPRO_DATABASE_URL")
}

func TestAGrantedAdminHasTheRoleInTheNextToken(t *testing.T) {
	t.Parallel()
	s := newStack(t, partner.Config{})
	l := learner(t, s.serve(t))
	require.Equal(t, []string{"user"}, rolesIn(t, l.Tokens.AccessToken))

	said, code := runToEnd(t, s.Settings, "admin", "grant", strings.ToUpper(l.Email))
	require.Zero(t, code, said)
	require.Contains(t, said, l.User.ID.String())
	require.NoError(t, l.Refresh(t.Context()))
	require.Equal(t, []string{"user", "admin"}, rolesIn(t, l.Tokens.AccessToken))
	require.NoError(t, l.LogIn(t.Context()))
	require.Equal(t, []string{"user", "admin"}, rolesIn(t, l.Tokens.AccessToken))
	require.Contains(t, l.User.Roles, adminRole)

	said, code = runToEnd(t, s.Settings, "admin", "grant", "nobody@example.com")
	require.Equal(t, 1, code)
	require.Contains(t, said, "nobody@example.com")
	require.Contains(t, said, "resource.not_found")
}

// rolesIn reads an access token without checking it.
func rolesIn(t *testing.T, token string) []string {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims struct {
		Roles []string `json:"roles"`
	}
	require.NoError(t, json.Unmarshal(raw, &claims))
	return claims.Roles
}

func TestVersionTellsWhatTheBinaryWasBuiltFrom(t *testing.T) {
	t.Parallel()
	said, code := runToEnd(t, nil, "version")
	require.Zero(t, code)
	require.Regexp(t, `^fluentpro \S+ \(revision \w+, go1\.\S+\)\n$`, said)
}

func TestAnUnknownCommandIsNamed(t *testing.T) {
	t.Parallel()
	said, code := runToEnd(t, nil, "bogus")
	require.Equal(t, 1, code)
	require.Contains(t, said, `"bogus"`)
}
