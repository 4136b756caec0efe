package v2_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
)

// giveUp stores a dead letter.
func giveUp(t *testing.T, s *apitest.Server, l deadletter.Letter) {
	t.Helper()
	require.NoError(t, deadletter.Write(t.Context(), s.Pool(t), l))
}

// sweepLetter is that of a job that can be done at any time.
func sweepLetter(subject string) deadletter.Letter {
	return deadletter.Letter{
		Source: deadletter.SourceJob, Kind: "maintenance.sweep_dead_letters", Queue: "maintenance", Subject: subject, Payload: []byte(`{}`), Attempts: 4,
	}
}

func TestModeratorsLookAfterTheServiceAndAdminsActToo(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	reads := []string{"/admin/queues", "/admin/dead-letters"}
	writes := []string{"/admin/queues/auth/pause", "/admin/queues/auth/resume", "/admin/dead-letters/019a2b4e-5c00-7000-8000-000000000021/replay"}
	learner, moderator, admin, nobody := s.SignUp(t), s.Moderator(t), s.Admin(t), s.Nobody()
	for _, path := range reads {
		nobody.Get(t, "%s", path).Refused(t, http.StatusUnauthorized, "auth.required")
		learner.Get(t, "%s", path).Refused(t, http.StatusForbidden, "auth.forbidden")
		moderator.Get(t, "%s", path).Expect(t, http.StatusOK, nil)
		admin.Get(t, "%s", path).Expect(t, http.StatusOK, nil)
	}
	for _, path := range writes {
		nobody.Post(t, path, nil).Refused(t, http.StatusUnauthorized, "auth.required")
		learner.Post(t, path, nil).Refused(t, http.StatusForbidden, "auth.forbidden")
		moderator.Post(t, path, nil).Refused(t, http.StatusForbidden, "auth.forbidden")
		require.NotEqual(t, http.StatusForbidden, admin.Post(t, path, nil).Status, path)
	}
}

func TestQueuesAreListedByNameInPages(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	m := s.Moderator(t)
	var names []string
	for path := "/admin/queues?limit=3"; path != ""; {
		var page apiv2.QueuePage
		m.Get(t, "%s", path).Expect(t, http.StatusOK, &page)
		for _, q := range page.Data {
			names = append(names, q.Name)
		}
		path = ""
		if !page.NextCursor.IsNull() {
			path = "/admin/queues?limit=3&cursor=" + url.QueryEscape(page.NextCursor.MustGet())
		}
	}
	require.Equal(t, []string{"auth", "conversation", "maintenance", "onboarding"}, names)
	m.Get(t, "/admin/queues?cursor=abc").Refused(t, http.StatusBadRequest, "cursor.invalid")
}

func TestAPausedQueueSaysSoUntilItIsResumed(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin := s.Admin(t)
	paused := func() map[string]bool {
		var page apiv2.QueuePage
		admin.Get(t, "/admin/queues").Expect(t, http.StatusOK, &page)
		out := map[string]bool{}
		for _, q := range page.Data {
			out[q.Name] = q.Paused
		}
		return out
	}
	for range 2 { // again changes nothing
		var q apiv2.Queue
		admin.Post(t, "/admin/queues/conversation/pause", nil).Expect(t, http.StatusOK, &q)
		require.True(t, q.Paused)
	}
	require.Equal(t, map[string]bool{"auth": false, "conversation": true, "maintenance": false, "onboarding": false}, paused())
	admin.Post(t, "/admin/queues/conversation/resume", nil).Expect(t, http.StatusOK, nil)
	require.False(t, paused()["conversation"])
	for _, name := range []string{"default", "*", "Auth"} {
		admin.Post(t, "/admin/queues/"+url.PathEscape(name)+"/pause", nil).Refused(t, http.StatusNotFound, "resource.not_found")
		admin.Post(t, "/admin/queues/"+url.PathEscape(name)+"/resume", nil).Refused(t, http.StatusNotFound, "resource.not_found")
	}
}

func TestDeadLettersAreListedInPagesOfTheirFilter(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	for i := range 5 {
		giveUp(t, s, sweepLetter(fmt.Sprint(i)))
	}
	giveUp(t, s, deadletter.Letter{Source: deadletter.SourceEvent, Kind: "user.registered", Queue: "welcome", Subject: "5", Payload: []byte(`{}`)})
	m := s.Moderator(t)
	list := func(query string) (page apiv2.DeadLetterPage) {
		m.Get(t, "/admin/dead-letters?%s", query).Expect(t, http.StatusOK, &page)
		return page
	}
	var got []string
	first := list("source=job&limit=2")
	for page := first; ; page = list("source=job&limit=2&cursor=" + url.QueryEscape(page.NextCursor.MustGet())) {
		for _, l := range page.Data {
			got = append(got, l.Subject)
		}
		if page.NextCursor.IsNull() {
			break
		}
	}
	require.Equal(t, []string{"4", "3", "2", "1", "0"}, got)
	require.Len(t, list("kind=user.registered&queue=welcome&source=event").Data, 1)
	require.Len(t, list("").Data, 6)
	require.Empty(t, list("status=replayed").Data)

	cursor := url.QueryEscape(first.NextCursor.MustGet())
	for _, query := range []string{"source=event&limit=2&cursor=" + cursor, "limit=2&cursor=" + cursor, "source=job&status=replayed&cursor=" + cursor, "cursor=abc"} {
		m.Get(t, "/admin/dead-letters?%s", query).Refused(t, http.StatusBadRequest, "cursor.invalid")
	}
	for _, query := range []string{"source=moon", "status=closed", "limit=0"} {
		m.Get(t, "/admin/dead-letters?%s", query).Refused(t, http.StatusBadRequest, "request.invalid")
	}
}

func TestADeadLetterIsReplayedOnce(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin := s.Admin(t)
	giveUp(t, s, sweepLetter("7"))
	var page apiv2.DeadLetterPage
	admin.Get(t, "/admin/dead-letters").Expect(t, http.StatusOK, &page)
	path := fmt.Sprintf("/admin/dead-letters/%s/replay", page.Data[0].ID)
	var l apiv2.DeadLetter
	admin.Post(t, path, nil).Expect(t, http.StatusOK, &l)
	require.Equal(t, admin.User.ID, l.ReplayedBy.MustGet())
	require.True(t, l.ActorID.IsNull())
	admin.Post(t, path, nil).Refused(t, http.StatusConflict, "dead_letter.replayed")

	var open, replayed apiv2.DeadLetterPage
	admin.Get(t, "/admin/dead-letters").Expect(t, http.StatusOK, &open)
	require.Empty(t, open.Data)
	admin.Get(t, "/admin/dead-letters?status=replayed").Expect(t, http.StatusOK, &replayed)
	require.Equal(t, []apiv2.DeadLetter{l}, replayed.Data)
	pool := s.Pool(t)
	require.Eventually(t, func() bool {
		var done int
		require.NoError(t, pool.QueryRow(t.Context(),
			"select count(*) from river_job where kind = 'maintenance.sweep_dead_letters' and state = 'completed'").Scan(&done))
		return done == 1
	}, 20*time.Second, 10*time.Millisecond, "it is done again")
}

func TestADeadLetterThatCannotBeReplayedStaysOpen(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin := s.Admin(t)
	unknown := sweepLetter("7")
	unknown.Kind = "moon.landing"
	giveUp(t, s, unknown)
	var page apiv2.DeadLetterPage
	admin.Get(t, "/admin/dead-letters").Expect(t, http.StatusOK, &page)
	admin.Post(t, fmt.Sprintf("/admin/dead-letters/%s/replay", page.Data[0].ID), nil).Refused(t, http.StatusConflict, "dead_letter.unknown_kind")
	admin.Post(t, fmt.Sprintf("/admin/dead-letters/%s/replay", uuid.New()), nil).Refused(t, http.StatusNotFound, "resource.not_found")
	admin.Post(t, "/admin/dead-letters/7/replay", nil).Refused(t, http.StatusNotFound, "resource.not_found")
	admin.Get(t, "/admin/dead-letters").Expect(t, http.StatusOK, &page)
	require.Len(t, page.Data, 1)
}
