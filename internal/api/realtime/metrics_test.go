package realtime_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// scrape gives the lines that a service tells of some metrics.
func scrape(t *testing.T, s *apitest.Server, names ...string) map[string]string {
	t.Helper()
	answer := httptest.NewRecorder()
	s.App.Metrics().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, answer.Code)
	out := map[string]string{}
	for line := range strings.Lines(answer.Body.String()) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, name := range names {
			if strings.HasPrefix(series, name) && value != "0" {
				out[series] = value
			}
		}
	}
	return out
}

func TestSocketsAreCountedWithTheirCommandsEventsAndEnds(t *testing.T) {
	t.Parallel()
	s := serve(t)
	l := s.SignUp(t)
	talk := l.Talk(t)
	socket := l.Connect(t)
	socket.Get(t, "connect", map[string]any{}, nil)
	socket.Subscribe(t, apitest.TalkTopic(talk), "")
	socket.Get(t, "echo", "here", nil)
	socket.Get(t, "ping", map[string]any{}, nil)
	socket.Refused(t, "subscribe", map[string]any{"topic": "everything"}, "realtime.unknown_topic")
	l.Say(t, talk, "Hello")
	socket.Until(t, "message.completed")
	stranger, _, err := s.Nobody().Dial(t, apitest.Dial{})
	require.NoError(t, err)

	now := scrape(t, s, "fluentpro_socket", `fluentpro_problems_total{code="realtime`)
	require.NotEmpty(t, now[`fluentpro_socket_events_total{topic="conversation"}`])
	delete(now, `fluentpro_socket_events_total{topic="conversation"}`)
	require.Equal(t, map[string]string{
		"fluentpro_sockets_open": "2", "fluentpro_sockets_strangers": "1", "fluentpro_sockets_users": "1",
		`fluentpro_socket_subscriptions{topic="conversation"}`:                     "1",
		`fluentpro_socket_commands_total{command="connect"}`:                       "1",
		`fluentpro_socket_commands_total{command="echo"}`:                          "1",
		`fluentpro_socket_commands_total{command="ping"}`:                          "1",
		`fluentpro_socket_commands_total{command="subscribe"}`:                     "2",
		`fluentpro_problems_total{code="realtime.unknown_topic",door="websocket"}`: "1",
	}, now)

	stranger.Refused(t, "ping", map[string]any{}, "auth.required")
	require.Equal(t, 4501, stranger.Closed(t))
	socket.Cut()
	require.Eventually(t, func() bool {
		now := scrape(t, s, "fluentpro_sockets")
		return len(now) == 2 && now[`fluentpro_sockets_closed_total{code="4501"}`] == "1" && now[`fluentpro_sockets_closed_total{code="1000"}`] == "1"
	}, 20*time.Second, 20*time.Millisecond)
}
