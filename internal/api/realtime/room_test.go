package realtime_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func roomTopic() string { return "room:practice-" + uuid.NewString()[:13] }

func types(all []apitest.Push) (out []string) {
	for _, p := range all {
		out = append(out, p.Event.Type)
	}
	return out
}

func TestARoomHearsWhatIsSaidAndWhoIsThere(t *testing.T) {
	t.Parallel()
	s := serve(t)
	beside := apitest.New(t, apitest.Beside(s))
	mei, tom := s.SignUp(t), s.SignUp(t)
	topic := roomTopic()
	a := mei.Connect(t)
	a.Refused(t, "publish", map[string]any{"topic": topic, "data": map[string]any{}}, "room.not_a_member")
	a.Refused(t, "presence", map[string]any{"topic": topic}, "room.not_a_member")
	a.Refused(t, "presence", map[string]any{"topic": "user:me"}, "room.not_a_member")
	a.Subscribe(t, topic, "")
	b := tom.On(beside).Connect(t)
	b.Subscribe(t, topic, "")
	joined, _ := a.Until(t, "presence.joined")
	require.Equal(t, tom.User.ID, joined.Event.Member.UserID)
	require.Equal(t, "Mei Chen", joined.Event.Member.Name)
	second := tom.Connect(t)
	second.Subscribe(t, topic, "") // another device of someone who is there is nobody new

	var said apiv2.RealtimePublished
	b.Get(t, "publish", map[string]any{"topic": topic, "data": map[string]any{"text": "Hello", "n": 1e3}}, &said)
	message, all := a.Until(t, "room.message")
	require.Equal(t, []string{"room.message"}, types(all))
	require.JSONEq(t, `{"text":"Hello","n":1000}`, string(message.Event.Data))
	require.Equal(t, said.Cursor, message.Cursor)
	var present apiv2.RoomMembers
	a.Get(t, "presence", map[string]any{"topic": topic}, &present)
	require.Len(t, present.Members, 2)
	require.Equal(t, mei.User.ID, present.Members[0].UserID, "who came first is first")

	b.Cut()
	second.Get(t, "unsubscribe", map[string]any{"topic": topic}, nil)
	left, all := a.Until(t, "presence.left")
	require.Equal(t, []string{"presence.left"}, types(all), "with the last device, not with the first")
	require.Equal(t, tom.User.ID, left.Event.Member.UserID)
	second.Refused(t, "publish", map[string]any{"topic": topic, "data": map[string]any{}}, "room.not_a_member")
}

func TestARoomIsResumed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	mei, tom := s.SignUp(t), s.SignUp(t)
	topic := roomTopic()
	a, b := mei.Connect(t), tom.Connect(t)
	told := a.Subscribe(t, topic, "")
	require.NotNil(t, told.Cursor)
	b.Subscribe(t, topic, "")
	joined, _ := a.Until(t, "presence.joined")
	a.Cut()
	a.Closed(t)
	for i := range 20 {
		b.Get(t, "publish", map[string]any{"topic": topic, "data": map[string]any{"n": i}}, nil)
	}
	again := mei.Connect(t)
	told = again.Subscribe(t, topic, joined.Cursor)
	require.True(t, told.Recovered)
	var got []string
	for len(got) < 20 {
		if p := again.Push(t); p.Event.Type == "room.message" {
			got = append(got, string(p.Event.Data))
		}
	}
	for i, data := range got {
		require.JSONEq(t, fmt.Sprintf(`{"n":%d}`, i), data)
	}

	for i := range 300 { // further than the log reaches
		b.Get(t, "publish", map[string]any{"topic": topic, "data": map[string]any{"n": i}}, nil)
	}
	told = mei.Connect(t).Subscribe(t, topic, joined.Cursor)
	require.False(t, told.Recovered, "a gap is told")
	again.Refused(t, "subscribe", map[string]any{"topic": roomTopic(), "after": joined.Cursor}, "cursor.invalid")
}

func TestARoomHasFiftyMembers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	topic := roomTopic()
	all := make([]*apitest.Learner, 51)
	for i := range all {
		all[i] = s.SignUp(t)
	}
	var wg sync.WaitGroup
	for _, l := range all[:50] {
		wg.Go(func() { l.Connect(t).Subscribe(t, topic, "") })
	}
	wg.Wait()
	last := all[50].Connect(t)
	last.Refused(t, "subscribe", map[string]any{"topic": topic}, "room.full")
	all[0].Connect(t).Subscribe(t, topic, "") // another device of a member
	last.Refused(t, "subscribe", map[string]any{"topic": topic}, "room.full")
}

func TestWhatIsSaidInARoomIsBounded(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := s.SignUp(t).Connect(t)
	topic := roomTopic()
	c.Subscribe(t, topic, "")
	c.Refused(t, "publish", map[string]any{"topic": topic, "data": map[string]any{"a": strings.Repeat("x", 16<<10)}}, "request.too_large")
	c.Refused(t, "publish", map[string]any{"topic": topic, "data": "text"}, "request.invalid")
	c.Get(t, "publish", map[string]any{"topic": topic, "data": map[string]any{"a": strings.Repeat("x", 15<<10)}}, nil)
}
