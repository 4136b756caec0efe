package fluentpro_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	fluentpro "github.com/fluentpro/fluentpro/sdk/go"
)

// side is the service's side of one connection.
type side struct {
	*websocket.Conn
	connect map[string]any // what the first frame says
}

// read gives the next command: its id, its verb and what that is given.
func (s *side) read() (id, verb string, argument map[string]any) {
	var c map[string]any
	if s.ReadJSON(&c) != nil {
		return "", "", nil
	}
	id, _ = c["id"].(string)
	for k, v := range c {
		if k != "id" {
			verb = k
			argument, _ = v.(map[string]any)
		}
	}
	return id, verb, argument
}

// say sends a frame.
func (s *side) say(f map[string]any) { _ = s.WriteJSON(f) } // a client that has gone is told by the next read

func (s *side) reply(id string, result any) { s.say(map[string]any{"id": id, "result": result}) }

func (s *side) refuse(id string, status int, code string, more ...any) {
	p := map[string]any{"status": status, "code": code, "detail": "No.", "title": "", "type": "", "instance": ""}
	for i := 0; i+1 < len(more); i += 2 {
		p[more[i].(string)] = more[i+1]
	}
	s.say(map[string]any{"id": id, "error": p})
}

func (s *side) push(topic, cursor string, event map[string]any) {
	s.say(map[string]any{"topic": topic, "event": event, "cursor": cursor})
}

func (s *side) end(code int, reason string) {
	_ = s.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason))
}

// accept answers the first frame; told is of what it brings back.
func (s *side) accept(pingSeconds int, told ...map[string]any) {
	id, _, argument := s.read()
	s.connect = argument
	s.reply(id, map[string]any{
		"connection_id": uuid.Nil, "user_id": uuid.Nil, "session_id": uuid.Nil, "ping_seconds": pingSeconds,
		"expires_at": time.Now().Add(time.Hour), "subscriptions": append([]map[string]any{}, told...),
	})
}

// stand lets a connection be until the client leaves it.
func (s *side) stand() {
	for _, verb, _ := s.read(); verb != ""; _, verb, _ = s.read() {
	}
}

// acts is a service that does one after the other, a connection each; the last is for all
// that follow. The client's refresh gives the token "second".
func acts(t *testing.T, all ...func(*side)) *fluentpro.Client {
	t.Helper()
	var mu sync.Mutex
	upgrader := websocket.Upgrader{Subprotocols: []string{"fluentpro.v2.json"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		mu.Lock()
		act := all[0]
		if len(all) > 1 {
			all = all[1:]
		}
		mu.Unlock()
		act(&side{Conn: conn})
	}))
	t.Cleanup(server.Close)
	api, err := fluentpro.New(fluentpro.Config{
		URL: server.URL, Tokens: client.Tokens{AccessToken: "first"},
		Refresh: func(context.Context, client.Tokens) (client.Tokens, error) {
			return client.Tokens{AccessToken: "second"}, nil
		},
	})
	require.NoError(t, err)
	api.Pause(soon)
	return api
}

func TestACloseCodeSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var tokens []any
	closes := func(code int, before ...func(*side)) func(*side) {
		return func(s *side) {
			s.accept(25)
			mu.Lock()
			tokens = append(tokens, s.connect["token"])
			mu.Unlock()
			for _, do := range before {
				do(s)
			}
			s.end(code, "because")
		}
	}
	api := acts(t,
		closes(4001, func(s *side) {
			s.push("connection", "", map[string]any{"type": "stream.closing", "reason": "draining", "retry_ms": 700})
		}),
		closes(4000), closes(4008), closes(4029), closes(4401),
		func(s *side) { // for the moment only
			id, _, _ := s.read()
			s.refuse(id, 429, "request.rate_limited", "retry_after_seconds", 7)
			s.end(4501, "not authenticated")
		},
		closes(4520),
	)
	var hints []time.Duration
	api.Pause(func(_ int, hint time.Duration) time.Duration {
		hints = append(hints, hint)
		return 0
	})
	seen := &states{}
	r, err := api.Realtime(t.Context(), fluentpro.RealtimeOptions{State: seen.add})
	require.NoError(t, err)
	t.Cleanup(r.Close)
	require.Eventually(t, func() bool { return seen.times("closed") == 1 }, 10*time.Second, time.Millisecond)
	require.Equal(t, []int{4001, 4000, 4008, 4029, 4401, 4501, 4520}, seen.codes())
	require.Equal(t, []time.Duration{700 * time.Millisecond, 0, 0, 5 * time.Second, 0, 7 * time.Second}, hints)
	require.Equal(t, []any{"first", "first", "first", "first", "first", "second"}, tokens)
	closed, ok := errors.AsType[*fluentpro.RealtimeClosed](r.Ping(t.Context()))
	require.True(t, ok)
	require.Equal(t, "because", closed.Reason)
}

func TestWhoIsNotKnownTriesOnceMore(t *testing.T) {
	t.Parallel()
	refused := func(s *side) {
		id, _, _ := s.read()
		s.refuse(id, 401, "auth.invalid_token")
		s.end(4501, "not authenticated")
	}
	_, err := acts(t, refused).Realtime(t.Context(), fluentpro.RealtimeOptions{})
	closed, ok := errors.AsType[*fluentpro.RealtimeClosed](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, 4501, closed.Code)
	require.True(t, fluentpro.Is(err, client.AuthInvalidToken), "and why")

	r, err := acts(t, refused, func(s *side) { s.accept(25); s.stand() }).Realtime(t.Context(), fluentpro.RealtimeOptions{})
	require.NoError(t, err)
	r.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = acts(t, func(*side) {}).Realtime(ctx, fluentpro.RealtimeOptions{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestASilentSocketCountsAsLost(t *testing.T) {
	t.Parallel()
	api := acts(t, func(s *side) {
		s.accept(1)
		s.stand()
	}, func(s *side) { s.accept(25); s.stand() })
	_, seen := socket(t, api, fluentpro.RealtimeOptions{})
	require.Eventually(t, func() bool { return seen.times("open") == 2 }, 4500*time.Millisecond, 10*time.Millisecond)
}

func TestWhatIsLostOnASocketIsToldOrSaidAgain(t *testing.T) {
	t.Parallel()
	const talk, room = "conversation:019a2b4e-5c00-7000-8000-000000000003", "room:practice"
	delta := func(text string) map[string]any {
		return map[string]any{"type": "message.delta", "message_id": uuid.Nil, "text": text}
	}
	resumed := make(chan any, 1)
	keys := make(chan any, 3)
	api := acts(t,
		func(s *side) {
			s.accept(25)
			id, _, _ := s.read()
			s.push(talk, "0", delta("of an earlier subscription"))
			s.reply(id, map[string]any{"topic": talk, "recovered": false})
			s.push(talk, "1", delta("Good"))
			id, _, _ = s.read()
			s.reply(id, map[string]any{"topic": room, "recovered": false, "cursor": "r1"})
			for range 2 { // publish and send_message, in either order
				if _, verb, argument := s.read(); verb == "send_message" {
					keys <- argument["idempotency_key"]
				}
			}
		},
		func(s *side) {
			s.accept(25, map[string]any{"topic": talk, "recovered": true}, map[string]any{"topic": room, "recovered": false, "cursor": "r9"})
			resumed <- s.connect["resume"]
			s.push(talk, "2", delta(" morning"))
			s.push(talk, "", map[string]any{"type": "conversation.deleted", "conversation_id": uuid.Nil})
			s.push(room, "r10", map[string]any{"type": "room.sung"})
			s.push(room, "r11", map[string]any{"type": "presence.joined", "member": map[string]any{"user_id": uuid.Nil, "joined_at": time.Now()}})
			id, _, argument := s.read()
			keys <- argument["idempotency_key"]
			s.refuse(id, 409, "idempotency.in_progress")
			id, _, argument = s.read()
			keys <- argument["idempotency_key"]
			s.reply(id, map[string]any{"message": map[string]any{"content": "Hello"}})
			s.stand()
		},
	)
	r, _ := socket(t, api, fluentpro.RealtimeOptions{})
	a, b := subscribe(t, r, talk), subscribe(t, r, room)
	published := make(chan error, 1)
	go func() {
		_, err := r.Publish(t.Context(), room, map[string]any{})
		published <- err
	}()
	said, err := r.SendMessage(t.Context(), client.RealtimeSendMessage{Content: "Hello"})
	require.NoError(t, err)
	require.Equal(t, "Hello", said.Message.Content)
	require.ErrorIs(t, <-published, fluentpro.ErrOutcomeUnknown)
	first := <-keys
	require.Equal(t, first, <-keys)
	require.Equal(t, first, <-keys)
	require.Equal(t, []any{map[string]any{"topic": talk, "after": "1"}, map[string]any{"topic": room, "after": "r1"}}, <-resumed)

	var reply fluentpro.Reply
	for range 2 {
		reply.Apply(next(t, a))
	}
	require.Equal(t, "Good morning", reply.Text)
	require.Equal(t, "conversation.deleted", next(t, a).Type)
	_, err = a.Next(t.Context())
	require.ErrorIs(t, err, io.EOF)
	e := next(t, b)
	require.Equal(t, client.StreamRestarted{Type: client.StreamRestartedTypeStreamRestarted}, e.Value, "a gap is told")
	require.Equal(t, "r9", e.Cursor)
	require.Equal(t, "r11", next(t, b).Cursor, "what is not known is left out")
	b.Unsubscribe()
	require.NotPanics(t, b.Unsubscribe)
}

func TestACommandWaitsForASocketButNotForEver(t *testing.T) {
	t.Parallel()
	api := acts(t, func(s *side) { s.accept(25) }, func(*side) {})
	r, seen := socket(t, api, fluentpro.RealtimeOptions{Timeout: 300 * time.Millisecond})
	require.Eventually(t, func() bool { return seen.times("waiting") > 0 }, 5*time.Second, time.Millisecond)
	_, err := r.Publish(t.Context(), "room:practice", map[string]any{})
	require.ErrorContains(t, err, "no answer within 300ms")
	require.NotErrorIs(t, err, fluentpro.ErrOutcomeUnknown)
	for i := range 32 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.Subscribe(ctx, "room:"+strings.Repeat("x", i+3), "")
		require.ErrorIs(t, err, context.Canceled)
	}
}
