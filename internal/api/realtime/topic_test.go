package realtime_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
	"github.com/fluentpro/fluentpro/internal/task"
)

// heard puts the pushes of a conversation together as a client does.
type heard struct {
	text    map[string]string
	ended   map[string]string // by its last event
	cursors map[string]bool
	last    string
}

func newHeard() *heard {
	return &heard{text: map[string]string{}, ended: map[string]string{}, cursors: map[string]bool{}}
}

func (h *heard) take(t *testing.T, p apitest.Push) {
	t.Helper()
	require.False(t, h.cursors[p.Cursor], "a cursor twice")
	h.cursors[p.Cursor], h.last = true, p.Cursor
	switch p.Event.Type {
	case "message.started":
		h.text[p.Event.MessageID] = p.Event.Text
	case "message.delta":
		h.text[p.Event.MessageID] += p.Event.Text
	case "message.completed":
		h.ended[p.Event.Message.ID.String()] = p.Event.Message.Content
	}
}

func TestAConversationIsTheSameTextBySocketAndByStream(t *testing.T) {
	t.Parallel()
	s := serve(t, apitest.WithPace(partner.Config{TokensPerSecond: 50}))
	l := s.SignUp(t)
	talk := l.Talk(t)
	streamed := make(chan []string, 1)
	response := l.Open(t.Context(), t, apitest.Call{Method: http.MethodGet, Path: fmt.Sprintf("/conversations/%s/events", talk.ID)})
	go func() {
		defer func() { _ = response.Body.Close() }()
		var all []string
		for reader := sse.NewReader(response.Body); ; {
			e, err := reader.Next()
			if err != nil {
				break
			}
			all = append(all, string(e.Data)+" "+e.ID)
			if e.Name == "message.completed" {
				break
			}
		}
		streamed <- all
	}()
	c := l.Connect(t)
	told := c.Subscribe(t, apitest.TalkTopic(talk), "")
	require.False(t, told.Recovered)
	first := c.Push(t)
	require.Equal(t, "conversation.updated", first.Event.Type)

	var sent apiv2.CreateMessageResult
	say := map[string]any{"conversation_id": talk.ID, "content": "We need the goods in May.", "idempotency_key": uuid.NewString()}
	c.Get(t, "send_message", say, &sent)
	var again apiv2.CreateMessageResult
	c.Get(t, "send_message", say, &again)
	require.Equal(t, sent.Reply.ID, again.Reply.ID, "the key has its effect once")

	h := newHeard()
	_, all := c.Until(t, "message.completed")
	for _, p := range all {
		require.Equal(t, apitest.TalkTopic(talk), p.Topic)
		h.take(t, p)
	}
	var stored apiv2.Message
	l.Get(t, "/conversations/%s/messages/%s", talk.ID, sent.Reply.ID).Expect(t, http.StatusOK, &stored)
	require.Equal(t, stored.Content, h.text[sent.Reply.ID.String()])
	require.Equal(t, stored.Content, h.ended[sent.Reply.ID.String()])

	var bySocket, byStream []string
	for _, p := range append([]apitest.Push{first}, all...) {
		bySocket = append(bySocket, p.Event.Type+" "+p.Event.Text+" "+p.Cursor)
	}
	for _, line := range <-streamed {
		text, cursor, _ := strings.Cut(line, "} ")
		var e struct{ Type, Text string }
		require.NoError(t, json.Unmarshal([]byte(text+"}"), &e))
		byStream = append(byStream, e.Type+" "+e.Text+" "+cursor)
	}
	require.Equal(t, joined(byStream), joined(bySocket))
	require.Equal(t, byStream[len(byStream)-1], bySocket[len(bySocket)-1], "the same cursor, so that a client can change over")
}

// joined puts deltas together: two readers may get them in pieces of another size.
func joined(events []string) (out string) {
	for _, e := range events {
		parts := strings.SplitN(e, " ", 2)
		if parts[0] == "message.delta" {
			out += parts[1][:strings.LastIndex(parts[1], " ")]
		} else {
			out += "|" + parts[0] + "|"
		}
	}
	return out
}

func TestALostConnectionComesBackWithEverythingInOneFrame(t *testing.T) {
	t.Parallel()
	s := serve(t, apitest.WithPace(partner.Config{TokensPerSecond: 30}))
	beside := apitest.New(t, apitest.Beside(s))
	l := s.SignUp(t)
	talk := l.Talk(t)
	topic := apitest.TalkTopic(talk)
	c := l.Connect(t)
	c.Subscribe(t, topic, "")
	sent := l.Say(t, talk, "We need the goods in May, and the price is too high for us.")
	h := newHeard()
	cuts := 0
	for on := 0; h.ended[sent.Reply.ID.String()] == ""; {
		p := c.Push(t)
		h.take(t, p)
		if p.Event.Type != "message.delta" || cuts == 5 {
			continue
		}
		cuts++
		for _, p := range c.Pushed() { // what had reached the client
			h.take(t, p)
		}
		c.Cut()
		c.Closed(t)
		for _, p := range c.Pushed() {
			h.take(t, p)
		}
		if on = 1 - on; on == 1 {
			c = l.On(beside).Connect(t)
		} else {
			c = l.Connect(t)
		}
		var back apiv2.RealtimeConnected
		c.Get(t, "connect", map[string]any{"resume": []any{map[string]any{"topic": topic, "after": h.last}, map[string]any{"topic": "user:me"}}}, &back)
		require.Len(t, back.Subscriptions, 2)
		require.True(t, back.Subscriptions[0].Recovered)
	}
	require.Positive(t, cuts)
	var stored apiv2.Message
	l.Get(t, "/conversations/%s/messages/%s", talk.ID, sent.Reply.ID).Expect(t, http.StatusOK, &stored)
	require.Equal(t, stored.Content, h.text[sent.Reply.ID.String()])
}

func TestWhatCannotComeBackSaysWhy(t *testing.T) {
	t.Parallel()
	s := serve(t)
	l, other := s.SignUp(t), s.SignUp(t)
	talk, theirs := l.Talk(t), other.Talk(t)
	c := l.Connect(t)
	told := c.Subscribe(t, apitest.TalkTopic(talk), "")
	cursor := c.Push(t).Cursor
	require.NotEmpty(t, told.Topic)
	var back apiv2.RealtimeConnected
	c.Get(t, "connect", map[string]any{"resume": []any{
		map[string]any{"topic": apitest.TalkTopic(theirs), "after": cursor},
		map[string]any{"topic": apitest.TalkTopic(theirs)},
		map[string]any{"topic": "moon:full"},
		map[string]any{"topic": apitest.TalkTopic(talk)},
		map[string]any{"topic": apitest.TalkTopic(talk), "after": cursor},
	}}, &back)
	var codes []string
	for _, one := range back.Subscriptions {
		code := ""
		if one.Error != nil {
			code = string(one.Error.Code)
		}
		codes = append(codes, code)
	}
	require.Equal(t, []string{"cursor.invalid", "resource.not_found", "realtime.unknown_topic", "", ""}, codes)
}

func TestOnlyOnesOwnTopicsCanBeSubscribedTo(t *testing.T) {
	t.Parallel()
	s := serve(t)
	l, other := s.SignUp(t), s.SignUp(t)
	talk := other.Talk(t)
	c := l.Connect(t)
	for topic, code := range map[string]string{
		apitest.TalkTopic(talk):             "resource.not_found",
		"task:" + uuid.NewString():          "resource.not_found",
		"user:" + other.User.ID.String():    "realtime.unknown_topic",
		"room:Ab":                           "realtime.unknown_topic",
		"conversation:" + "x":               "realtime.unknown_topic",
		"room:" + strings.Repeat("a", 65):   "realtime.unknown_topic",
		"conversation:{" + uuid.NewString(): "realtime.unknown_topic",
	} {
		c.Refused(t, "subscribe", map[string]any{"topic": topic}, code)
	}
	moderator := s.SignUp(t)
	s.Admin(t).Do(t, apitest.Call{Method: http.MethodPut, Path: fmt.Sprintf("/admin/users/%s/roles", moderator.User.ID), Body: map[string]any{"roles": []string{"moderator"}}}).
		Expect(t, http.StatusOK, nil)
	moderator.Connect(t).Refused(t, "subscribe", map[string]any{"topic": apitest.TalkTopic(talk)}, "auth.forbidden")
	c.Refused(t, "send_message", map[string]any{"conversation_id": talk.ID, "content": "Hello", "idempotency_key": "1"}, "resource.not_found")
	c.Refused(t, "cancel_message", map[string]any{"conversation_id": talk.ID, "message_id": uuid.NewString()}, "resource.not_found")
	c.Refused(t, "subscribe", map[string]any{"topic": "user:me", "after": "x"}, "cursor.invalid")
}

func TestSubscriptionsAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := s.SignUp(t).Connect(t)
	for i := range 32 {
		c.Subscribe(t, fmt.Sprintf("room:room-%d", i), "")
	}
	c.Refused(t, "subscribe", map[string]any{"topic": "user:me"}, "realtime.too_many_subscriptions")
	c.Subscribe(t, "room:room-0", "") // again is not one more
	c.Get(t, "unsubscribe", map[string]any{"topic": "room:room-1"}, nil)
	c.Get(t, "unsubscribe", map[string]any{"topic": "room:room-1"}, nil)
	c.Subscribe(t, "user:me", "")
}

func TestAReplyIsCancelledBySocket(t *testing.T) {
	t.Parallel()
	s := serve(t, apitest.WithPace(partner.Config{TokensPerSecond: 5}))
	l := s.SignUp(t)
	talk := l.Talk(t)
	c := l.Connect(t)
	c.Subscribe(t, apitest.TalkTopic(talk), "")
	var sent apiv2.CreateMessageResult
	c.Get(t, "send_message", map[string]any{"conversation_id": talk.ID, "content": "Hello", "idempotency_key": "1"}, &sent)
	c.Until(t, "message.delta")
	var m apiv2.Message
	c.Get(t, "cancel_message", map[string]any{"conversation_id": talk.ID, "message_id": sent.Reply.ID}, &m)
	require.Equal(t, apiv2.MessageStatusCancelled, m.Status)
	c.Until(t, "message.cancelled")
	c.Refused(t, "cancel_message", map[string]any{"conversation_id": talk.ID, "message_id": sent.Message.ID}, "message.not_a_reply")
}

// waiting is a kind of task that ends when it is told to.
func waiting() apitest.Option {
	return apitest.WithTasks(func(tasks *task.Service, r *job.Registry) {
		task.Register(tasks, r, "waiting", job.Spec{}, func(ctx context.Context, _ *task.Progress, _ struct{}) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
	})
}

func TestATaskThatHasEndedSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t, waiting())
	l := s.SignUp(t)
	made := s.StartTask(t, task.StartInput{UserID: l.User.ID, Kind: "waiting", Input: struct{}{}})
	topic := "task:" + made.ID.String()
	c := l.Connect(t)
	c.Subscribe(t, topic, "")
	c.Until(t, "task.progressed")
	l.Post(t, fmt.Sprintf("/tasks/%s/cancel", made.ID), nil).Expect(t, http.StatusOK, nil)
	last, _ := c.Until(t, "task.cancelled")
	told := c.Subscribe(t, topic, last.Cursor)
	require.True(t, *told.Ended)
	c.Subscribe(t, topic, "")
	again, _ := c.Until(t, "task.cancelled")
	require.Equal(t, last.Cursor, again.Cursor)
}
