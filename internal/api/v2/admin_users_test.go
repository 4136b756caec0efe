package v2_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestAccountsAreListedInPagesOfTheirFilter(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin := s.Admin(t)
	ada, bo := s.SignUp(t), s.SignUp(t)
	var page apiv2.AdminUserPage
	admin.Get(t, "/admin/users?limit=2").Expect(t, http.StatusOK, &page)
	require.Equal(t, []uuid.UUID{bo.User.ID, ada.User.ID}, []uuid.UUID{page.Data[0].ID, page.Data[1].ID})
	next, err := page.NextCursor.Get()
	require.NoError(t, err)
	admin.Get(t, "/admin/users?limit=2&cursor=%s", next).Expect(t, http.StatusOK, &page)
	require.Len(t, page.Data, 1)
	require.Equal(t, admin.User.ID, page.Data[0].ID)
	require.True(t, page.NextCursor.IsNull())
	admin.Get(t, "/admin/users?role=admin&cursor=%s", next).Refused(t, http.StatusBadRequest, "cursor.invalid")

	for query, want := range map[string]uuid.UUID{
		"role=admin": admin.User.ID, "email=" + strings.ToUpper(string(ada.User.Email)): ada.User.ID,
	} {
		admin.Get(t, "/admin/users?%s", query).Expect(t, http.StatusOK, &page)
		require.Len(t, page.Data, 1, query)
		require.Equal(t, want, page.Data[0].ID, query)
	}
	admin.Get(t, "/admin/users?is_active=false").Expect(t, http.StatusOK, &page)
	require.Empty(t, page.Data)

	lines := exportLines(t, admin.Get(t, "/admin/users/export"))
	require.Len(t, lines, 4)
	require.Equal(t, `{"type":"end","count":3}`, lines[3])
	s.Moderator(t).Get(t, "/admin/users/export").Refused(t, http.StatusForbidden, "auth.forbidden")
	ada.Get(t, "/admin/users").Refused(t, http.StatusForbidden, "auth.forbidden")
	ada.Get(t, "/admin/users/%s", bo.User.ID).Refused(t, http.StatusForbidden, "auth.forbidden")
	admin.Get(t, "/admin/users/%s", uuid.New()).Refused(t, http.StatusNotFound, "resource.not_found")
}

func TestAnAccountThatIsShutOutIsOutEverywhereUntilItIsLetIn(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	other := apitest.New(t, apitest.Beside(s))
	admin, l := s.Admin(t), s.SignUp(t)
	l.On(other).Get(t, "/users/me").Expect(t, http.StatusOK, nil)
	logIn := map[string]any{"email": l.User.Email, "password": apitest.Password}
	var user apiv2.AdminUser
	patch := func(who *apitest.Learner, id uuid.UUID, active bool) apitest.Answer {
		return who.Do(t, apitest.Call{Method: http.MethodPatch, Path: "/admin/users/" + id.String(), Body: map[string]any{"is_active": active}})
	}
	patch(s.Moderator(t), l.User.ID, false).Refused(t, http.StatusForbidden, "auth.forbidden")
	patch(admin, admin.User.ID, false).Refused(t, http.StatusConflict, "user.own_account")
	patch(admin, uuid.New(), false).Refused(t, http.StatusNotFound, "resource.not_found")
	patch(admin, l.User.ID, false).Expect(t, http.StatusOK, &user)
	require.False(t, user.IsActive)
	l.Get(t, "/users/me").Refused(t, http.StatusUnauthorized, "auth.invalid_token")
	require.Eventually(t, func() bool { return l.On(other).Get(t, "/users/me").Status == http.StatusUnauthorized },
		20*time.Second, 10*time.Millisecond)
	s.Nobody().Post(t, "/sessions", logIn).Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
	s.Nobody().Post(t, "/sessions/refresh", map[string]any{"refresh_token": l.Tokens.RefreshToken}).
		Refused(t, http.StatusUnauthorized, "auth.invalid_refresh_token")

	patch(admin, l.User.ID, true).Expect(t, http.StatusOK, &user)
	require.True(t, user.IsActive)
	l.Get(t, "/users/me").Refused(t, http.StatusUnauthorized, "auth.invalid_token")
	s.Nobody().Post(t, "/sessions", logIn).Expect(t, http.StatusCreated, nil)
}

func TestRolesCountAtOnceAndAnAdminKeepsTheirOwn(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin, l := s.Admin(t), s.SignUp(t)
	set := func(id uuid.UUID, roles ...string) apitest.Answer {
		return admin.Do(t, apitest.Call{Method: http.MethodPut, Path: "/admin/users/" + id.String() + "/roles", Body: map[string]any{"roles": roles}})
	}
	l.Get(t, "/admin/queues").Refused(t, http.StatusForbidden, "auth.forbidden")
	var user apiv2.AdminUser
	set(l.User.ID, "user", "moderator").Expect(t, http.StatusOK, &user)
	require.ElementsMatch(t, []apiv2.UserRole{"user", "moderator"}, user.Roles)
	l.Get(t, "/admin/queues").Expect(t, http.StatusOK, nil)
	set(l.User.ID, "moderator").Expect(t, http.StatusOK, nil)
	l.Get(t, "/conversations").Refused(t, http.StatusForbidden, "auth.forbidden")
	set(l.User.ID, "user").Expect(t, http.StatusOK, nil)
	l.Get(t, "/admin/queues").Refused(t, http.StatusForbidden, "auth.forbidden")

	set(admin.User.ID, "user").Refused(t, http.StatusConflict, "user.own_account")
	set(uuid.New(), "user").Refused(t, http.StatusNotFound, "resource.not_found")
	set(l.User.ID).Refused(t, http.StatusBadRequest, "request.invalid")
	set(l.User.ID, "owner").Refused(t, http.StatusBadRequest, "request.invalid")

	var denials int
	require.NoError(t, s.Pool(t).QueryRow(t.Context(), "select count(*) from outbox where type = 'auth.denied' and data->>'operation' = 'listQueues' and aggregate_id = $1", l.User.ID).Scan(&denials))
	require.Equal(t, 2, denials)
}
