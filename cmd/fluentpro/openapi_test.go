package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestDeprecationsAreListedWithTheirCalls(t *testing.T) {
	s := apitest.New(t)
	t.Setenv("FLUENTPRO_DATABASE_URL", s.Config.DatabaseURL.Reveal())
	mei, jun := s.SignUp(t), s.SignUp(t)
	ask := func(l *apitest.Learner, times int, method, path, agent string) {
		for range times {
			l.Do(t, apitest.Call{Method: method, Path: path, Header: map[string]string{"User-Agent": agent}})
		}
	}
	const app, curl = "FluentPro/3.1 (iPhone; iOS 19.0)", "curl/8.5.0"
	ask(mei, 3, http.MethodGet, "/api/v1/auth/me", app)
	ask(jun, 1, http.MethodGet, "/api/v1/auth/me", curl)
	ask(s.Nobody(), 2, http.MethodPost, "/api/v1/auth/login", curl) // refused, but asked
	ask(mei, 1, http.MethodGet, "/roles?industry_id=real_estate", app)
	ask(mei, 5, http.MethodGet, "/roles?industry=real_estate", app)

	list := func(args ...string) (out string) {
		t.Helper()
		out, err := command(t, append([]string{"openapi", "deprecations"}, args...)...)
		require.NoError(t, err)
		return out
	}
	line := func(out, name string) (lines []string) {
		t.Helper()
		for text := range strings.Lines(out) {
			if fields := strings.Fields(text); len(fields) > 1 && fields[1] == name {
				lines = append(lines, strings.Join(fields, " "))
			}
		}
		return lines
	}
	require.Eventually(t, func() bool {
		out := list()
		return strings.Contains(strings.Join(line(out, "getAuthMeV1"), ""), " 4 2 ") && strings.Contains(strings.Join(line(out, "listRoles.industry_id"), ""), " 1 1 ")
	}, apitest.Patience, 50*time.Millisecond)
	today := s.Clock.Now().UTC().Format(time.DateOnly)

	out := list()
	require.Equal(t, "VERSION  DEPRECATED", out[:19])
	require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 1+28+2, "the operations of v1, a parameter and a field of v2")
	require.Equal(t, []string{"v1 logInV1 2026-09-01 2027-09-01 logIn 2 0 " + today}, line(out, "logInV1"))
	require.Equal(t, []string{"v1 signUpV1 2026-09-01 2027-09-01 signUp 0 0 -"}, line(out, "signUpV1"))
	require.Equal(t, []string{"v2 listRoles.industry_id 2026-11-30 2027-06-01 industry 1 1 " + today}, line(out, "listRoles.industry_id"))
	require.Equal(t, []string{"v2 Language.code 2026-11-30 2027-06-01 tag - - -"}, line(out, "Language.code"))

	require.Equal(t, []string{
		"v1 getAuthMeV1 2026-09-01 2027-09-01 getMe 3 1 " + today + " FluentPro", "v1 getAuthMeV1 2026-09-01 2027-09-01 getMe 1 1 " + today + " curl",
	}, line(list("--by-client", "--days", "1"), "getAuthMeV1"))
	require.Equal(t, []string{
		"v1 getAuthMeV1 2026-09-01 2027-09-01 getMe 3 1 " + today + " " + mei.User.ID.String(), "v1 getAuthMeV1 2026-09-01 2027-09-01 getMe 1 1 " + today + " " + jun.User.ID.String(),
	}, line(list("--by-user"), "getAuthMeV1"))
	require.Equal(t, []string{"v1 logInV1 2026-09-01 2027-09-01 logIn 2 0 " + today + " curl -"}, line(list("--by-user", "--by-client"), "logInV1"))

	for _, days := range []string{"0", "91"} {
		_, err := command(t, "openapi", "deprecations", "--days", days)
		require.ErrorContains(t, err, "--days must be 1 to 90")
	}
}
