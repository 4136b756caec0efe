package v2_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

func TestRolesAreListedSearchedAndCached(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	s.Nobody().Get(t, "/roles").Refused(t, http.StatusUnauthorized, "auth.required")
	read := func(query string) (page apiv2.RolePage) {
		l.Get(t, "/roles?%s", query).Expect(t, http.StatusOK, &page)
		return page
	}
	var titles []string
	seen := map[uuid.UUID]bool{}
	for cursor := ""; ; {
		page := read("industry=Real-Estate&limit=10" + cursor)
		for _, r := range page.Data {
			require.False(t, seen[r.ID])
			seen[r.ID] = true
			titles = append(titles, r.Title)
			require.Equal(t, "real_estate", r.IndustryID)
		}
		if page.NextCursor.IsNull() {
			break
		}
		cursor = "&cursor=" + url.QueryEscape(page.NextCursor.MustGet())
	}
	require.Len(t, titles, 24)
	require.Equal(t, "Hotel Concierge", read("q=concier").Data[0].Title)
	for _, r := range read("level=executive").Data {
		require.Equal(t, apiv2.HierarchyLevel("executive"), r.HierarchyLevel.MustGet())
	}

	next := url.QueryEscape(read("q=manager&limit=3").NextCursor.MustGet())
	read("q=manager&limit=5&cursor=" + next)
	for _, query := range []string{"q=director&limit=3&cursor=" + next, "q=manager&level=manager&cursor=" + next, "cursor=" + next, "q=manager&cursor=A" + next} {
		l.Get(t, "/roles?%s", query).Refused(t, http.StatusBadRequest, "cursor.invalid")
	}
	s.SignUp(t).Get(t, "/roles?q=manager&cursor=%s", next).Refused(t, http.StatusBadRequest, "cursor.invalid")
	l.Get(t, "/roles?industry=mining").Refused(t, http.StatusUnprocessableEntity, "catalogue.unknown_industry")
	l.Get(t, "/roles?level=king").Refused(t, http.StatusBadRequest, "request.invalid")

	call := apitest.Call{Method: http.MethodGet, Path: "/roles?q=concierge", Header: map[string]string{"Accept-Language": "zh-CN"}}
	a := l.Do(t, call).Expect(t, http.StatusOK, nil)
	require.Contains(t, string(a.Body), "酒店礼宾员")
	require.Equal(t, "private, no-cache", a.Header.Get("Cache-Control"), "another may not have it from a shared cache")
	require.Equal(t, "zh-Hans", a.Header.Get("Content-Language"))
	require.Contains(t, a.Header.Get("Vary"), "Accept-Language")
	call.Header["If-None-Match"] = a.Header.Get("ETag")
	require.Equal(t, http.StatusNotModified, l.Do(t, call).Status)
	call.Header["Accept-Language"] = "zh-TW"
	require.Equal(t, http.StatusOK, l.Do(t, call).Status)
}

// quokka writes a role of a learner's own.
func quokka(t *testing.T, l *apitest.Learner) apiv2.Role {
	t.Helper()
	chose(t, l, "industry", object{"industry_id": "banking_finance"})
	return chose(t, l, "role", object{"custom": object{
		"title": "Quokka Underwriter", "description": "I insure the quokkas of Rottnest Island against sunburn.",
	}}).Selections.Role.MustGet()
}

func TestACustomRoleIsItsAuthorsUntilAnAdminPublishesIt(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	two := apitest.New(t, apitest.Beside(s))
	author, other, admin, moderator := s.SignUp(t), s.SignUp(t), s.Admin(t), s.Moderator(t)
	role := quokka(t, author)
	chose(t, other, "industry", object{"industry_id": "banking_finance"})
	search := func(l *apitest.Learner) int {
		var page apiv2.RolePage
		l.Get(t, "/roles?q=quokka").Expect(t, http.StatusOK, &page)
		return len(page.Data)
	}
	match := func(l *apitest.Learner) []string {
		var found apiv2.RoleMatches
		l.Post(t, "/onboarding/role-matches", object{"title": "Quokka Underwriter", "description": "I insure quokkas against sunburn"}).
			Expect(t, http.StatusOK, &found)
		titles := []string{}
		for _, m := range found.Matches {
			titles = append(titles, m.Role.Title)
		}
		return titles
	}
	require.Equal(t, 1, search(author))
	require.Zero(t, search(other))
	require.NotContains(t, match(other), role.Title)

	for _, l := range []*apitest.Learner{author, other, moderator} {
		l.Post(t, fmt.Sprintf("/admin/roles/%s/publish", role.ID), nil).Refused(t, http.StatusForbidden, "auth.forbidden")
	}
	other.Get(t, "/admin/roles").Refused(t, http.StatusForbidden, "auth.forbidden")
	admin.Post(t, fmt.Sprintf("/admin/roles/%s/publish", uuid.New()), nil).Refused(t, http.StatusNotFound, "resource.not_found")
	var waiting apiv2.RolePage
	moderator.Get(t, "/admin/roles").Expect(t, http.StatusOK, &waiting)
	require.Len(t, waiting.Data, 1)
	require.Equal(t, role.ID, waiting.Data[0].ID)
	moderator.Get(t, "/admin/roles?cursor=nonsense").Refused(t, http.StatusBadRequest, "cursor.invalid")

	for range 2 { // publishing again changes nothing
		admin.Post(t, fmt.Sprintf("/admin/roles/%s/publish", role.ID), nil).Expect(t, http.StatusOK, nil)
	}
	require.Equal(t, 1, search(other))
	require.Equal(t, role.Title, match(other.On(two))[0], "at once, on every node")
	require.Equal(t, role.ID, chose(t, other, "role", object{"role_id": role.ID}).Selections.Role.MustGet().ID)
	moderator.Get(t, "/admin/roles").Expect(t, http.StatusOK, &waiting)
	require.Empty(t, waiting.Data)
}

func TestCustomRolesAreLookedThroughPageByPage(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	chose(t, l, "industry", object{"industry_id": "real_estate"})
	var made []uuid.UUID
	for i := range 5 {
		role := chose(t, l, "role", object{"custom": object{"title": fmt.Sprintf("Role %d", i), "description": "I do what nobody else does here"}})
		made = append(made, role.Selections.Role.MustGet().ID)
	}
	admin := s.Admin(t)
	var got []uuid.UUID
	for cursor := ""; ; {
		var page apiv2.RolePage
		admin.Get(t, "/admin/roles?limit=2%s", cursor).Expect(t, http.StatusOK, &page)
		for _, r := range page.Data {
			got = append(got, r.ID)
		}
		if page.NextCursor.IsNull() {
			break
		}
		cursor = "&cursor=" + url.QueryEscape(page.NextCursor.MustGet())
	}
	require.Equal(t, []uuid.UUID{made[4], made[3], made[2], made[1], made[0]}, got, "the newest first")
}

func TestTheIndexIsBuiltAnewByATask(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin, learner := s.Admin(t), s.SignUp(t)
	learner.Post(t, "/admin/role-index", nil).Refused(t, http.StatusForbidden, "auth.forbidden")
	s.Moderator(t).Post(t, "/admin/role-index", nil).Refused(t, http.StatusForbidden, "auth.forbidden")
	s.Model.ScriptEmbeddings(partner.Step{Delay: 3 * time.Second}) // the first batch: the building takes a while

	keyed := apitest.Call{Method: http.MethodPost, Path: "/admin/role-index", Header: map[string]string{"Idempotency-Key": uuid.NewString()}}
	var first, again apiv2.Task
	a := admin.Do(t, keyed).Expect(t, http.StatusAccepted, &first)
	require.Equal(t, "/api/v2/tasks/"+first.ID.String(), a.Header.Get("Location"))
	admin.Post(t, "/admin/role-index", nil).Expect(t, http.StatusAccepted, &again)
	require.Equal(t, first.ID, again.ID, "one that is being built is not begun twice")
	a = admin.Do(t, keyed).Expect(t, http.StatusAccepted, &again)
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"))

	require.Eventually(t, func() bool { return len(s.Model.EmbeddingRequests()) > 0 }, apitest.Patience, poll)
	chose(t, learner, "industry", object{"industry_id": "banking_finance"})
	var found apiv2.RoleMatches
	learner.Post(t, "/onboarding/role-matches", object{"title": "Auditor", "description": "I check the accounts of companies"}).Expect(t, http.StatusOK, &found)
	require.False(t, found.Degraded, "the old index serves meanwhile")

	admin.Get(t, "/tasks/%s/events", first.ID).Expect(t, http.StatusOK, nil)
	var done apiv2.Task
	var whole struct {
		Result struct {
			Roles     int
			Model     string
			Dimension int
		}
	}
	a = admin.Get(t, "/tasks/%s", first.ID).Expect(t, http.StatusOK, &done)
	require.NoError(t, json.Unmarshal(a.Body, &whole))
	require.Equal(t, apiv2.TaskStatusCompleted, done.Status)
	require.EqualValues(t, 96, whole.Result.Roles)
	require.Equal(t, partner.EmbeddingVersion, whole.Result.Model)
	require.Equal(t, 256, whole.Result.Dimension)
	require.EqualValues(t, 96, done.Progress.Done)
}

func TestAPublishedRoleIsFoundByItsWordsWhileEmbeddingsAreDown(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	two := apitest.New(t, apitest.Beside(s))
	author, other, admin := s.SignUp(t), s.SignUp(t), s.Admin(t)
	role := quokka(t, author)
	chose(t, other, "industry", object{"industry_id": "banking_finance"})
	for range 3 { // as often as it is tried
		s.Model.ScriptEmbeddings(partner.Step{Status: http.StatusInternalServerError})
	}
	admin.Post(t, fmt.Sprintf("/admin/roles/%s/publish", role.ID), nil).Expect(t, http.StatusOK, nil)
	var found apiv2.RoleMatches
	other.On(two).Post(t, "/onboarding/role-matches", object{"title": "Quokka Underwriter", "description": "I insure quokkas against sunburn"}).
		Expect(t, http.StatusOK, &found)
	require.NotEmpty(t, found.Matches)
	require.Equal(t, role.ID, found.Matches[0].Role.ID)
	pool := s.Pool(t)
	require.Eventually(t, func() bool { // a job embeds it when it can be had again
		var n int
		err := pool.QueryRow(t.Context(), "select count(*) from role_embeddings where role_id = $1", role.ID).Scan(&n)
		return err == nil && n == 1
	}, apitest.Patience, 10*poll)
}

func TestFiltersOfRolesAreTakenTogether(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l, other := s.SignUp(t), s.SignUp(t)
	own := quokka(t, l)
	ids := func(l *apitest.Learner, query string) (all []uuid.UUID) {
		var page apiv2.RolePage
		l.Get(t, "/roles?limit=100&%s", query).Expect(t, http.StatusOK, &page)
		for _, r := range page.Data {
			all = append(all, r.ID)
		}
		return all
	}
	require.Contains(t, ids(l, "industry=banking_finance"), own.ID, "one's own are listed without a search too")
	require.NotContains(t, ids(other, "industry=banking_finance"), own.ID)
	require.NotContains(t, ids(l, "industry=real_estate"), own.ID)
	require.Empty(t, ids(l, "industry=real_estate&q=quokka"))
	require.NotContains(t, ids(l, "industry=banking_finance&level=manager"), own.ID, "its author has not said a level")
	var page apiv2.RolePage
	l.Get(t, "/roles?industry=BANKING-finance&level=manager&q=risk").Expect(t, http.StatusOK, &page)
	for _, r := range page.Data {
		require.Equal(t, "banking_finance", r.IndustryID)
		require.Equal(t, apiv2.HierarchyLevel("manager"), r.HierarchyLevel.MustGet())
	}
	require.Empty(t, ids(l, "q=xylophonist"))
}

func TestABuildingThatFailedIsTakenUpAgainWhileTheIndexServes(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin, learner := s.Admin(t), s.SignUp(t)
	s.Model.ScriptEmbeddings(partner.Step{Status: http.StatusBadRequest}) // which the call itself does not try again
	var task apiv2.Task
	a := admin.Do(t, apitest.Call{Method: http.MethodPost, Path: "/admin/role-index", Header: map[string]string{"Prefer": "wait=1"}})
	a.Expect(t, http.StatusAccepted, &task)
	require.Empty(t, a.Header.Get("Preference-Applied"), "it was not done in time")
	require.Eventually(t, func() bool { return len(s.Model.EmbeddingRequests()) > 0 }, apitest.Patience, poll) // the failure is not the learner's
	chose(t, learner, "industry", object{"industry_id": "banking_finance"})
	var found apiv2.RoleMatches
	learner.Post(t, "/onboarding/role-matches", object{"title": "Auditor", "description": "I check the accounts of companies"}).Expect(t, http.StatusOK, &found)
	require.False(t, found.Degraded)
	require.NotEmpty(t, found.Matches)
	told := events(t, admin.Get(t, "/tasks/%s/events", task.ID).Expect(t, http.StatusOK, nil).Body)
	require.Equal(t, "task.completed", told[len(told)-1].Name)
}
