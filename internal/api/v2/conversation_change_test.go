package v2_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

func TestAConversationIsChangedAsItsETagSays(t *testing.T) {
	t.Parallel()
	l := apitest.Shared(t).SignUp(t)
	c := l.Talk(t)
	path := "/conversations/" + c.ID.String()
	patch := func(body map[string]any, headers ...string) apitest.Answer {
		h := map[string]string{"Content-Type": "application/merge-patch+json"}
		for i := 0; i < len(headers); i += 2 {
			h[headers[i]] = headers[i+1]
		}
		return l.Do(t, apitest.Call{Method: http.MethodPatch, Path: path, Body: body, Header: h})
	}
	var got apiv2.Conversation
	a := patch(map[string]any{"title": "Spring", "tags": []string{"rates"}, "token_limit": 1000, "status": "paused"}, "If-Match", `"v1"`).Expect(t, http.StatusOK, &got)
	require.Equal(t, `"v2"`, a.Header.Get("ETag"))
	require.Equal(t, "Spring", got.Title)
	require.Equal(t, apiv2.ConversationStatus("paused"), got.Status)
	require.EqualValues(t, 1000, got.TokenLimit.MustGet())
	patch(map[string]any{"title": "Late"}, "If-Match", `"v1"`).Refused(t, http.StatusPreconditionFailed, "request.precondition_failed")
	patch(map[string]any{"token_limit": nil, "context": map[string]any{"domain_context": map[string]any{"a": 1}}}).Expect(t, http.StatusOK, &got)
	require.True(t, got.TokenLimit.IsNull())
	require.EqualValues(t, 3, got.Version)
	a = patch(map[string]any{"title": "Spring"}).Expect(t, http.StatusOK, nil)
	require.Equal(t, `"v3"`, a.Header.Get("ETag"), "nothing has changed")

	refused := patch(map[string]any{"status": "failed"})
	refused.Refused(t, http.StatusConflict, "conversation.status_not_allowed")
	require.Contains(t, string(refused.Body), `"from":"paused"`)
	for _, wrong := range []map[string]any{
		{}, {"title": ""}, {"title": nil}, {"status": "sleeping"}, {"tags": []string{"a", "a"}}, {"token_limit": 5}, {"version": 4}, {"context": map[string]any{"mood": map[string]any{}}},
	} {
		patch(wrong).Refused(t, http.StatusBadRequest, "request.invalid")
	}
	l.Get(t, "%s", path).Expect(t, http.StatusOK, &got)
	require.EqualValues(t, 3, got.Version)

	versions := func(query string) (page apiv2.VersionPage) {
		l.Get(t, "%s/versions?%s", path, query).Expect(t, http.StatusOK, &page)
		return page
	}
	first := versions("limit=2")
	require.Equal(t, []apiv2.VersionOperation{"update_context", "update_status"}, []apiv2.VersionOperation{first.Data[0].Operation, first.Data[1].Operation})
	next := url.QueryEscape(first.NextCursor.MustGet())
	require.EqualValues(t, 1, versions("cursor=" + next).Data[0].Version)
	l.Get(t, "/conversations/%s/versions?cursor=%s", l.Talk(t).ID, next).Refused(t, http.StatusBadRequest, "cursor.invalid")

	require.Equal(t, http.StatusPreconditionFailed, l.Do(t, apitest.Call{Method: http.MethodDelete, Path: path, Header: map[string]string{"If-Match": `"v1"`}}).Status)
	l.Do(t, apitest.Call{Method: http.MethodDelete, Path: path, Header: map[string]string{"If-Match": `"v3"`}}).Expect(t, http.StatusNoContent, nil)
	for _, gone := range []string{path, path + "/messages", path + "/versions"} {
		l.Get(t, "%s", gone).Refused(t, http.StatusNotFound, "resource.not_found")
	}
}

func TestAReplyIsCancelledWhileItIsRead(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	gate := make(chan struct{})
	s.Model.Script(partner.Step{Text: "one two three four five", Gate: gate})
	l := s.SignUp(t)
	c := l.Talk(t)
	sent := l.Say(t, c, "Good morning.")
	for range 2 {
		gate <- struct{}{}
	}
	path := "/conversations/" + c.ID.String() + "/messages/"
	var m apiv2.Message
	l.Post(t, path+sent.Reply.ID.String()+"/cancel", nil).Expect(t, http.StatusOK, &m)
	close(gate)
	require.Equal(t, apiv2.MessageStatusCancelled, m.Status)
	require.Equal(t, "cancelled", *m.FinishReason)
	require.Contains(t, []string{"", "one", "one two"}, m.Content, "as far as its readers were told")
	body := string(l.Get(t, "%s%s/events", path, sent.Reply.ID).Expect(t, http.StatusOK, nil).Body)
	require.Contains(t, body, "event: message.cancelled\n")
	require.NotContains(t, body, "message.completed")
	l.Post(t, path+sent.Reply.ID.String()+"/cancel", nil).Expect(t, http.StatusOK, &m)
	l.Post(t, path+sent.Message.ID.String()+"/cancel", nil).Refused(t, http.StatusConflict, "message.not_a_reply")
}
