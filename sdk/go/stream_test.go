package fluentpro_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	fluentpro "github.com/fluentpro/fluentpro/sdk/go"
)

// heard is what a stream gave.
type heard struct {
	fluentpro.Reply

	types   []string
	cursors map[string]bool
	err     error
}

// hear reads a stream to its end.
func hear(t *testing.T, events func(func(fluentpro.Event, error) bool)) heard {
	t.Helper()
	h := heard{cursors: map[string]bool{}}
	for e, err := range events {
		if h.err = err; err != nil {
			break
		}
		require.False(t, h.cursors[e.Cursor], "an event came twice")
		h.cursors[e.Cursor] = true
		h.types = append(h.types, e.Type)
		h.Apply(e)
	}
	return h
}

func TestAReplyIsReadWholeThroughLostConnections(t *testing.T) {
	t.Parallel()
	api, network := account(t, apitest.Shared(t))
	conversation := talk(t, api)
	network.fails = []func(*http.Request, http.RoundTripper) (*http.Response, error){lost, cut(1), cut(1), lost}
	h := hear(t, api.Say(t.Context(), conversation, "Good morning. Could we talk about your price for spring?"))
	require.NoError(t, h.err)
	require.Equal(t, "message.completed", h.types[len(h.types)-1])
	require.NotNil(t, h.Message)

	stored, err := api.GetMessageWithResponse(t.Context(), conversation, h.Message.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stored.JSON200.Content, h.Text)
	head, err := api.GetConversationWithResponse(t.Context(), conversation, nil)
	require.NoError(t, err)
	require.Equal(t, 3, head.JSON200.MessageCount, "the greeting, what was said once, and the reply")
	require.Equal(t, 2, network.times(http.MethodPost, "/messages"), "said again, by the same key")
	require.Equal(t, 3, network.times(http.MethodGet, "/events"))

	again := hear(t, api.MessageEvents(t.Context(), conversation, h.Message.ID, ""))
	require.NoError(t, again.err)
	require.Equal(t, h.Text, again.Text)
	var last string
	for e, err := range api.MessageEvents(t.Context(), conversation, h.Message.ID, "") {
		require.NoError(t, err)
		last = e.Cursor
	}
	require.Empty(t, hear(t, api.MessageEvents(t.Context(), conversation, h.Message.ID, last)).types, "nothing follows the last event")
}

func TestAConversationIsFollowedThroughLostConnectionsUntilItIsDeleted(t *testing.T) {
	t.Parallel()
	api, network := account(t, apitest.Shared(t))
	conversation := talk(t, api)
	network.fails = []func(*http.Request, http.RoundTripper) (*http.Response, error){cut(1)}
	var types []string
	var said bool
	for e, err := range api.ConversationEvents(t.Context(), conversation, "") {
		require.NoError(t, err)
		types = append(types, e.Type)
		switch e.Value.(type) {
		case client.ConversationUpdated:
			if !said {
				said = true
				_, err := api.CreateMessageWithResponse(t.Context(), conversation, nil, client.CreateMessageRequest{Content: "Good morning."})
				require.NoError(t, err)
			}
		case client.MessageCompleted:
			_, err := api.DeleteConversationWithResponse(t.Context(), conversation, nil)
			require.NoError(t, err)
		}
	}
	types = slices.DeleteFunc(types, func(kind string) bool { return kind == "message.started" || kind == "message.delta" })
	require.Equal(t, []string{"conversation.updated", "message.created", "message.completed", "conversation.deleted"}, types)
}

func TestATaskIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin := s.Admin(t)
	api, err := fluentpro.New(fluentpro.Config{URL: s.URL, Tokens: client.Tokens{AccessToken: admin.Tokens.AccessToken}})
	require.NoError(t, err)
	begun, err := api.ReindexRolesWithResponse(t.Context(), nil)
	require.NoError(t, err)
	var last any
	for e, err := range api.TaskEvents(t.Context(), begun.JSON202.ID, "") {
		require.NoError(t, err)
		last = e.Value
	}
	require.IsType(t, client.TaskCompleted{}, last)
	require.Equal(t, client.TaskStatusCompleted, last.(client.TaskCompleted).Task.Status)
}

func TestAStreamThatIsRefusedEndsWithTheProblem(t *testing.T) {
	t.Parallel()
	api, network := account(t, apitest.Shared(t))
	h := hear(t, api.Say(t.Context(), uuid.New(), "Hello?"))
	require.True(t, fluentpro.Is(h.err, client.ResourceNotFound))
	conversation := talk(t, api)
	h = hear(t, api.MessageEvents(t.Context(), conversation, uuid.New(), "nonsense"))
	require.Error(t, h.err)
	require.Equal(t, 1, network.times(http.MethodGet, "/events"), "asked once")
}

func TestWhoLeavesClosesTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api, s := scripted(t, silent(delta("1", "Good"), delta("2", " morning")))
		for e, err := range api.MessageEvents(t.Context(), uuid.New(), replyID, "") {
			require.NoError(t, err)
			require.Equal(t, "message.delta", e.Type)
			break
		}
		require.Len(t, s.asked, 1)
		require.Error(t, s.asked[0].Context().Err())

		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("enough")
		time.AfterFunc(time.Second, func() { cancel(stop) })
		require.ErrorIs(t, hear(t, api.MessageEvents(ctx, uuid.New(), replyID, "")).err, stop)
	})
}

func TestAStreamGoesOnAtThePaceOfTheService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api, s := scripted(t,
			events("retry: 3000\n\n", started("1", "Old")),
			problem(503, "server.unavailable", "Retry-After", "20"),
			events(started("2", "Go"), delta("3", "od"),
				event("4", "message.sung", `"song":"La"`), event("", "stream.closing", `"reason":"draining","retry_ms":7000`)),
			events(completed("5", "Good.")),
		)
		began := time.Now()
		h := hear(t, api.Say(t.Context(), uuid.New(), "Hello."))
		require.NoError(t, h.err)
		require.Equal(t, 30*time.Second, time.Since(began), "3, 20 and 7")
		require.Equal(t, []string{"message.started", "message.started", "message.delta", "message.completed"}, h.types)
		require.Equal(t, "Good.", h.Text)
		require.Equal(t, http.MethodPost, s.asked[0].Method)
		for i, cursor := range []string{"", "1", "1", "4"} {
			require.Equal(t, cursor, s.asked[i].Header.Get("Last-Event-ID"), "also after an event that is not known")
		}
	})
}

func TestASilentStreamCountsAsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api, s := scripted(t, silent(delta("1", "Go")), silent(": heartbeat\n\n"), events(completed("2", "Good.")))
		api.Quiet(time.Minute)
		began := time.Now()
		h := hear(t, api.MessageEvents(t.Context(), uuid.New(), replyID, ""))
		require.NoError(t, h.err)
		require.Equal(t, "Good.", h.Text)
		require.Len(t, s.asked, 3)
		require.InDelta(t, 2*time.Minute, time.Since(began), float64(time.Second))
	})
}

func TestATokenThatExpiresIsRefreshedBeforeTheStreamGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api, s := scripted(t,
			events(event("", "stream.closing", `"reason":"token_expiring","retry_ms":100`)),
			answer(200, "application/json", `{"tokens":{"access_token":"second","refresh_token":"next"}}`),
			events(completed("1", "Good.")),
		)
		require.NoError(t, hear(t, api.MessageEvents(t.Context(), uuid.New(), replyID, "")).err)
		require.Equal(t, "Bearer second", s.asked[2].Header.Get("Authorization"))
		require.Equal(t, "next", api.Tokens().RefreshToken)

		api, _ = scripted(t, events(event("", "stream.closing", `"reason":"token_expiring","retry_ms":100`)), problem(401, "auth.session_revoked"))
		require.ErrorContains(t, hear(t, api.MessageEvents(t.Context(), uuid.New(), replyID, "")).err, "cannot be refreshed")
	})
}

func TestAStreamThatCannotGoOnSaysWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ends := func(answers ...func(*http.Request) (*http.Response, error)) (error, int) {
			api, s := scripted(t, answers...)
			return hear(t, api.MessageEvents(t.Context(), uuid.New(), replyID, "")).err, len(s.asked)
		}
		err, asked := ends(events(event("", "session.revoked", `"session_id":"019a2b4e-5c00-7000-8000-000000000002"`)))
		require.ErrorIs(t, err, fluentpro.ErrSessionRevoked)
		require.Equal(t, 1, asked)
		err, asked = ends(events("event: message.delta\ndata: {\n\n"))
		require.ErrorContains(t, err, "event message.delta: ")
		require.Equal(t, 1, asked)
		err, asked = ends(problem(503, "server.unavailable"))
		require.True(t, fluentpro.Is(err, client.ServerUnavailable))
		require.Equal(t, 10, asked, "connections in a row without an event")
		err, asked = ends(events())
		require.ErrorContains(t, err, "the stream ended early")
		require.Equal(t, 10, asked)

		api, s := scripted(t, answer(200, "text/event-stream", ""))
		require.ErrorContains(t, hear(t, api.Say(t.Context(), uuid.New(), "Hello.")).err, "names no reply")
		require.Len(t, s.asked, 1)
	})
}

func TestAReplyThatFailedKeepsItsText(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"message.failed", "message.cancelled"} {
		api, _ := scripted(t, events(delta("1", "Go"), event("2", kind, `"message":{"content":"Good"}`)))
		h := hear(t, api.MessageEvents(t.Context(), uuid.New(), replyID, ""))
		require.NoError(t, h.err)
		require.Equal(t, "Good", h.Text)
		require.NotNil(t, h.Message)
	}
}

func TestWhatConcernsOneIsFollowedThroughLostConnections(t *testing.T) {
	t.Parallel()
	api, network := account(t, apitest.Shared(t))
	var made []uuid.UUID
	begins := func(fail func(*http.Request, http.RoundTripper) (*http.Response, error)) func(*http.Request, http.RoundTripper) (*http.Response, error) {
		return func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			answer, err := fail(r, next)
			made = append(made, talk(t, api)) // once the stream is open
			return answer, err
		}
	}
	network.fails = []func(*http.Request, http.RoundTripper) (*http.Response, error){begins(cut(1)), nil, begins(cut(2))}
	var heard []uuid.UUID
	for e, err := range api.MyEvents(t.Context(), "") {
		require.NoError(t, err)
		heard = append(heard, e.Value.(client.ConversationCreated).Conversation.ID)
		if len(heard) == 2 {
			break
		}
	}
	require.Equal(t, made, heard)
	require.Equal(t, 2, network.times(http.MethodGet, "/events"))
}

func TestTheEndOfAnotherSessionEndsNoStreamAndQuietNeither(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		revoked := func(id string) string {
			return event(id, "session.revoked", `"session_id":"019a2b4e-5c00-7000-8000-000000000002"`)
		}
		answers := []func(*http.Request) (*http.Response, error){
			events("id: 1\n\n"),
			events("id: 1\n\n", event("2", "stream.restarted", `"x":1`), revoked("3"), event("", "stream.closing", `"reason":"draining","retry_ms":10`)),
		}
		for range 12 { // a quiet day
			answers = append(answers, events("id: 3\n\n", event("", "stream.closing", `"reason":"token_expiring","retry_ms":10`)),
				answer(200, "application/json", `{"tokens":{"access_token":"second","refresh_token":"next"}}`))
		}
		api, s := scripted(t, append(answers, events("id: 4\n\n", revoked("")))...)
		h := hear(t, api.MyEvents(t.Context(), ""))
		require.ErrorIs(t, h.err, fluentpro.ErrSessionRevoked)
		require.Equal(t, []string{"stream.restarted", "session.revoked"}, h.types)
		for i, cursor := range []string{"", "1", "3"} {
			require.Equal(t, cursor, s.asked[i].Header.Get("Last-Event-ID"), "also one that came without an event")
		}
	})
}
