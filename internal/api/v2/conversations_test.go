package v2_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestIdentifiersAreTakenInAnyCaseAndWithHyphens(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	var c apiv2.Conversation
	a := s.SignUp(t).Post(t, "/conversations", map[string]any{"partner_id": "Senior-Management", "situation_id": "ONE-ON-ONES"}).
		Expect(t, http.StatusCreated, &c)
	require.Equal(t, "senior_management", c.PartnerID)
	require.Equal(t, "one_on_ones", c.SituationID)
	require.Equal(t, "/api/v2/conversations/"+c.ID.String(), a.Header.Get("Location"))
	require.Equal(t, `"v1"`, a.Header.Get("ETag"))
}

func TestUnknownPartnersAndSituationsAreNamed(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	p := l.Post(t, "/conversations", map[string]any{"partner_id": "aliens", "situation_id": "negotiations"}).
		Refused(t, http.StatusUnprocessableEntity, "conversation.unknown_partner")
	require.Equal(t, "/partner_id", (*p.Errors)[0].Pointer)
	l.Post(t, "/conversations", map[string]any{"partner_id": "suppliers", "situation_id": "naps"}).
		Refused(t, http.StatusUnprocessableEntity, "conversation.unknown_situation")
}

func TestACreatedConversationIsGivenAgainToItsKey(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	call := apitest.Call{Method: http.MethodPost, Path: "/conversations", Header: map[string]string{"Idempotency-Key": "start"},
		Body: map[string]any{"partner_id": "suppliers", "situation_id": "negotiations", "tags": []string{"a"}}}
	first := l.Do(t, call).Expect(t, http.StatusCreated, nil)
	again := l.Do(t, call).Expect(t, http.StatusCreated, nil)
	require.JSONEq(t, string(first.Body), string(again.Body))
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	var page apiv2.ConversationPage
	l.Get(t, "/conversations").Expect(t, http.StatusOK, &page)
	require.Len(t, page.Data, 1)

	other := s.SignUp(t)
	var c apiv2.Conversation
	other.Do(t, call).Expect(t, http.StatusCreated, &c)
	require.NotEqual(t, page.Data[0].ID, c.ID, "a key belongs to its user")
}

func TestConversationsAreListedInPagesByActivity(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	var want []string
	for i := range 7 {
		var c apiv2.Conversation
		l.Post(t, "/conversations", map[string]any{"partner_id": "clients", "situation_id": "meetings", "tags": []string{fmt.Sprint("t", i%2)}}).
			Expect(t, http.StatusCreated, &c)
		want = append([]string{c.ID.String()}, want...)
	}
	s.SignUp(t).Talk(t) // another learner's is never listed

	var got []string
	path := "/conversations?limit=3"
	var cursor string
	for range 4 {
		var page apiv2.ConversationPage
		l.Get(t, "%s", path).Expect(t, http.StatusOK, &page)
		for _, c := range page.Data {
			got = append(got, c.ID.String())
		}
		if page.NextCursor.IsNull() {
			break
		}
		cursor = page.NextCursor.MustGet()
		path = "/conversations?limit=3&cursor=" + url.QueryEscape(cursor)
	}
	require.Equal(t, want, got)

	var tagged apiv2.ConversationPage
	l.Get(t, "/conversations?tag=t1").Expect(t, http.StatusOK, &tagged)
	require.Len(t, tagged.Data, 3)
	var paused apiv2.ConversationPage
	l.Get(t, "/conversations?status=paused").Expect(t, http.StatusOK, &paused)
	require.Empty(t, paused.Data)

	for name, bad := range map[string]string{
		"of another filter": "tag=t1&cursor=" + url.QueryEscape(cursor), "altered": "cursor=" + url.QueryEscape(cursor[:len(cursor)-2]+"AA"),
		"invented": "cursor=abc",
	} {
		a := l.Get(t, "/conversations?%s", bad)
		require.Equal(t, http.StatusBadRequest, a.Status, name)
		a.Refused(t, http.StatusBadRequest, "cursor.invalid")
	}
	s.SignUp(t).Get(t, "/conversations?limit=3&cursor=%s", url.QueryEscape(cursor)).Refused(t, http.StatusBadRequest, "cursor.invalid")
}

func TestConversationsAreFoundByWhatIsSaidInThem(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	var want []string
	for i := range 3 {
		var c apiv2.Conversation
		l.Post(t, "/conversations", map[string]any{"partner_id": "clients", "situation_id": "meetings", "title": fmt.Sprint("Harbour fees ", i)}).
			Expect(t, http.StatusCreated, &c)
		want = append([]string{c.ID.String()}, want...)
	}
	c := l.Talk(t)
	tell(t, l, c.ID, "请问物流价格是多少？")
	s.SignUp(t).Post(t, "/conversations", map[string]any{"partner_id": "clients", "situation_id": "meetings", "title": "Harbour fees"}).
		Expect(t, http.StatusCreated, nil)
	search := func(query string) (ids []string, next string) {
		var page apiv2.ConversationPage
		l.Get(t, "/conversations?%s", query).Expect(t, http.StatusOK, &page)
		for _, c := range page.Data {
			ids = append(ids, c.ID.String())
		}
		if !page.NextCursor.IsNull() {
			next = page.NextCursor.MustGet()
		}
		return ids, next
	}
	first, cursor := search("limit=2&q=FEE+harbour")
	rest, end := search("limit=2&q=FEE+harbour&cursor=" + url.QueryEscape(cursor))
	require.Equal(t, want, append(first, rest...))
	require.Empty(t, end)
	ids, _ := search("q=" + url.QueryEscape("物流"))
	require.Equal(t, []string{c.ID.String()}, ids)
	ids, _ = search("status=paused&q=harbour")
	require.Empty(t, ids)
	ids, _ = search("q=" + url.QueryEscape(`a & b | !c :* <-> \ ' "`))
	require.Empty(t, ids)

	for _, other := range []string{"q=FEE", "q=fee+harbour", "tag=t1&q=FEE+harbour", ""} {
		l.Get(t, "/conversations?limit=2&%s&cursor=%s", other, url.QueryEscape(cursor)).Refused(t, http.StatusBadRequest, "cursor.invalid")
	}
	for _, bad := range []string{"", strings.Repeat("a", 201), "%00"} {
		l.Get(t, "/conversations?q=%s", bad).Refused(t, http.StatusBadRequest, "request.invalid")
	}
	ids, _ = search("q=" + url.QueryEscape(strings.Repeat("物", 200)))
	require.Empty(t, ids)
}

func TestAnothersConversationIsNotFound(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	c := s.SignUp(t).Talk(t)
	other := s.SignUp(t)
	for _, path := range []string{"", "/messages", "/messages/019a2b4e-5c00-7000-8000-000000000003", "/messages/019a2b4e-5c00-7000-8000-000000000003/events"} {
		other.Get(t, "/conversations/%s%s", c.ID, path).Refused(t, http.StatusNotFound, "resource.not_found")
	}
	other.Post(t, fmt.Sprintf("/conversations/%s/messages", c.ID), map[string]any{"content": "hello"}).
		Refused(t, http.StatusNotFound, "resource.not_found")
}

func TestAConversationsETagIsItsVersion(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	a := l.Get(t, "/conversations/%s", c.ID).Expect(t, http.StatusOK, nil)
	require.Equal(t, `"v1"`, a.Header.Get("ETag"))
	l.Do(t, apitest.Call{Method: http.MethodGet, Path: "/conversations/" + c.ID.String(), Header: map[string]string{"If-None-Match": `"v1"`}}).
		Expect(t, http.StatusNotModified, nil)
}
