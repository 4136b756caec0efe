package v2_test

import (
	"bufio"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// inspectedAsTheExample is an admin who looks at a learner's conversation.
func inspectedAsTheExample(t *testing.T, s *apitest.Server) stage {
	st := talkAsTheExample(t, s)
	st.asks = s.Admin(t)
	return st
}

// weighedAsTheExample has a conversation that has used 85 percent of its tokens.
func weighedAsTheExample(t *testing.T, s *apitest.Server) stage {
	st := inspectedAsTheExample(t, s)
	_, err := s.Pool(t).Exec(t.Context(), `insert into conversation_health (conversation_id, score, reasons, weighed_at)
		select id, 90, '[{"code": "tokens.share", "points": 10, "detail": "85% of the tokens are used"}]', now() from conversations`)
	require.NoError(t, err)
	return st
}

// verified runs a verification and gives its result.
func verified(t *testing.T, admin *apitest.Learner, request map[string]any) map[string]any {
	t.Helper()
	var done apiv2.Task
	admin.Do(t, apitest.Call{Method: http.MethodPost, Path: "/admin/verifications", Body: request, Header: map[string]string{"Prefer": "wait=20"}}).Expect(t, http.StatusOK, &done)
	require.Equal(t, apiv2.TaskStatusCompleted, done.Status)
	require.NotNil(t, done.Result)
	return *done.Result
}

// said gives the messages of a conversation, as its learner sees them.
func said(t *testing.T, l *apitest.Learner, c apiv2.Conversation) []apiv2.Message {
	t.Helper()
	var page apiv2.MessagePage
	l.Get(t, "/conversations/%s/messages", c.ID).Expect(t, http.StatusOK, &page)
	return page.Data
}

func TestADamagedConversationIsFoundInspectedAndMadeGood(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l, admin := s.SignUp(t), s.Admin(t)
	c := l.Talk(t)
	path := "/conversations/" + c.ID.String()
	var sent apiv2.CreateMessageResult
	l.Do(t, say(c, map[string]any{"content": "We can offer ten percent."}, map[string]string{"Prefer": "wait=20"})).Expect(t, http.StatusCreated, &sent)
	whole := said(t, l, c)
	require.EqualValues(t, 0, verified(t, admin, map[string]any{"scope": "all"})["findings"])

	_, err := s.Pool(t).Exec(t.Context(), "update messages set content = 'We can offer ninety percent.' where id = $1", sent.Message.ID)
	require.NoError(t, err)
	result := verified(t, admin, map[string]any{"conversation_ids": []uuid.UUID{c.ID}})
	require.EqualValues(t, 1, result["findings"])
	require.Equal(t, []any{c.ID.String()}, result["damaged"])

	var health apiv2.ConversationHealthPage
	admin.Get(t, "/admin/conversation-health?limit=1").Expect(t, http.StatusOK, &health)
	require.Equal(t, c.ID, health.Data[0].ConversationID)
	require.Equal(t, 55, health.Data[0].Score)
	require.Equal(t, "findings", health.Data[0].Reasons[0].Code)

	var seen apiv2.ConversationInspection
	inspection := s.Moderator(t).Get(t, "/admin/conversations/%s/inspection", c.ID)
	inspection.Expect(t, http.StatusOK, &seen)
	require.Len(t, seen.Findings, 1)
	require.Equal(t, "message.content", seen.Findings[0].Rule)
	require.NotContains(t, string(inspection.Body), "percent", "nothing that was written is shown")
	require.True(t, seen.History[1].HasFindings)

	response := l.Open(t.Context(), t, apitest.Call{Method: http.MethodGet, Path: path + "/events"})
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewReader(response.Body)
	require.Equal(t, "conversation.updated", events(t, readEvent(t, lines))[0].Name)
	var plan apiv2.Task
	recovery := apitest.Call{Method: http.MethodPost, Path: "/admin" + path + "/recovery", Header: map[string]string{"Prefer": "wait=20"}, Body: map[string]any{"dry_run": true}}
	admin.Do(t, recovery).Expect(t, http.StatusOK, &plan)
	require.Equal(t, true, (*plan.Result)["needed"])
	require.NotEqual(t, whole, said(t, l, c), "a dry run changes nothing")

	recovery.Body = map[string]any{}
	admin.Do(t, recovery).Expect(t, http.StatusOK, &plan)
	require.Equal(t, true, (*plan.Result)["is_complete"])
	require.Equal(t, "conversation.rolled_back", events(t, readEvent(t, lines))[0].Name, "who reads it is told")
	require.Equal(t, whole, said(t, l, c))
	require.EqualValues(t, 0, verified(t, admin, map[string]any{})["findings"], "what has changed is verified")
	admin.Get(t, "/admin/conversations/%s/inspection", c.ID).Expect(t, http.StatusOK, &seen)
	require.Empty(t, seen.Findings)
	require.EqualValues(t, "recover", seen.History[0].Operation)

	admin.Get(t, "/admin/conversations/%s/inspection", uuid.New()).Refused(t, http.StatusNotFound, "resource.not_found")
	recovery.Path = "/admin/conversations/" + uuid.NewString() + "/recovery"
	admin.Do(t, recovery).Refused(t, http.StatusNotFound, "resource.not_found")
}
