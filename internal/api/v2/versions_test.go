package v2_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// A learner talks, goes back, goes on otherwise, looks at what was, and takes it back.
func TestAConversationIsRolledBackComparedAndForked(t *testing.T) {
	t.Parallel()
	l := apitest.New(t).SignUp(t)
	c := l.Talk(t)
	path := "/conversations/" + c.ID.String()
	for i := range 3 {
		l.Do(t, apitest.Call{Method: http.MethodPost, Path: path + "/messages", Body: map[string]any{"content": fmt.Sprintf("Message %d.", i)},
			Header: map[string]string{"Prefer": "wait=30"}}).Expect(t, http.StatusCreated, nil)
	}
	patch := map[string]any{"title": "Spring", "tags": []string{"b"}, "token_limit": 100000, "metadata": map[string]any{"n": 1}}
	l.Do(t, apitest.Call{Method: http.MethodPatch, Path: path, Body: patch}).Expect(t, http.StatusOK, nil)

	roll := func(version int, match string) apitest.Answer {
		call := apitest.Call{Method: http.MethodPost, Path: path + "/rollback", Body: map[string]any{"version": version}}
		if match != "" {
			call.Header = map[string]string{"If-Match": match}
		}
		return l.Do(t, call)
	}
	roll(3, `"v3"`).Refused(t, http.StatusPreconditionFailed, "request.precondition_failed")
	var head apiv2.Conversation
	a := roll(3, `"v8"`).Expect(t, http.StatusOK, &head)
	require.Equal(t, `"v9"`, a.Header.Get("ETag"))
	require.Equal(t, []any{int64(9), 3, c.Title}, []any{head.Version, head.MessageCount, head.Title})
	var page apiv2.MessagePage
	l.Get(t, "%s/messages", path).Expect(t, http.StatusOK, &page)
	require.Len(t, page.Data, 3)
	l.Do(t, apitest.Call{Method: http.MethodPost, Path: path + "/messages", Body: map[string]any{"content": "Otherwise."},
		Header: map[string]string{"Prefer": "wait=30"}}).Expect(t, http.StatusCreated, nil)
	roll(8, "").Expect(t, http.StatusOK, &head)
	require.Equal(t, []any{int64(12), 7, "Spring"}, []any{head.Version, head.MessageCount, head.Title})
	roll(99, "").Refused(t, http.StatusUnprocessableEntity, "conversation.unknown_version")

	for from := 1; from <= 12; from++ {
		for to := 1; to <= 12; to++ {
			requirePatch(t, l, path, from, to)
		}
	}

	var fork apiv2.Conversation
	key := map[string]string{"Idempotency-Key": "once"}
	a = l.Do(t, apitest.Call{Method: http.MethodPost, Path: path + "/forks", Body: map[string]any{"version": 5}, Header: key}).Expect(t, http.StatusCreated, &fork)
	require.Equal(t, "/api/v2/conversations/"+fork.ID.String(), a.Header.Get("Location"))
	require.Equal(t, apiv2.ConversationParent{ConversationID: c.ID, Version: 5}, *fork.Parent)
	require.Equal(t, 5, fork.MessageCount)
	a = l.Do(t, apitest.Call{Method: http.MethodPost, Path: path + "/forks", Body: map[string]any{"version": 5}, Header: key}).Expect(t, http.StatusCreated, &fork)
	require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"))
}

// requirePatch fails unless the difference makes one state of the other.
func requirePatch(t *testing.T, l *apitest.Learner, path string, from, to int) {
	t.Helper()
	document := func(version int) []byte {
		var state map[string]json.RawMessage
		body := l.Get(t, "%s/versions/%d", path, version).Expect(t, http.StatusOK, nil).Body
		require.NoError(t, json.Unmarshal(body, &state))
		text, err := json.Marshal(map[string]json.RawMessage{"conversation": state["conversation"], "messages": state["messages"]})
		require.NoError(t, err)
		return text
	}
	var diff struct {
		Patch   json.RawMessage `json:"patch"`
		Summary []string        `json:"summary"`
	}
	l.Get(t, "%s/versions/%d/diff?against=%d", path, to, from).Expect(t, http.StatusOK, &diff)
	patch, err := jsonpatch.DecodePatch(diff.Patch)
	require.NoError(t, err)
	before, after := document(from), document(to)
	got, err := patch.Apply(before)
	require.NoError(t, err, "%d to %d: %s", from, to, diff.Patch)
	require.JSONEq(t, string(after), string(got), "%d to %d", from, to)
	if from == to {
		require.Empty(t, patch)
		require.Empty(t, diff.Summary)
	}
}

func TestAVersionIsReadInPagesAndNeverChanges(t *testing.T) {
	t.Parallel()
	l := apitest.New(t).SignUp(t)
	c := l.Talk(t)
	path := "/conversations/" + c.ID.String()
	l.Do(t, apitest.Call{Method: http.MethodPost, Path: path + "/messages", Body: map[string]any{"content": "Hello."},
		Header: map[string]string{"Prefer": "wait=30"}}).Expect(t, http.StatusCreated, nil)
	var state apiv2.VersionState
	a := l.Get(t, "%s/versions/3?limit=2", path).Expect(t, http.StatusOK, &state)
	require.Equal(t, `"v3"`, a.Header.Get("ETag"))
	require.Equal(t, []any{apiv2.VersionOperation("complete_reply"), 2, 3}, []any{state.Operation, len(state.Messages), state.Conversation.MessageCount})
	next := url.QueryEscape(state.NextCursor.MustGet())
	l.Get(t, "%s/versions/3?cursor=%s", path, next).Expect(t, http.StatusOK, &state)
	require.Len(t, state.Messages, 1)
	require.True(t, state.NextCursor.IsNull())
	l.Get(t, "%s/versions/2?cursor=%s", path, next).Refused(t, http.StatusBadRequest, "cursor.invalid")
	not := l.Do(t, apitest.Call{Method: http.MethodGet, Path: path + "/versions/3", Header: map[string]string{"If-None-Match": `"v3"`}})
	require.Equal(t, http.StatusNotModified, not.Status)

	l.Get(t, "%s/versions/2", path).Expect(t, http.StatusOK, &state)
	require.Equal(t, apiv2.MessageStatusPending, state.Messages[2].Status, "as it was then")
	for _, wrong := range []string{"/versions/4", "/versions/4/diff", "/versions/3/diff?against=4"} {
		l.Get(t, "%s%s", path, wrong).Refused(t, http.StatusNotFound, "resource.not_found")
	}
	l.Get(t, "%s/versions/0", path).Refused(t, http.StatusNotFound, "resource.not_found")
	l.Get(t, "%s/versions/3/diff?against=0", path).Refused(t, http.StatusBadRequest, "request.invalid")
	other := apitest.Shared(t).SignUp(t)
	for _, mine := range []string{"/versions/3", "/versions/3/diff"} {
		other.Get(t, "%s%s", path, mine).Refused(t, http.StatusNotFound, "resource.not_found")
	}
	l.Get(t, "%s/versions/1/diff", path).Expect(t, http.StatusOK, nil)
}

func TestAReplyIsRetriedOverHTTP(t *testing.T) {
	t.Parallel()
	l := apitest.New(t).SignUp(t)
	c := l.Talk(t)
	path := "/conversations/" + c.ID.String() + "/messages"
	var sent apiv2.CreateMessageResult
	l.Do(t, apitest.Call{Method: http.MethodPost, Path: path, Body: map[string]any{"content": "Hello."},
		Header: map[string]string{"Prefer": "wait=30"}}).Expect(t, http.StatusCreated, &sent)
	reply := path + "/" + sent.Reply.ID.String()
	first := l.Get(t, "%s/events", reply).Expect(t, http.StatusOK, nil)
	events := events(t, first.Body)

	var again apiv2.Message
	a := l.Post(t, reply+"/retry", nil).Expect(t, http.StatusAccepted, &again)
	require.Equal(t, "/api/v2"+reply, a.Header.Get("Location"))
	require.Equal(t, sent.Reply.ID, again.ID)
	more := l.Get(t, "%s/events?after=%s", reply, url.QueryEscape(events[len(events)-1].ID)).Expect(t, http.StatusOK, nil)
	require.Contains(t, string(more.Body), `"attempt":2`)
	l.Get(t, "%s", reply).Expect(t, http.StatusOK, &again)
	require.Equal(t, apiv2.MessageStatusCompleted, again.Status)

	done := l.Do(t, apitest.Call{Method: http.MethodPost, Path: reply + "/retry", Header: map[string]string{"Prefer": "wait=30"}}).Expect(t, http.StatusOK, &again)
	require.Equal(t, "wait=30", done.Header.Get("Preference-Applied"))
	require.NotEmpty(t, done.Header.Get("ETag"))
	require.EqualValues(t, 7, again.Version)
	l.Post(t, path+"/"+sent.Message.ID.String()+"/retry", nil).Refused(t, http.StatusConflict, "message.not_a_reply")
}
