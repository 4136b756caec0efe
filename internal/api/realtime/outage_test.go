package realtime_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
	"github.com/fluentpro/fluentpro/internal/task"
)

// A task that is followed can be deleted with its user's data, or be none of a database that
// was restored. Its follower learns so at the next look, which a Redis that stops brings on.
func TestWhoFollowsATaskThatIsDeletedIsTold(t *testing.T) {
	t.Parallel()
	redis := redistest.Own(t, 0)
	s := serve(t, waiting(), apitest.WithConfig(func(c *app.Config) { c.RedisURL = secret.NewURL(redis.URL()) }))
	l := s.SignUp(t)
	made := s.StartTask(t, task.StartInput{UserID: l.User.ID, Kind: "waiting", Input: struct{}{}})
	topic := "task:" + made.ID.String()
	c := l.Connect(t)
	c.Subscribe(t, topic, "")
	c.Until(t, "task.progressed")
	_, err := s.Pool(t).Exec(t.Context(), "delete from tasks where id = $1", made.ID)
	require.NoError(t, err)
	require.NoError(t, redis.Stop(t.Context()))
	last, _ := c.Until(t, "stream.closing")
	require.Equal(t, topic, last.Topic)
	require.Equal(t, "gone", last.Event.Reason)
	c.Refused(t, "subscribe", map[string]any{"topic": topic}, "resource.not_found")
}

func TestConnectionsOutliveRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Own(t, 0)
	s := serve(t, apitest.WithConfig(func(c *app.Config) { c.RedisURL = secret.NewURL(redis.URL()) }), apitest.WithPresenceBeat(500*time.Millisecond))
	admin, mei, tom := s.Admin(t), s.SignUp(t), s.SignUp(t)
	topic := roomTopic()
	talk := mei.Talk(t)
	a, b := mei.Connect(t), tom.Connect(t)
	told := a.Subscribe(t, topic, "")
	b.Subscribe(t, topic, "")
	joined, _ := a.Until(t, "presence.joined")
	require.NotNil(t, told.Cursor)
	require.Len(t, connectionsOf(t, admin, mei), 1)

	require.NoError(t, redis.Stop(t.Context()))
	a.Get(t, "echo", "still here", nil)
	a.Subscribe(t, apitest.TalkTopic(talk), "")
	a.Until(t, "conversation.updated")
	mei.Say(t, talk, "Good morning.")
	a.Until(t, "message.completed")
	a.Refused(t, "publish", map[string]any{"topic": topic, "data": map[string]any{}}, "server.unavailable")
	a.Refused(t, "presence", map[string]any{"topic": topic}, "server.unavailable")
	a.Refused(t, "subscribe", map[string]any{"topic": roomTopic()}, "server.unavailable")
	var back struct {
		Subscriptions []struct{ Error map[string]any }
	}
	a.Get(t, "connect", map[string]any{"resume": []any{map[string]any{"topic": roomTopic()}}}, &back)
	require.Equal(t, "server.unavailable", back.Subscriptions[0].Error["code"])
	require.InDelta(t, 1, back.Subscriptions[0].Error["retry_after_seconds"], 0, "as the error of a command of its own has it")
	mei.Post(t, "/realtime/tickets", nil).Refused(t, http.StatusServiceUnavailable, "server.unavailable")
	admin.Get(t, "/admin/connections").Refused(t, http.StatusServiceUnavailable, "server.unavailable")
	late := mei.Connect(t) // it is known to its own node alone
	late.Get(t, "echo", "here", nil)

	address, err := url.Parse(redis.URL())
	require.NoError(t, err)
	port, err := strconv.Atoi(address.Port())
	require.NoError(t, err)
	redistest.Own(t, port) // with nothing in it
	require.Eventually(t, func() bool {
		answer := admin.Get(t, "/admin/connections")
		return answer.Status == http.StatusOK && len(connectionsOf(t, admin, mei)) == 2
	}, 30*time.Second, 50*time.Millisecond, "they are listed again")
	require.Eventually(t, func() bool {
		return b.Call(t, "publish", map[string]any{"topic": topic, "data": map[string]any{"n": 1}}).Error == nil
	}, 30*time.Second, 100*time.Millisecond)
	_, all := a.Until(t, "room.message")
	require.Contains(t, types(all), "stream.restarted", "what was lost is told before what follows")
	again := late.Subscribe(t, topic, joined.Cursor)
	require.False(t, again.Recovered)
	late.Refused(t, "subscribe", map[string]any{"topic": topic, "after": *told.Cursor + "x"}, "cursor.invalid")
}
