package v2_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
)

// requireUnknown checks that a body was refused for one member.
func requireUnknown(t *testing.T, a apitest.Answer, member string) {
	t.Helper()
	p := a.Refused(t, http.StatusBadRequest, "request.invalid")
	require.Equal(t, "/"+member, (*p.Errors)[0].Pointer)
	require.Equal(t, "unknown_field", (*p.Errors)[0].Code)
}

func TestNobodyGivesThemselvesWhatIsNotTheirsToGive(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	pool := s.Pool(t)
	row := func() (text string) {
		require.NoError(t, pool.QueryRow(t.Context(), "select u::text from users u where id = $1", l.User.ID).Scan(&text))
		return text
	}
	before := row()
	for member, value := range map[string]any{
		"roles": []string{"admin"}, "role": "admin", "email_verified": true, "is_active": true, "id": uuid.NewString(), "user_id": uuid.NewString(),
		"password_hash": "$argon2id$", "created_at": "2020-01-01T00:00:00Z", "erasing_at": nil, "subject": "auth0|1", "Roles": []string{"admin"},
	} {
		body := signUpBody(func(b map[string]any) { b["email"], b[member] = member+"@example.com", value })
		requireUnknown(t, s.Nobody().Post(t, "/users", body), member)
		patch := map[string]any{"full_name": "Eve Chen", member: value}
		requireUnknown(t, l.Do(t, apitest.Call{Method: http.MethodPatch, Path: "/users/me", Body: patch}), member)
	}
	for _, member := range []string{"email", "password"} { // changed elsewhere, with a proof
		patch := map[string]any{"full_name": "Eve Chen", member: "eve@example.com"}
		requireUnknown(t, l.Do(t, apitest.Call{Method: http.MethodPatch, Path: "/users/me", Body: patch}), member)
	}
	require.Equal(t, before, row())
	var users int
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from users").Scan(&users))
	require.Equal(t, 1, users)
}

func TestAClientDoesNotChooseItsSession(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	planted := sessionsOf(t, l)[0].ID
	for _, member := range []string{"sid", "session_id", "id", "session"} {
		requireUnknown(t, s.Nobody().Post(t, "/users", signUpBody(func(b map[string]any) { b[member] = planted })), member)
		requireUnknown(t, s.Nobody().Post(t, "/sessions", map[string]any{"email": l.User.Email, "password": apitest.Password, member: planted}), member)
		requireUnknown(t, s.Nobody().Post(t, "/sessions/refresh", map[string]any{"refresh_token": l.Tokens.RefreshToken, member: planted}), member)
	}
	seen := map[uuid.UUID]bool{planted: true}
	for range 3 {
		var in apiv2.LogInResult
		a := l.Do(t, apitest.Call{Method: http.MethodPost, Path: "/sessions", // with the token of the session before
			Body:   map[string]any{"email": l.User.Email, "password": apitest.Password},
			Header: map[string]string{"Cookie": "sid=" + planted.String() + "; session_id=" + planted.String()}}).Expect(t, http.StatusCreated, &in)
		require.Empty(t, a.Header.Values("Set-Cookie"))
		require.False(t, seen[in.Session.ID])
		seen[in.Session.ID] = true
		l.Tokens = in.Tokens
	}
	require.Len(t, sessionsOf(t, l), 4)
}

// alike is an answer without what differs from request to request.
type alike struct {
	Status int
	Header http.Header
	Body   string
}

func withoutNoise(a apitest.Answer, p apiv2.Problem) alike {
	header := maps.Clone(a.Header)
	for _, name := range []string{"Date", "X-Request-Id", "Traceparent", "Content-Length"} {
		header.Del(name)
	}
	return alike{a.Status, header, strings.ReplaceAll(string(a.Body), p.RequestID, "")}
}

// work counts the rows that a request may leave behind, by kind; not those of its jobs,
// which come later whoever asked.
func work(t *testing.T, s *apitest.Server) map[string]int {
	t.Helper()
	rows, err := s.Pool(t).Query(t.Context(), `
		select 'attempt', count(*)::int from login_attempts
		union all select 'event ' || type, count(*)::int from outbox where type <> 'user.password_reset_requested' group by type
		union all select 'job ' || kind, count(*)::int from river_job where kind like 'account.%' group by kind`)
	require.NoError(t, err)
	defer rows.Close()
	all := map[string]int{}
	for rows.Next() {
		var kind string
		var n int
		require.NoError(t, rows.Scan(&kind, &n))
		all[kind] = n
	}
	require.NoError(t, rows.Err())
	return all
}

// done is what a request left behind.
func done(t *testing.T, s *apitest.Server, request func()) map[string]int {
	t.Helper()
	before := work(t, s)
	request()
	after := work(t, s)
	for kind, n := range before {
		if after[kind] -= n; after[kind] == 0 {
			delete(after, kind)
		}
	}
	return after
}

func TestNoAnswerTellsWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	known, deactivated := s.SignUp(t), s.SignUp(t)
	for _, l := range []*apitest.Learner{known, deactivated} { // so that nothing of the sign-ups is still to be done
		requireQuiet(t, s, string(l.User.Email))
	}
	_, err := s.Pool(t).Exec(t.Context(), "update users set is_active = false where id = $1", deactivated.User.ID)
	require.NoError(t, err)
	code := s.Mailed(t, string(known.User.Email), apitest.SubjectVerify)
	put(t, s.Nobody(), "/email-verifications", map[string]any{"token": code}).Expect(t, http.StatusNoContent, nil)
	requireQuiet(t, s, string(known.User.Email))

	emails := []string{"nobody@example.com", string(known.User.Email), string(deactivated.User.Email)}
	codes := []string{"AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GG", code}
	for name, ask := range map[string]struct {
		values []string
		call   func(value string) apitest.Call
	}{
		"log-in": {emails, func(email string) apitest.Call {
			return apitest.Call{Method: http.MethodPost, Path: "/sessions", Body: map[string]any{"email": email, "password": "Wrong-Light-42"}}
		}},
		"reset": {emails, func(email string) apitest.Call {
			return apitest.Call{Method: http.MethodPost, Path: "/password-resets", Body: map[string]any{"email": email}}
		}},
		"verification": {codes, func(code string) apitest.Call {
			return apitest.Call{Method: http.MethodPut, Path: "/email-verifications", Body: map[string]any{"token": code}}
		}},
		"completed reset": {codes, func(code string) apitest.Call {
			return apitest.Call{Method: http.MethodPut, Path: "/password-resets", Body: map[string]any{"token": code, "new_password": newPassword}}
		}},
	} {
		var answers []alike
		var works []map[string]int
		for _, value := range ask.values {
			works = append(works, done(t, s, func() {
				a := s.Nobody().Do(t, ask.call(value))
				var p apiv2.Problem
				if a.Status >= http.StatusBadRequest {
					p = a.Refused(t, a.Status, codeOf(t, a))
				}
				answers = append(answers, withoutNoise(a, p))
			}))
		}
		for i := range answers[1:] {
			require.Equal(t, answers[0], answers[i+1], "%s of %s", name, ask.values[i+1])
			require.Equal(t, works[0], works[i+1], "%s of %s", name, ask.values[i+1])
		}
	}
	mails, err := s.Mail.To("nobody@example.com")
	require.NoError(t, err)
	require.Empty(t, mails)
}

// codeOf reads the code of a problem.
func codeOf(t *testing.T, a apitest.Answer) string {
	t.Helper()
	var p apiv2.Problem
	a.Expect(t, a.Status, &p)
	return string(p.Code)
}

// requireQuiet waits until every job is done, and events are with their handlers.
func requireQuiet(t *testing.T, s *apitest.Server, email string) {
	t.Helper()
	pool := s.Pool(t)
	require.Eventually(t, func() bool {
		var open int
		err := pool.QueryRow(t.Context(), `select (select count(*) from river_job where kind like 'account.%' and finalized_at is null)
			+ (select count(*) from outbox where published_at is null)`).Scan(&open)
		mails, _ := s.Mail.To(email)
		return err == nil && open == 0 && slices.ContainsFunc(mails, func(m mailcatcher.Mail) bool { return m.Subject == apitest.SubjectVerify })
	}, apitest.Patience, poll)
}
