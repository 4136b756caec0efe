package realtime_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// connectionsOf lists a user's connections, page by page.
func connectionsOf(t *testing.T, admin *apitest.Learner, l *apitest.Learner) (out []apiv2.Connection) {
	t.Helper()
	for cursor := ""; ; {
		var page apiv2.ConnectionPage
		admin.Get(t, "/admin/connections?limit=3%s", cursor).Expect(t, http.StatusOK, &page)
		for _, c := range page.Data {
			if c.UserID == l.User.ID {
				out = append(out, c)
			}
		}
		next, err := page.NextCursor.Get()
		if err != nil {
			return out
		}
		cursor = "&cursor=" + next
	}
}

func TestAnAdminSeesWhoIsConnectedWhere(t *testing.T) {
	t.Parallel()
	s := serve(t)
	beside := apitest.New(t, apitest.Beside(s))
	admin, l := s.Admin(t), s.SignUp(t)
	a, b := l.Connect(t), l.On(beside).Connect(t)
	a.Subscribe(t, "user:me", "")
	b.Get(t, "echo", 1, nil)
	all := connectionsOf(t, admin, l)
	require.Len(t, all, 2)
	require.NotEqual(t, all[0].Node, all[1].Node)
	require.True(t, all[0].ConnectedAt.After(all[1].ConnectedAt), "the newest first")
	require.NotEmpty(t, all[0].Device)
	require.Eventually(t, func() bool {
		return len(connectionsOf(t, admin, l)[1].Subscriptions) == 1
	}, 10*time.Second, 50*time.Millisecond)
	admin.Get(t, "/admin/connections?cursor=x").Refused(t, http.StatusBadRequest, "cursor.invalid")
	l.Get(t, "/admin/connections").Refused(t, http.StatusForbidden, "auth.forbidden")

	path := "/admin/users/" + l.User.ID.String() + "/connections"
	s.Moderator(t).Do(t, apitest.Call{Method: http.MethodDelete, Path: path}).Refused(t, http.StatusForbidden, "auth.forbidden")
	for range 2 { // who has none is answered alike
		admin.Do(t, apitest.Call{Method: http.MethodDelete, Path: path}).Expect(t, http.StatusNoContent, nil)
	}
	require.Equal(t, 4503, a.Closed(t))
	require.Equal(t, 4503, b.Closed(t))
	admin.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/admin/users/019a2b4e-5c00-7000-8000-000000000001/connections"}).
		Refused(t, http.StatusNotFound, "resource.not_found")
}

func TestConnectionsAreTrackedExactlyInAStorm(t *testing.T) {
	t.Parallel()
	s := serve(t)
	nodes := []*apitest.Server{s, apitest.New(t, apitest.Beside(s))}
	admin, l := s.Admin(t), s.SignUp(t)
	var stay [5]*apitest.Socket
	var wg sync.WaitGroup
	for i := range stay {
		wg.Go(func() {
			for n := range 10 { // comes and goes, politely or not
				c := l.On(nodes[n%2]).Connect(t)
				if n%3 == 0 {
					c.Cut()
				} else {
					_ = c.Raw.Close()
				}
			}
			stay[i] = l.On(nodes[i%2]).Connect(t)
		})
	}
	wg.Wait()
	for _, c := range stay {
		if c.Call(t, "echo", 1).Error != nil {
			t.Fatal("not there")
		}
	}
	require.Eventually(t, func() bool { return len(connectionsOf(t, admin, l)) == len(stay) }, 15*time.Second, 50*time.Millisecond)
}

func TestANodeThatStopsSendsItsConnectionsOn(t *testing.T) {
	t.Parallel()
	s := serve(t)
	beside := apitest.New(t, apitest.Beside(s))
	l, tom := s.SignUp(t), s.SignUp(t)
	topic := roomTopic()
	c := l.On(beside).Connect(t)
	c.Subscribe(t, topic, "")
	stays := tom.Connect(t)
	stays.Subscribe(t, topic, "")
	c.Until(t, "presence.joined")
	beside.App.Drain()
	last, _ := c.Until(t, "stream.closing")
	require.Equal(t, "connection", last.Topic)
	require.Equal(t, "draining", last.Event.Reason)
	require.Positive(t, last.Event.RetryMs)
	require.Equal(t, 4001, c.Closed(t))
	stays.Until(t, "presence.left")
	_, response, err := l.On(beside).Dial(t, apitest.Dial{})
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	l.Connect(t).Get(t, "echo", 1, nil)
}
