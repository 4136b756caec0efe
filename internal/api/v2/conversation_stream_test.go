package v2_test

import (
	"bufio"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// Two devices and two nodes: what is said on one is read on the other, and again after the
// connection was cut.
func TestAConversationIsFollowedOverManyMessagesAndResumed(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	path := "/conversations/" + c.ID.String()
	say := func() (sent apiv2.CreateMessageResult) {
		l.Do(t, apitest.Call{Method: http.MethodPost, Path: path + "/messages", Body: map[string]any{"content": "Hello."},
			Header: map[string]string{"Prefer": "wait=30"}}).Expect(t, http.StatusCreated, &sent)
		return sent
	}
	response := l.Open(t.Context(), t, apitest.Call{Method: http.MethodGet, Path: path + "/events"})
	lines := bufio.NewReader(response.Body)
	first := events(t, readEvent(t, lines))[0]
	require.Equal(t, "conversation.updated", first.Name)
	sent := say()
	for name := ""; name != "message.completed"; {
		e := events(t, readEvent(t, lines))[0]
		name = e.Name
	}
	require.NoError(t, response.Body.Close())

	say()
	patch := apitest.Call{Method: http.MethodPatch, Path: path, Body: map[string]any{"title": "Spring"}}
	l.Do(t, patch).Expect(t, http.StatusOK, nil)
	l.Post(t, path+"/rollback", map[string]any{"version": 3}).Expect(t, http.StatusOK, nil)
	response = l.Open(t.Context(), t, apitest.Call{Method: http.MethodGet, Path: path + "/events", Header: map[string]string{"Last-Event-ID": first.ID}})
	defer func() { _ = response.Body.Close() }()
	lines = bufio.NewReader(response.Body)
	var story []string
	for len(story) == 0 || story[len(story)-1] != "conversation.rolled_back" {
		story = append(story, events(t, readEvent(t, lines))[0].Name)
	}
	require.Equal(t, []string{"message.created", "message.completed", "message.created", "message.completed", "conversation.updated", "conversation.rolled_back"}, story)
	l.Do(t, apitest.Call{Method: http.MethodDelete, Path: path}).Expect(t, http.StatusNoContent, nil)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	last := events(t, rest)
	require.Equal(t, "conversation.deleted", last[0].Name)
	require.Empty(t, last[0].ID)
	require.Len(t, last, 1)
	l.Get(t, "%s/events", path).Refused(t, http.StatusNotFound, "resource.not_found")

	other := l.Talk(t)
	l.Get(t, "/conversations/%s/events?after=%s", other.ID, url.QueryEscape(first.ID)).Refused(t, http.StatusBadRequest, "cursor.invalid")
	reply := l.Get(t, "/conversations/%s/messages/%s/events?after=%s", c.ID, sent.Reply.ID, url.QueryEscape(first.ID))
	reply.Refused(t, http.StatusBadRequest, "cursor.invalid")
}
