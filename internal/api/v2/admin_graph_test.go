package v2_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestAHistoryIsDrawnInEveryFormat(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l, moderator := s.SignUp(t), s.Moderator(t)
	c := l.Talk(t)
	examples := apitest.FindOperation(http.MethodGet, "/admin/conversations/"+c.ID.String()+"/graph").Responses.Value("200").Value.Content
	for query, kind := range map[string]string{"": "image/svg+xml", "?format=svg": "image/svg+xml", "?format=dot": "text/vnd.graphviz", "?format=text": "text/plain"} {
		a := moderator.Get(t, "/admin/conversations/%s/graph%s", c.ID, query).Expect(t, http.StatusOK, nil)
		require.Equal(t, kind+"; charset=utf-8", a.Header.Get("Content-Type"))
		require.Equal(t, masked(examples[kind].Example.(string)), masked(string(a.Body)))
		require.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "default-src 'none'; frame-ancestors 'none'", a.Header.Get("Content-Security-Policy"), "opened by itself it runs nothing")
		require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		head := moderator.Do(t, apitest.Call{Method: http.MethodHead, Path: fmt.Sprintf("/admin/conversations/%s/graph%s", c.ID, query)})
		require.Equal(t, a.Header.Get("Content-Length"), head.Header.Get("Content-Length"))
	}
	moderator.Get(t, "/admin/conversations/%s/graph?format=png", c.ID).Refused(t, http.StatusBadRequest, "request.invalid")
	moderator.Get(t, "/admin/conversations/%s/graph", uuid.New()).Refused(t, http.StatusNotFound, "resource.not_found")
	l.Get(t, "/admin/conversations/%s/graph", c.ID).Refused(t, http.StatusForbidden, "auth.forbidden")
}

func TestWhatDiffersIsToldWithoutAWord(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l, moderator := s.SignUp(t), s.Moderator(t)
	c := l.Talk(t)
	l.Do(t, say(c, map[string]any{"content": "We can offer ten percent."}, map[string]string{"Prefer": "wait=20"})).Expect(t, http.StatusCreated, nil)
	path := "/conversations/" + c.ID.String()
	l.Do(t, apitest.Call{Method: http.MethodPatch, Path: path, Body: map[string]any{"title": "Ten percent", "tags": []string{"percent"}}}).Expect(t, http.StatusOK, nil)
	l.Post(t, path+"/rollback", map[string]any{"version": 1}).Expect(t, http.StatusOK, nil)
	compare := func(version, against int) apitest.Answer {
		return moderator.Get(t, "/admin%s/versions/%d/diff?against=%d", path, version, against)
	}

	var d apiv2.StoredVersionDiff
	a := compare(4, 1).Expect(t, http.StatusOK, &d)
	require.NotContains(t, string(a.Body), "ercent", "nothing that was written is shown")
	require.Equal(t, "title", d.Fields[0].Name)
	require.True(t, d.Fields[0].After.IsNull())
	require.Equal(t, 2, d.MessageCount)
	require.Equal(t, []apiv2.MessageRole{"user", "assistant"}, []apiv2.MessageRole{d.Messages[0].Role, d.Messages[1].Role})
	require.True(t, d.Messages[0].Before.IsNull())
	require.Equal(t, len("We can offer ten percent."), d.Messages[0].After.MustGet().Bytes)

	moderator.Get(t, "/admin%s/versions/3/diff", path).Expect(t, http.StatusOK, &d)
	require.EqualValues(t, 2, d.Against, "the one before")
	require.Equal(t, []string{"content", "status", "finish_reason", "tokens"}, d.Messages[0].Changed)
	compare(5, 1).Expect(t, http.StatusOK, &d)
	require.Empty(t, d.Messages, "a step back has what there was")

	compare(6, 1).Refused(t, http.StatusNotFound, "resource.not_found")
	compare(1, 99).Refused(t, http.StatusNotFound, "resource.not_found")
	moderator.Get(t, "/admin/conversations/%s/versions/1/diff", uuid.New()).Refused(t, http.StatusNotFound, "resource.not_found")
	l.Get(t, "/admin%s/versions/2/diff", path).Refused(t, http.StatusForbidden, "auth.forbidden")

	_, err := s.Pool(t).Exec(t.Context(), "update messages set content = 'Lost.' where conversation_id = $1", c.ID)
	require.NoError(t, err)
	compare(4, 1).Expect(t, http.StatusOK, nil)
	_, err = s.Pool(t).Exec(t.Context(), "delete from conversation_texts where conversation_id = $1 and version = 3", c.ID)
	require.NoError(t, err)
	refused := compare(4, 1)
	refused.Refused(t, http.StatusUnprocessableEntity, "version.damaged")
	require.Contains(t, string(refused.Body), `"broken_version":3`)
	compare(2, 1).Expect(t, http.StatusOK, nil)
}
