package v2_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// newPassword is what learners change theirs to.
const newPassword = "Harbour-Lamp-43"

// poll is how often a test looks again for what must happen.
const poll = 10 * time.Millisecond

// put sends a body by PUT.
func put(t *testing.T, l *apitest.Learner, path string, body any) apitest.Answer {
	t.Helper()
	return l.Do(t, apitest.Call{Method: http.MethodPut, Path: path, Body: body})
}

// patchMe sends a merge patch of the learner.
func patchMe(t *testing.T, l *apitest.Learner, body, ifMatch string) apitest.Answer {
	t.Helper()
	c := apitest.Call{Method: http.MethodPatch, Path: "/users/me", Body: []byte(body), Header: map[string]string{"Content-Type": "application/merge-patch+json"}}
	if ifMatch != "" {
		c.Header["If-Match"] = ifMatch
	}
	return l.Do(t, c)
}

// me reads the learner anew.
func me(t *testing.T, l *apitest.Learner) apiv2.User {
	t.Helper()
	var u apiv2.User
	l.Get(t, "/users/me").Expect(t, http.StatusOK, &u)
	return u
}

func TestAChangedPasswordIsTheOnlyOneAndEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, provider apitest.Option) {
		s := apitest.New(t, provider)
		laptop := s.SignUp(t)
		email := string(laptop.User.Email)
		phone, _ := enter(t, s, laptop, "phone")
		change := func(current, next string) apitest.Answer {
			return put(t, laptop, "/users/me/password", map[string]any{"current_password": current, "new_password": next})
		}
		p := change("Wrong-Light-42", newPassword).Refused(t, http.StatusUnprocessableEntity, "user.wrong_password")
		require.Equal(t, "/current_password", (*p.Errors)[0].Pointer)
		p = change(apitest.Password, "harbourlamp").Refused(t, http.StatusUnprocessableEntity, "user.password_weak")
		require.Equal(t, "/new_password", (*p.Errors)[0].Pointer)
		phone.Get(t, "/users/me").Expect(t, http.StatusOK, nil)

		change(apitest.Password, newPassword).Expect(t, http.StatusNoContent, nil)
		logIn(t, s, email, apitest.Password).Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
		logIn(t, s, email, newPassword).Expect(t, http.StatusCreated, nil)
		requireOver(t, phone, s)
		laptop.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
	})
}

func TestAPasswordIsResetByTheMailedCodeOnce(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, provider apitest.Option) {
		s := apitest.New(t, provider)
		l := s.SignUp(t)
		email := string(l.User.Email)
		require.Empty(t, s.Nobody().Post(t, "/password-resets", map[string]any{"email": email}).Expect(t, http.StatusAccepted, nil).Body)
		code := s.Mailed(t, email, apitest.SubjectReset)
		complete := func(code, password string) apitest.Answer {
			return put(t, s.Nobody(), "/password-resets", map[string]any{"token": code, "new_password": password})
		}
		complete("AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AA", newPassword).Refused(t, http.StatusUnprocessableEntity, "auth.invalid_code")
		complete(code, "harbourlamp").Refused(t, http.StatusUnprocessableEntity, "user.password_weak")
		complete(code, newPassword).Expect(t, http.StatusNoContent, nil)
		complete(code, "Harbour-Lamp-44").Refused(t, http.StatusUnprocessableEntity, "auth.invalid_code")
		requireOver(t, l, s)
		logIn(t, s, email, apitest.Password).Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
		var in apiv2.LogInResult
		logIn(t, s, email, newPassword).Expect(t, http.StatusCreated, &in)
		require.True(t, in.User.EmailVerified, "the code came by it")
	})
}

func TestACodeIsGoodForHalfAnHour(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	code := s.Mailed(t, string(l.User.Email), apitest.SubjectVerify)
	s.Clock.Advance(account.CodeLifetime + time.Second)
	put(t, s.Nobody(), "/email-verifications", map[string]any{"token": code}).Refused(t, http.StatusUnprocessableEntity, "auth.invalid_code")
}

func TestAnEmailIsVerifiedByTheMailedCode(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, provider apitest.Option) {
		s := apitest.New(t, provider)
		l := s.SignUp(t)
		require.False(t, l.User.EmailVerified)
		code := s.Mailed(t, string(l.User.Email), apitest.SubjectVerify)
		verify := func() apitest.Answer {
			return put(t, s.Nobody(), "/email-verifications", map[string]any{"token": code})
		}
		verify().Expect(t, http.StatusNoContent, nil)
		require.True(t, me(t, l).EmailVerified)
		verify().Refused(t, http.StatusUnprocessableEntity, "auth.invalid_code")
		l.Post(t, "/email-verifications", nil).Expect(t, http.StatusAccepted, nil)
	})
}

func TestAnEmailIsChangedOnceTheNewOneIsProven(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, provider apitest.Option) {
		s := apitest.New(t, provider)
		l, other := s.SignUp(t), s.SignUp(t)
		old, next := string(l.User.Email), uuid.NewString()+"@chen.example"
		ask := func(email, password string) apitest.Answer {
			return put(t, l, "/users/me/email", map[string]any{"email": email, "current_password": password})
		}
		ask(next, "Wrong-Light-42").Refused(t, http.StatusUnprocessableEntity, "user.wrong_password")
		taken := ask(string(other.User.Email), apitest.Password).Expect(t, http.StatusAccepted, nil)
		require.Empty(t, taken.Body)
		ask(next, apitest.Password).Expect(t, http.StatusAccepted, nil)
		code := s.Mailed(t, next, apitest.SubjectChange)
		require.Equal(t, old, string(me(t, l).Email), "nothing changes before")
		put(t, s.Nobody(), "/email-verifications", map[string]any{"token": code}).Expect(t, http.StatusNoContent, nil)
		changed := me(t, l)
		require.Equal(t, next, string(changed.Email))
		require.True(t, changed.EmailVerified)
		logIn(t, s, old, apitest.Password).Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
		logIn(t, s, next, apitest.Password).Expect(t, http.StatusCreated, nil)
		s.Nobody().Post(t, "/users", signUpBody(func(b map[string]any) { b["email"] = old })).Expect(t, http.StatusCreated, nil)
	})
}

func TestAProfileIsPatchedAndNobodysChangeIsLost(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	first := l.Get(t, "/users/me").Expect(t, http.StatusOK, nil).Header.Get("ETag")
	a := patchMe(t, l, `{"native_language":"chinese_simplified","preferences":{"theme":"dark","size":{"text":2}}}`, first).Expect(t, http.StatusOK, nil)
	require.NotEqual(t, first, a.Header.Get("ETag"))
	patchMe(t, l, `{"full_name":"Late Chen"}`, first).Refused(t, http.StatusPreconditionFailed, "request.precondition_failed")
	require.Equal(t, "Mei Chen", me(t, l).FullName)

	patchMe(t, l, `{"full_name":" 陈美 ","preferences":{"theme":null}}`, "*").Expect(t, http.StatusOK, nil)
	u := me(t, l)
	require.Equal(t, "陈美", u.FullName)
	require.Equal(t, "chinese_simplified", u.NativeLanguage.MustGet(), "what is left out stays")
	require.Equal(t, map[string]any{"size": map[string]any{"text": 2.0}}, map[string]any(u.Preferences))
	patchMe(t, l, `{"native_language":null,"preferences":null}`, "").Expect(t, http.StatusOK, nil)
	u = me(t, l)
	require.True(t, u.NativeLanguage.IsNull())
	require.Empty(t, u.Preferences)
	patchMe(t, l, `{"native_language":"klingon"}`, "").Refused(t, http.StatusUnprocessableEntity, "user.unknown_language")
	patchMe(t, l, `{"full_name":null}`, "").Refused(t, http.StatusBadRequest, "request.invalid")
	patchMe(t, l, `{}`, "").Refused(t, http.StatusBadRequest, "request.invalid")
}
