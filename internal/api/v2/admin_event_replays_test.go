package v2_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// replayOfToday asks for all events of the account's group, within an hour.
func replayOfToday(change map[string]any) map[string]any {
	body := map[string]any{"group": "account", "from": time.Now().Add(-time.Hour).UTC(), "to": time.Now().Add(time.Hour).UTC()}
	for k, v := range change {
		body[k] = v
	}
	return body
}

func TestAReplayIsATaskAndItsEffectsHappenAgainButForMails(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin := s.Admin(t)
	learner := s.SignUp(t)
	pool := s.Pool(t)
	count := func(sql string) (n int) {
		require.NoError(t, pool.QueryRow(t.Context(), sql).Scan(&n))
		return n
	}
	const handled = "select count(*) from river_job where kind in ('account.welcome_mail', 'account.code_mail') and state = 'completed'"
	require.Eventually(t, func() bool { return count(handled) == 4 }, 20*time.Second, 10*time.Millisecond, "both were welcomed")

	wait := map[string]string{"Prefer": "wait=20", "Idempotency-Key": "once"}
	call := apitest.Call{Method: http.MethodPost, Path: "/admin/event-replays", Header: wait, Body: replayOfToday(nil)}
	var done apiv2.Task
	admin.Do(t, call).Expect(t, http.StatusOK, &done)
	require.EqualValues(t, "completed", done.Status)
	require.EqualValues(t, map[string]any{"replayed": 0.0}, *done.Result, "nothing was missed")

	call.Body = replayOfToday(map[string]any{"again": true, "types": []string{"user.registered"}})
	admin.Do(t, call).Refused(t, http.StatusUnprocessableEntity, "idempotency.key_reused")
	wait["Idempotency-Key"] = "twice"
	admin.Do(t, call).Expect(t, http.StatusOK, &done)
	require.EqualValues(t, map[string]any{"replayed": 2.0}, *done.Result)
	require.Eventually(t, func() bool { return count(handled) == 8 }, 20*time.Second, 10*time.Millisecond, "the handlers ran again")
	mails, err := s.Mail.To(string(learner.User.Email))
	require.NoError(t, err)
	require.Len(t, mails, 2, "one welcome and one code")

	first := admin.Do(t, call).Expect(t, http.StatusOK, &done)
	require.Equal(t, "true", first.Header.Get("Idempotency-Replayed"))
	require.Equal(t, 2, count("select count(*) from tasks"))
	admin.Get(t, "/tasks/%s", done.ID).Expect(t, http.StatusOK, nil)
	learner.Get(t, "/tasks/%s", done.ID).Refused(t, http.StatusNotFound, "resource.not_found")
}

func TestAReplayThatMakesNoSenseIsRefusedByMember(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin := s.Admin(t)
	p := admin.Post(t, "/admin/event-replays", replayOfToday(map[string]any{"group": "nobody", "to": "2026-01-01T00:00:00Z"})).
		Refused(t, http.StatusUnprocessableEntity, "replay.invalid")
	require.Len(t, *p.Errors, 2)
	require.Equal(t, "/group", (*p.Errors)[0].Pointer)
	require.Equal(t, "/to", (*p.Errors)[1].Pointer)
	s.Moderator(t).Post(t, "/admin/event-replays", replayOfToday(nil)).Refused(t, http.StatusForbidden, "auth.forbidden")
}
