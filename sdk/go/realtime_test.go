package fluentpro_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	fluentpro "github.com/fluentpro/fluentpro/sdk/go"
)

// soon lets connections come back at once.
func soon(int, time.Duration) time.Duration { return 10 * time.Millisecond }

// states remembers what became of a connection.
type states struct {
	mu  sync.Mutex
	all []fluentpro.RealtimeState
}

func (s *states) add(one fluentpro.RealtimeState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, one)
}

// times is how often it was so.
func (s *states) times(status string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if one.Status == status {
			n++
		}
	}
	return n
}

// codes are those of all losses.
func (s *states) codes() (out []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if one.Code != 0 {
			out = append(out, one.Code)
		}
	}
	return out
}

// socket opens a WebSocket that the test closes.
func socket(t *testing.T, api *fluentpro.Client, o fluentpro.RealtimeOptions) (*fluentpro.Realtime, *states) {
	t.Helper()
	s := &states{}
	o.State = s.add
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := api.Realtime(ctx, o)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r, s
}

func subscribe(t *testing.T, r *fluentpro.Realtime, topic string) *fluentpro.Subscription {
	t.Helper()
	s, err := r.Subscribe(t.Context(), topic, "")
	require.NoError(t, err)
	return s
}

// next waits for an event, some time.
func next(t *testing.T, s *fluentpro.Subscription) fluentpro.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	e, err := s.Next(ctx)
	require.NoError(t, err)
	return e
}

// listen reads a reply to its end; each is told of each event.
func listen(t *testing.T, s *fluentpro.Subscription, each func(fluentpro.Event)) heard {
	t.Helper()
	h := heard{cursors: map[string]bool{}}
	for h.Message == nil {
		e := next(t, s)
		require.False(t, h.cursors[e.Cursor], "an event came twice")
		h.cursors[e.Cursor] = true
		h.types = append(h.types, e.Type)
		h.Apply(e)
		each(e)
	}
	return h
}

func TestASocketCarriesAConversationThroughCuts(t *testing.T) {
	t.Parallel()
	api, _ := account(t, apitest.Shared(t))
	api.Pause(soon)
	conversation := talk(t, api)
	var mu sync.Mutex
	var resumes []string
	r, s := socket(t, api, fluentpro.RealtimeOptions{Frame: func(out bool, text []byte) {
		mu.Lock()
		defer mu.Unlock()
		if out && strings.Contains(string(text), `"connect"`) {
			resumes = append(resumes, string(text))
		}
	}})
	topic := subscribe(t, r, "conversation:"+conversation.String())
	subscribe(t, r, "user:me")
	_, err := r.Subscribe(t.Context(), "user:me", "")
	require.Error(t, err, "already")
	require.Equal(t, "conversation.updated", next(t, topic).Type)

	said, err := r.SendMessage(t.Context(), client.RealtimeSendMessage{ConversationID: conversation, Content: "Good morning. Could we talk about your price?"})
	require.NoError(t, err)
	n := 0
	h := listen(t, topic, func(fluentpro.Event) {
		if n++; n%2 == 0 {
			r.Cut()
		}
	})
	require.Equal(t, said.Reply.ID, h.Message.ID)
	stored, err := api.GetMessageWithResponse(t.Context(), conversation, h.Message.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stored.JSON200.Content, h.Text)
	require.Eventually(t, func() bool { return s.times("open") > 1 }, 10*time.Second, 10*time.Millisecond)

	mu.Lock()
	last := resumes[len(resumes)-1]
	mu.Unlock()
	require.Contains(t, last, `"***"`)
	require.NotContains(t, last, api.Tokens().AccessToken)
	require.Equal(t, 2, strings.Count(last, `"topic"`), "both come back in one frame")

	m, err := r.CancelMessage(t.Context(), conversation, h.Message.ID)
	require.NoError(t, err)
	require.Equal(t, h.Text, m.Content)
	var echo []int
	require.NoError(t, r.Echo(t.Context(), []int{1, 2}, &echo))
	require.Equal(t, []int{1, 2}, echo)
	require.Error(t, r.Echo(t.Context(), strings.Repeat("x", 70_000), nil))
	_, err = api.DeleteConversationWithResponse(t.Context(), conversation, nil)
	require.NoError(t, err)
	for {
		e, err := topic.Next(t.Context())
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		h.types = append(h.types, e.Type)
	}
	require.Equal(t, "conversation.deleted", h.types[len(h.types)-1])
}

func TestAMessageIsSaidOnceOverASocketThatIsCut(t *testing.T) {
	t.Parallel()
	api, _ := account(t, apitest.Shared(t))
	api.Pause(soon)
	conversation := talk(t, api)
	var r *fluentpro.Realtime
	cuts := make(chan struct{}, 100)
	r, _ = socket(t, api, fluentpro.RealtimeOptions{Frame: func(out bool, text []byte) {
		if out && strings.Contains(string(text), `"send_message"`) {
			cuts <- struct{}{}
		}
	}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2 {
			<-cuts
			r.Cut()
		}
	}()
	said, err := r.SendMessage(t.Context(), client.RealtimeSendMessage{ConversationID: conversation, Content: "Good morning."})
	require.NoError(t, err)
	head, err := api.GetConversationWithResponse(t.Context(), conversation, nil)
	require.NoError(t, err)
	require.Equal(t, 3, head.JSON200.MessageCount, "the greeting, what was said once, and the reply")
	require.Equal(t, "Good morning.", said.Message.Content)
	for len(cuts) < cap(cuts) { // in case it was answered before the cuts
		cuts <- struct{}{}
	}
	<-done
}

func TestWhatIsRefusedOnASocketIsAProblem(t *testing.T) {
	t.Parallel()
	api, _ := account(t, apitest.Shared(t))
	r, _ := socket(t, api, fluentpro.RealtimeOptions{})
	_, err := r.Subscribe(t.Context(), "task:"+uuid.NewString(), "")
	require.True(t, fluentpro.Is(err, client.ResourceNotFound), "%v", err)
	_, err = r.Publish(t.Context(), "room:elsewhere", map[string]any{})
	require.True(t, fluentpro.Is(err, client.RoomNotAMember), "%v", err)

	room := subscribe(t, r, "room:"+uuid.NewString())
	r.Close()
	require.Eventually(t, func() bool {
		_, err := room.Next(t.Context())
		return errors.Is(err, io.EOF)
	}, time.Second, time.Millisecond, "after what has come")
	closed, ok := errors.AsType[*fluentpro.RealtimeClosed](r.Ping(t.Context()))
	require.True(t, ok)
	require.Equal(t, 1000, closed.Code)
	_, err = r.Subscribe(t.Context(), "user:me", "")
	require.Error(t, err)
}

func TestASocketRenewsItsTokenAndKeepsItsPace(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	s.Config.RateRealtime = "20/1s"
	beside := apitest.New(t, apitest.Beside(s))
	api, _ := account(t, beside)
	before := api.Tokens()
	r, seen := socket(t, api, fluentpro.RealtimeOptions{RenewBefore: 15*time.Minute - time.Second})
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			var back int
			if err := r.Echo(t.Context(), i, &back); err != nil || back != i {
				t.Errorf("echo %d: %d %v", i, back, err)
			}
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool { return api.Tokens().AccessToken != before.AccessToken }, 20*time.Second, 20*time.Millisecond)
	require.NoError(t, r.Ping(t.Context()))
	require.Equal(t, 1, seen.times("open"))

	expired := before
	expired.AccessToken = "not.a.token"
	expired.RefreshToken = api.Tokens().RefreshToken
	api.Use(expired)
	api.Pause(soon)
	second, seen := socket(t, api, fluentpro.RealtimeOptions{})
	require.Equal(t, []int{4501}, seen.codes(), "refreshed once")
	sessions, err := api.ListSessionsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	_, err = api.RevokeSessionWithResponse(t.Context(), sessions.JSON200.Data[0].ID.String())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		closed, ok := errors.AsType[*fluentpro.RealtimeClosed](second.Ping(t.Context()))
		return ok && closed.Code == 4520
	}, 10*time.Second, 10*time.Millisecond)
}

// balancer hands connections to a node that takes them.
type balancer struct {
	net.Listener
	mu   sync.Mutex
	node string
	all  []net.Conn
}

func balance(t *testing.T, to *apitest.Server) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &balancer{Listener: l, node: strings.TrimPrefix(to.URL, "http://")}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.all = append(b.all, conn)
			node := b.node
			b.mu.Unlock()
			wg.Go(func() { forward(conn, node) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		b.mu.Lock()
		for _, conn := range b.all {
			_ = conn.Close()
		}
		b.mu.Unlock()
		wg.Wait()
	})
	return b
}

// turn sends connections to another node from now on.
func (b *balancer) turn(to *apitest.Server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.node = strings.TrimPrefix(to.URL, "http://")
}

func forward(conn net.Conn, node string) {
	defer func() { _ = conn.Close() }()
	out, err := net.Dial("tcp", node)
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(out, conn)
		_ = out.Close()
	})
	_, _ = io.Copy(conn, out)
	_ = conn.Close()
	wg.Wait()
}

func TestARollingRestartLosesNoEvent(t *testing.T) {
	t.Parallel()
	a := apitest.New(t)
	b := apitest.New(t, apitest.Beside(a))
	way := balance(t, a)
	through := func(cfg *fluentpro.Config) {
		cfg.URL = "http://" + way.Addr().String()
		cfg.HTTP = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	mei, _ := account(t, a, through)
	tom, _ := account(t, b)
	var hints []time.Duration
	mei.Pause(func(_ int, hint time.Duration) time.Duration {
		hints = append(hints, hint)
		return 10 * time.Millisecond
	})
	conversation := talk(t, mei)
	reader, seen := socket(t, mei, fluentpro.RealtimeOptions{})
	speaker, _ := socket(t, tom, fluentpro.RealtimeOptions{})
	topic := "room:" + uuid.NewString()
	room, reply := subscribe(t, reader, topic), subscribe(t, reader, "conversation:"+conversation.String())
	subscribe(t, speaker, topic)

	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 40 {
			if _, err := speaker.Publish(t.Context(), topic, map[string]any{"n": n}); err != nil {
				t.Errorf("publish %d: %v", n, err)
			}
			if n == 10 {
				way.turn(b)
				a.App.Drain()
			}
		}
	}()
	_, err := reader.SendMessage(t.Context(), client.RealtimeSendMessage{ConversationID: conversation, Content: "Could we talk about your price for spring?"})
	require.NoError(t, err)
	h := listen(t, reply, func(fluentpro.Event) {})
	for n := 0; n < 40; {
		if said, ok := next(t, room).Value.(client.RoomMessage); ok {
			require.InDelta(t, n, said.Data["n"], 0)
			n++
		}
	}
	<-done
	stored, err := mei.GetMessageWithResponse(t.Context(), conversation, h.Message.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stored.JSON200.Content, h.Text)
	require.Equal(t, []int{4001}, seen.codes())
	require.Len(t, hints, 1)
	require.GreaterOrEqual(t, hints[0], 500*time.Millisecond, "what stream.closing asks for")
	members, err := speaker.Presence(t.Context(), topic)
	require.NoError(t, err)
	require.Len(t, members, 2)
}
