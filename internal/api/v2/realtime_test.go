package v2_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/gen/openapi"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/task"
)

// exampleFrames are those of the AsyncAPI document, by the kind of frame.
func exampleFrames(t *testing.T) map[string]any {
	t.Helper()
	text, err := openapi.FS.ReadFile("realtime.yaml")
	require.NoError(t, err)
	var document struct {
		Components struct {
			Messages map[string]struct{ Examples []struct{ Payload any } }
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &document))
	frames := map[string]any{}
	for kind, message := range document.Components.Messages {
		require.Len(t, message.Examples, 1, kind)
		frames[kind] = message.Examples[0].Payload
	}
	return frames
}

// connectedAsTheExample sends the command of the AsyncAPI document and answers with the
// reply, after the frames that follow have shown the example of a push to be true as well.
func connectedAsTheExample(t *testing.T, s *apitest.Server) stage {
	st := talkAsTheExample(t, s)
	frames, schemas := exampleFrames(t), apitest.Contract().Components.Schemas
	theirs := apitest.Contract().Paths.Find("/conversations").Post.Responses.Value("201").Value.Content["application/json"].Example.(map[string]any)["id"].(string)
	st.answer = func(c apitest.Call) apitest.Answer {
		require.Equal(t, "/realtime", c.Path)
		socket, _, err := st.asks.Dial(t, apitest.Dial{Quiet: true})
		require.NoError(t, err)
		command, err := json.Marshal(frames["command"])
		require.NoError(t, err)
		require.Contains(t, string(command), theirs)
		own := st.path["conversation_id"]
		require.NoError(t, socket.Raw.WriteMessage(websocket.TextMessage, bytes.ReplaceAll(command, []byte(theirs), []byte(own))))
		read := func() []byte {
			require.NoError(t, socket.Raw.SetReadDeadline(time.Now().Add(20*time.Second)))
			_, text, err := socket.Raw.ReadMessage()
			require.NoError(t, err)
			return bytes.ReplaceAll(text, []byte(own), []byte(theirs))
		}
		reply := read()
		var actual map[string]any
		require.NoError(t, json.Unmarshal(reply, &actual))
		compare(t, "", schemas["RealtimeReply"].Value, frames["reply"], actual)

		s.Model.Script(partner.Step{Text: " of course"})
		st.asks.Post(t, "/conversations/"+own+"/messages", map[string]any{"content": "Is that so?"}).Expect(t, http.StatusAccepted, nil)
		said := ""
		for said != " of course" {
			var push map[string]any
			text := read()
			require.NoError(t, json.Unmarshal(text, &push))
			event := push["event"].(map[string]any)
			switch event["type"] {
			case "message.delta":
				said += event["text"].(string)
				event["text"] = " of course" // it comes in as many parts as the model gives
				compare(t, "", schemas["RealtimePush"].Value, frames["push"], push)
			case "message.completed", "message.failed":
				require.Contains(t, string(text), "greeting", "the reply ended without the push of the example")
			}
		}
		return apitest.Answer{Status: http.StatusSwitchingProtocols, Body: reply}
	}
	return st
}

// listedAsTheExample has an open connection that the registry knows.
func listedAsTheExample(t *testing.T, s *apitest.Server) stage {
	chrome := "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	mei, admin := s.SignUp(t), s.Admin(t)
	socket, _, err := mei.Dial(t, apitest.Dial{Header: http.Header{"User-Agent": {chrome}}})
	require.NoError(t, err)
	socket.Subscribe(t, "user:me", "")
	var page apiv2.ConnectionPage
	require.Eventually(t, func() bool {
		admin.Get(t, "/admin/connections").Expect(t, http.StatusOK, &page)
		return len(page.Data) == 1 && len(page.Data[0].Subscriptions) == 1
	}, 20*time.Second, 20*time.Millisecond)
	example := apitest.Contract().Paths.Find("/admin/connections").Get.Responses.Value("200").Value.Content["application/json"].Example
	node := example.(map[string]any)["data"].([]any)[0].(map[string]any)["node"].(string)
	require.Len(t, page.Data[0].Node, len(node))
	return stage{asks: admin, answer: func(c apitest.Call) apitest.Answer {
		a := admin.Do(t, c)
		a.Body = bytes.ReplaceAll(a.Body, []byte(page.Data[0].Node), []byte(node)) // a node has another name each time
		return a
	}}
}

func TestDisconnectUserClosesTheirSockets(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	mei, admin := s.SignUp(t), s.Admin(t)
	socket, other := mei.Connect(t), admin.Connect(t)
	socket.Get(t, "ping", struct{}{}, nil)
	end := func(user uuid.UUID) apitest.Answer {
		return admin.Do(t, apitest.Call{Method: http.MethodDelete, Path: fmt.Sprintf("/admin/users/%s/connections", user)})
	}
	end(mei.User.ID).Expect(t, http.StatusNoContent, nil)
	require.Equal(t, 4503, socket.Closed(t))
	end(mei.User.ID).Expect(t, http.StatusNoContent, nil)
	end(uuid.New()).Refused(t, http.StatusNotFound, "resource.not_found")
	other.Get(t, "echo", "still here", nil)
	mei.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
}

// Whatever a socket is sent first, but a connect with a token, it refuses and closes.
func TestASocketWithoutATokenDoesNothing(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	s.Nobody().Get(t, "/realtime").Refused(t, http.StatusBadRequest, "realtime.not_a_websocket")
	arguments := map[string]any{
		"connect": map[string]any{}, "ping": map[string]any{}, "echo": "x",
		"subscribe": map[string]any{"topic": "room:anyone"}, "unsubscribe": map[string]any{"topic": "room:anyone"}, "presence": map[string]any{"topic": "room:anyone"},
		"publish":        map[string]any{"topic": "room:anyone", "data": map[string]any{}},
		"send_message":   map[string]any{"conversation_id": uuid.New(), "content": "x", "idempotency_key": "x"},
		"cancel_message": map[string]any{"conversation_id": uuid.New(), "message_id": uuid.New()},
	}
	for verb := range apitest.Contract().Components.Schemas["RealtimeCommand"].Value.Properties {
		if verb == "id" {
			continue
		}
		require.Contains(t, arguments, verb, "say how it is sent")
		socket, _, err := s.Nobody().Dial(t, apitest.Dial{})
		require.NoError(t, err)
		socket.Refused(t, verb, arguments[verb], "auth.required")
		require.Equal(t, 4501, socket.Closed(t), verb)
	}
}

func TestASocketLeadsToNothingOfAnothers(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTasks(exampleTasks))
	owner, stranger := s.SignUp(t), s.SignUp(t)
	talk := owner.Talk(t)
	var page apiv2.MessagePage
	owner.Get(t, "/conversations/%s/messages", talk.ID).Expect(t, http.StatusOK, &page)
	work := s.StartTask(t, task.StartInput{UserID: owner.User.ID, Kind: "example", Input: struct{}{}})

	socket := stranger.Connect(t)
	socket.Subscribe(t, "user:me", "")
	for _, topic := range []string{apitest.TalkTopic(talk), "task:" + work.ID.String()} {
		socket.Refused(t, "subscribe", map[string]any{"topic": topic}, "resource.not_found")
	}
	socket.Refused(t, "subscribe", map[string]any{"topic": "user:" + owner.User.ID.String()}, "realtime.unknown_topic")
	socket.Refused(t, "send_message", map[string]any{"conversation_id": talk.ID, "content": "x", "idempotency_key": "x"}, "resource.not_found")
	socket.Refused(t, "cancel_message", map[string]any{"conversation_id": talk.ID, "message_id": page.Data[0].ID}, "resource.not_found")

	owner.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/conversations/" + talk.ID.String()}).Expect(t, http.StatusNoContent, nil)
	own := stranger.Talk(t)
	for _, push := range func() []apitest.Push { _, all := socket.Until(t, "conversation.created"); return all }() {
		if push.Event.Talk != nil {
			require.Equal(t, own.ID, push.Event.Talk.ID)
		}
		require.NotEqual(t, "conversation.deleted", push.Event.Type)
	}
}
