package v2_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func signUpBody(change func(map[string]any)) map[string]any {
	b := map[string]any{"email": "jun@example.com", "password": apitest.Password, "full_name": "Jun Li"}
	if change != nil {
		change(b)
	}
	return b
}

func TestSignUpNamesTheFieldAndTheRule(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	for name, c := range map[string]struct {
		body    map[string]any
		status  int
		code    string
		pointer string
		rule    string
	}{
		"no email":         {signUpBody(func(b map[string]any) { delete(b, "email") }), 400, "request.invalid", "/email", "required"},
		"not an email":     {signUpBody(func(b map[string]any) { b["email"] = "jun" }), 400, "request.invalid", "/email", "wrong_format"},
		"short password":   {signUpBody(func(b map[string]any) { b["password"] = "Ab1!" }), 400, "request.invalid", "/password", "too_short"},
		"weak password":    {signUpBody(func(b map[string]any) { b["password"] = "harbourlight" }), 422, "user.password_weak", "/password", "needs_upper"},
		"unknown field":    {signUpBody(func(b map[string]any) { b["admin"] = true }), 400, "request.invalid", "/admin", "unknown_field"},
		"name of spaces":   {signUpBody(func(b map[string]any) { b["full_name"] = "   " }), 400, "request.invalid", "/full_name", "wrong_format"},
		"name of a letter": {signUpBody(func(b map[string]any) { b["full_name"] = " J " }), 400, "request.invalid", "/full_name", "wrong_format"},
		"number for name":  {signUpBody(func(b map[string]any) { b["full_name"] = 7 }), 400, "request.invalid", "/full_name", "wrong_type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.Nobody().Post(t, "/users", c.body).Refused(t, c.status, c.code)
			require.NotNil(t, p.Errors)
			require.Equal(t, c.pointer, (*p.Errors)[0].Pointer)
			require.Equal(t, c.rule, (*p.Errors)[0].Code)
			text, err := json.Marshal(p)
			require.NoError(t, err)
			require.NotContains(t, string(text), "Ab1!")
			require.NotContains(t, string(text), "harbourlight", "a problem never repeats a value")
		})
	}
}

func TestATakenEmailIsAConflictWhateverItsCase(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	s.Nobody().Post(t, "/users", signUpBody(nil)).Expect(t, http.StatusCreated, nil)
	again := signUpBody(func(b map[string]any) { b["email"] = "JUN@Example.COM" })
	p := s.Nobody().Post(t, "/users", again).Refused(t, http.StatusConflict, "user.email_taken")
	require.Equal(t, "/problems/user.email_taken", p.Type)
	require.NotEmpty(t, p.RequestID)
}

func TestNamesInAnyScriptAreKept(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	var made apiv2.SignUpResult
	s.Nobody().Post(t, "/users", signUpBody(func(b map[string]any) { b["full_name"] = "  李俊 Jun 👩🏽‍💼 " })).
		Expect(t, http.StatusCreated, &made)
	require.Equal(t, "李俊 Jun 👩🏽‍💼", made.User.FullName)
}

func TestAReplayedSignUpGetsTheSameUserAndNewTokens(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	call := apitest.Call{Method: http.MethodPost, Path: "/users", Body: signUpBody(nil), Header: map[string]string{"Idempotency-Key": "k-1"}}
	var first, second apiv2.SignUpResult
	one := s.Nobody().Do(t, call).Expect(t, http.StatusCreated, &first)
	two := s.Nobody().Do(t, call).Expect(t, http.StatusCreated, &second)
	require.Empty(t, one.Header.Get("Idempotency-Replayed"))
	require.Equal(t, "true", two.Header.Get("Idempotency-Replayed"))
	require.Equal(t, first.User, second.User)
	require.NotEqual(t, first.Tokens.RefreshToken, second.Tokens.RefreshToken)

	call.Body = signUpBody(func(b map[string]any) { b["full_name"] = "Somebody Else" })
	s.Nobody().Do(t, call).Refused(t, http.StatusUnprocessableEntity, "idempotency.key_reused")
}

func TestLogInDoesNotTellAnUnknownEmailFromAWrongPassword(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	s.Nobody().Post(t, "/users", signUpBody(nil)).Expect(t, http.StatusCreated, nil)
	wrong := s.Nobody().Post(t, "/sessions", map[string]any{"email": "jun@example.com", "password": "Wrong-Light-42"}).
		Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
	unknown := s.Nobody().Post(t, "/sessions", map[string]any{"email": "nobody@example.com", "password": "Wrong-Light-42"}).
		Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
	wrong.RequestID, unknown.RequestID = "", ""
	require.Equal(t, wrong, unknown)
}

func TestTheSessionNamesItsDevice(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	s.Nobody().Post(t, "/users", signUpBody(nil)).Expect(t, http.StatusCreated, nil)
	var in apiv2.LogInResult
	s.Nobody().Do(t, apitest.Call{Method: http.MethodPost, Path: "/sessions",
		Body:   map[string]any{"email": "Jun@example.com", "password": apitest.Password},
		Header: map[string]string{"User-Agent": "FluentPro/3.1 (iPhone)"}}).Expect(t, http.StatusCreated, &in)
	require.Equal(t, "FluentPro/3.1 (iPhone)", in.Session.Device)
	require.True(t, in.Session.Current)
}

func TestARefreshTokenIsUsedOnceAndItsTheftEndsTheSession(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	refresh := func() apitest.Answer {
		return s.Nobody().Post(t, "/sessions/refresh", map[string]any{"refresh_token": l.Tokens.RefreshToken})
	}
	var one, two apiv2.RefreshResult
	refresh().Expect(t, http.StatusOK, &one)
	refresh().Expect(t, http.StatusOK, &two)
	require.Equal(t, one.Tokens.RefreshToken, two.Tokens.RefreshToken, "two tabs within ten seconds get the same successor")

	s.Clock.Advance(account.RefreshGrace + time.Second)
	refresh().Refused(t, http.StatusUnauthorized, "auth.invalid_refresh_token")
	l.Get(t, "/users/me").Refused(t, http.StatusUnauthorized, "auth.invalid_token")
	s.Nobody().Post(t, "/sessions/refresh", map[string]any{"refresh_token": one.Tokens.RefreshToken}).
		Refused(t, http.StatusUnauthorized, "auth.invalid_refresh_token")
}

func TestGetMeAnswersNotModifiedToTheCurrentETag(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	etag := l.Get(t, "/users/me").Expect(t, http.StatusOK, nil).Header.Get("ETag")
	for header, status := range map[string]int{
		etag: 304, `W/` + etag: 304, `"x", ` + etag: 304, "*": 304, `"x"`: 200, "": 200,
	} {
		a := l.Do(t, apitest.Call{Method: http.MethodGet, Path: "/users/me", Header: map[string]string{"If-None-Match": header}})
		require.Equal(t, status, a.Status, header)
		require.Equal(t, etag, a.Header.Get("ETag"))
	}
}

func TestWithoutAGoodTokenNothingPrivateIsAnswered(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	s.Nobody().Get(t, "/users/me").Refused(t, http.StatusUnauthorized, "auth.required")
	for name, header := range map[string]string{
		"garbage": "Bearer garbage", "cut": "Bearer " + l.Tokens.AccessToken[:40], "basic": "Basic " + l.Tokens.AccessToken,
	} {
		a := l.Do(t, apitest.Call{Method: http.MethodGet, Path: "/users/me", Header: map[string]string{"Authorization": header}})
		require.Equal(t, http.StatusUnauthorized, a.Status, name)
		require.True(t, strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer"), name)
	}
	s.Clock.Advance(20 * time.Minute)
	l.Get(t, "/users/me").Refused(t, http.StatusUnauthorized, "auth.invalid_token")
}
