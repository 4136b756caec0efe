package v2_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestAnExportHasAllThatIsKeptAndNoSecret(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, provider apitest.Option) {
		s, l, work := errands(t, provider)
		stranger := s.SignUp(t)
		stranger.Talk(t)
		enter(t, s, l, "phone")
		c := finish(t, l, "Could we talk about the rates?")
		awaitFeedback(t, l, c)
		role := onboard(t, l)
		startErrand(t, s, l)
		work.gives(nil)

		body := l.Get(t, "/users/me/export").Expect(t, http.StatusOK, nil).Body
		kinds := map[string]int{}
		lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
		var last map[string]any
		for _, line := range lines {
			last = nil
			require.NoError(t, json.Unmarshal(line, &last))
			kinds[last["type"].(string)]++
		}
		require.Equal(t, map[string]int{
			"user": 1, "session": 2, "onboarding": 1, "role": 1, "learning_plan": 1, "conversation": 1, "message": 3, "feedback": 1, "task": 3, "token_day": 1, "end": 1,
		}, kinds)
		require.Equal(t, "end", last["type"])
		require.EqualValues(t, len(lines)-1, last["count"])
		require.Contains(t, string(body), c.String())
		require.Contains(t, string(body), role)
		require.Contains(t, string(body), `"given_title":"Keeper of `, "what was written word for word")
		for _, secret := range []string{"argon2", "password", l.Tokens.RefreshToken, "auth0|", stranger.User.ID.String()} {
			require.NotContains(t, string(body), secret)
		}
	})
}

func TestAnErasedAccountLeavesItsEmailFreeAndNothingElse(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, provider apitest.Option) {
		s, l, work := errands(t, provider)
		two := apitest.New(t, apitest.Beside(s), work.register())
		phone, _ := enter(t, s, l, "phone")
		awaitFeedback(t, l, finish(t, l, "Could we talk about the rates?"))
		onboard(t, l)
		startErrand(t, s, l)
		work.gives(nil)
		askByOldName(t, s, l)
		email := string(l.User.Email)

		var done apiv2.Task
		a := l.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/users/me", Header: map[string]string{"Prefer": "wait=30"}}).Expect(t, http.StatusOK, &done)
		require.Equal(t, "wait=30", a.Header.Get("Preference-Applied"))
		require.Equal(t, apiv2.TaskStatusCompleted, done.Status)
		var whole struct{ Result map[string]any }
		require.NoError(t, json.Unmarshal(a.Body, &whole))
		require.Equal(t, l.User.ID.String(), whole.Result["user_id"])
		require.NotEmpty(t, whole.Result["erased_at"])
		for kind, n := range map[string]float64{"conversations": 1, "custom_roles": 1, "onboardings": 1, "learning_plans": 1, "feedback": 1, "sessions": 2, "deprecated_calls": 1, "token_days": 1} {
			require.Equal(t, n, whole.Result[kind], kind)
		}

		requireOver(t, l, s, two)
		requireOver(t, phone, s, two)
		logIn(t, s, email, apitest.Password).Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
		pool := s.Pool(t)
		for _, rows := range []string{
			"users where id", "sessions where user_id", "conversations where user_id", "mailed_codes where user_id",
			"onboardings where user_id", "learning_plans where user_id", "conversation_feedback where user_id", "roles where author_id", "deprecated_calls where user_id", "token_days where user_id",
			"tasks where kind <> 'account_erasure' and user_id", // which has the receipt
		} {
			var left int
			require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from "+rows+" = $1", l.User.ID).Scan(&left))
			require.Zero(t, left, rows)
		}
		var made apiv2.SignUpResult
		s.Nobody().Post(t, "/users", signUpBody(func(b map[string]any) { b["email"] = email })).Expect(t, http.StatusCreated, &made)
		require.NotEqual(t, l.User.ID, made.User.ID)
		requireOver(t, l, s, two)
	})
}

func TestAnErasureIsFollowedByTheSessionThatAskedForIt(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	phone, _ := enter(t, s, l, "phone")
	var begun apiv2.Task
	a := l.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/users/me"}).Expect(t, http.StatusAccepted, &begun)
	require.Equal(t, "/api/v2/tasks/"+begun.ID.String(), a.Header.Get("Location"))
	requireOver(t, phone, s)
	require.Eventually(t, func() bool {
		return l.Get(t, "/users/me").Status == http.StatusUnauthorized
	}, apitest.Patience, poll)
}

// askByOldName uses something deprecated, and waits until that is counted.
func askByOldName(t *testing.T, s *apitest.Server, l *apitest.Learner) {
	t.Helper()
	l.Get(t, "/roles?industry_id=real_estate").Expect(t, http.StatusOK, nil)
	pool := s.Pool(t)
	require.Eventually(t, func() bool {
		var counted int
		require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from deprecated_calls where user_id = $1", l.User.ID).Scan(&counted))
		return counted == 1
	}, apitest.Patience, 10*time.Millisecond)
}
