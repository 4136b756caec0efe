package v2_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

const reply = "We can hold that price until Friday. How many containers do you have in mind?"

// say is createMessage with what a case asks for.
func say(c apiv2.Conversation, body map[string]any, header map[string]string) apitest.Call {
	return apitest.Call{Method: http.MethodPost, Path: fmt.Sprintf("/conversations/%s/messages", c.ID), Body: body, Header: header}
}

// transcript gives the text a client holds after these events: started
// replaces, delta appends, the terminal event decides.
func transcript(t *testing.T, all []sse.Event) (text string, final string) {
	for _, e := range all {
		switch e.Name {
		case "message.started":
			text = member(t, e, "text").(string)
		case "message.delta":
			text += member(t, e, "text").(string)
		case "message.completed", "message.failed":
			final = member(t, e, "message").(map[string]any)["content"].(string)
		}
	}
	return text, final
}

func TestAReplyStreamsAndIsStoredAsItStreamed(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	s.Model.Script(partner.Step{Text: reply})
	a := l.Do(t, say(c, map[string]any{"content": "What is your price?", "stream": true}, nil)).Expect(t, http.StatusOK, nil)
	require.Equal(t, "no-store, no-transform", a.Header.Get("Cache-Control"))
	require.Equal(t, "no", a.Header.Get("X-Accel-Buffering"))

	all := events(t, a.Body)
	require.Equal(t, "message.created", all[0].Name)
	require.Equal(t, "message.started", all[1].Name)
	require.Equal(t, "message.completed", all[len(all)-1].Name)
	for _, e := range all {
		require.NotEmpty(t, e.ID)
		require.Equal(t, e.Name, member(t, e, "type"))
	}
	text, final := transcript(t, all)
	require.Equal(t, reply, text)
	require.Equal(t, reply, final)

	var stored apiv2.Message
	l.Get(t, "%s", a.Header.Get("Location")).Expect(t, http.StatusOK, &stored)
	require.Equal(t, reply, stored.Content)
	require.Equal(t, apiv2.MessageStatusCompleted, stored.Status)
	var head apiv2.Conversation
	l.Get(t, "/conversations/%s", c.ID).Expect(t, http.StatusOK, &head)
	require.EqualValues(t, 3, head.Version)
	require.Equal(t, 3, head.MessageCount)
	require.Positive(t, head.TokensUsed)
}

func TestAReaderThatComesBackMissesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	gate := make(chan struct{})
	s.Model.Script(partner.Step{Text: reply, Gate: gate})

	ctx, leave := context.WithCancel(t.Context())
	response := l.Open(ctx, t, say(c, map[string]any{"content": "What is your price?", "stream": true}, nil))
	stream := liveEvents(t, response)
	var seen []sse.Event
	for len(seen) < 5 { // created, started, three deltas
		if len(seen) >= 2 {
			gate <- struct{}{}
		}
		e, err := stream.Next()
		require.NoError(t, err)
		seen = append(seen, e)
	}
	leave()
	_ = response.Body.Close()
	close(gate)

	rest := l.Do(t, apitest.Call{Method: http.MethodGet, Path: response.Header.Get("Location") + "/events",
		Header: map[string]string{"Last-Event-ID": stream.LastID()}}).Expect(t, http.StatusOK, nil)
	all := slices.Concat(seen, events(t, rest.Body))
	text, final := transcript(t, all)
	require.Equal(t, reply, final)
	require.Equal(t, reply, text)
	ids := map[string]bool{}
	for _, e := range all {
		require.False(t, ids[e.ID], "%s came twice", e.Data)
		ids[e.ID] = true
	}

	byQuery := l.Get(t, "%s/events?after=%s", response.Header.Get("Location"), url.QueryEscape(seen[3].ID)).Expect(t, http.StatusOK, nil)
	require.Equal(t, all[4:], events(t, byQuery.Body), "exactly the gap")
	last := all[len(all)-1].ID
	l.Get(t, "%s/events?after=%s", response.Header.Get("Location"), url.QueryEscape(last)).Expect(t, http.StatusNoContent, nil)
}

func TestASecondReaderSeesTheSameStream(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	gate := make(chan struct{})
	s.Model.Script(partner.Step{Text: reply, Gate: gate})
	sent := l.Say(t, c, "What is your price?")
	path := fmt.Sprintf("/conversations/%s/messages/%s/events", c.ID, sent.Reply.ID)

	bodies := make([][]byte, 3)
	var wg sync.WaitGroup
	for i := range bodies {
		wg.Go(func() { bodies[i] = l.Get(t, "%s", path).Body })
	}
	close(gate)
	wg.Wait()
	for _, body := range bodies {
		got := events(t, body)
		text, final := transcript(t, got)
		require.Equal(t, reply, text)
		require.Equal(t, reply, final)
	}
	require.Equal(t, events(t, bodies[0]), events(t, l.Get(t, "%s", path).Body), "afterwards too")
}

func TestAReplyOfOneNodeStreamsFromTheOther(t *testing.T) {
	t.Parallel()
	one := apitest.New(t)
	two := apitest.New(t, apitest.Beside(one))
	l := one.SignUp(t)
	c := l.Talk(t)
	one.Model.Script(partner.Step{Text: reply})
	sent := l.Say(t, c, "What is your price?")
	a := l.On(two).Get(t, "/conversations/%s/messages/%s/events", c.ID, sent.Reply.ID).Expect(t, http.StatusOK, nil)
	text, _ := transcript(t, events(t, a.Body))
	require.Equal(t, reply, text)
}

func TestPreferWaitGivesTheFinishedReplyOrThePendingOne(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	s.Model.Script(partner.Step{Text: reply})
	var done apiv2.CreateMessageResult
	a := l.Do(t, say(c, map[string]any{"content": "Hello"}, map[string]string{"Prefer": "respond-async, wait=100"})).
		Expect(t, http.StatusCreated, &done)
	require.Equal(t, "wait=30", a.Header.Get("Preference-Applied"), "clamped")
	require.Equal(t, reply, done.Reply.Content)

	gate := make(chan struct{})
	s.Model.Script(partner.Step{Text: reply, Gate: gate})
	a = l.Do(t, say(c, map[string]any{"content": "Hello again"}, map[string]string{"Prefer": "wait=1"})).Expect(t, http.StatusAccepted, &done)
	require.Empty(t, a.Header.Get("Preference-Applied"), "said only when honoured")
	require.Contains(t, a.Header.Get("Location"), done.Reply.ID.String())
	close(gate)
}

func TestOneReplyIsInFlight(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	gate := make(chan struct{})
	s.Model.Script(partner.Step{Text: reply, Gate: gate})
	sent := l.Say(t, c, "First")
	a := l.Do(t, say(c, map[string]any{"content": "Second"}, nil))
	a.Refused(t, http.StatusConflict, "conversation.reply_in_flight")
	require.Contains(t, string(a.Body), `"reply_id":"`+sent.Reply.ID.String()+`"`)
	close(gate)
	l.Get(t, "/conversations/%s/messages/%s/events", c.ID, sent.Reply.ID).Expect(t, http.StatusOK, nil)
	l.Say(t, c, "Second")
}

func TestTheSameKeyHasOneEffectInEveryForm(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	s.Model.Script(partner.Step{Text: reply})
	key := map[string]string{"Idempotency-Key": "m-1"}
	var first apiv2.CreateMessageResult
	l.Do(t, say(c, map[string]any{"content": "Hello"}, key)).Expect(t, http.StatusAccepted, &first)

	streamed := l.Do(t, say(c, map[string]any{"content": "Hello", "stream": true}, key)).Expect(t, http.StatusOK, nil)
	require.Equal(t, "true", streamed.Header.Get("Idempotency-Replayed"))
	text, _ := transcript(t, events(t, streamed.Body))
	require.Equal(t, reply, text)

	var waited apiv2.CreateMessageResult
	l.Do(t, say(c, map[string]any{"content": "Hello"}, map[string]string{"Idempotency-Key": "m-1", "Prefer": "wait=5"})).
		Expect(t, http.StatusCreated, &waited)
	require.Equal(t, first.Reply.ID, waited.Reply.ID)
	require.Equal(t, reply, waited.Reply.Content)
	l.Do(t, say(c, map[string]any{"content": "Other"}, key)).Refused(t, http.StatusUnprocessableEntity, "idempotency.key_reused")

	var page apiv2.MessagePage
	l.Get(t, "/conversations/%s/messages", c.ID).Expect(t, http.StatusOK, &page)
	require.Len(t, page.Data, 3)
}

func TestAFailedReplyKeepsWhatThereIsAndFreesTheConversation(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	s.Model.Script(partner.Step{Text: reply, BreakAfter: 3})
	a := l.Do(t, say(c, map[string]any{"content": "Hello", "stream": true}, nil)).Expect(t, http.StatusOK, nil)
	all := events(t, a.Body)
	last := all[len(all)-1]
	require.Equal(t, "message.failed", last.Name)
	message := member(t, last, "message").(map[string]any)
	require.Equal(t, "failed", message["status"])
	require.Equal(t, "error", message["finish_reason"])
	require.Equal(t, "model.interrupted", member(t, last, "problem").(map[string]any)["code"])
	text, final := transcript(t, all)
	require.NotEmpty(t, text)
	require.Equal(t, text, final)
	require.True(t, strings.HasPrefix(reply, text))
	l.Say(t, c, "Are you still there?")
}

func TestMessagesAreListedInBothOrders(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	for i := range 2 {
		l.Do(t, say(c, map[string]any{"content": fmt.Sprint("message ", i)}, map[string]string{"Prefer": "wait=10"})).Expect(t, http.StatusCreated, nil)
	}
	for order, want := range map[string][]int{"asc": {1, 2, 3, 4, 5}, "desc": {5, 4, 3, 2, 1}} {
		var got []int
		path := fmt.Sprintf("/conversations/%s/messages?limit=2&order=%s", c.ID, order)
		for next := path; next != ""; {
			var page apiv2.MessagePage
			l.Get(t, "%s", next).Expect(t, http.StatusOK, &page)
			for _, m := range page.Data {
				got = append(got, m.Seq)
			}
			next = ""
			if !page.NextCursor.IsNull() {
				next = path + "&cursor=" + url.QueryEscape(page.NextCursor.MustGet())
			}
		}
		require.Equal(t, want, got, order)
	}
}

func TestOnlyThePartnersMessagesHaveEvents(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	var sent apiv2.CreateMessageResult
	l.Do(t, say(c, map[string]any{"content": "Hello"}, map[string]string{"Prefer": "wait=10"})).Expect(t, http.StatusCreated, &sent)
	events := func(id any, cursor string) apitest.Answer {
		return l.Do(t, apitest.Call{Method: http.MethodGet, Path: fmt.Sprintf("/conversations/%s/messages/%s/events", c.ID, id),
			Header: map[string]string{"Last-Event-ID": cursor}})
	}
	events(sent.Message.ID, "").Refused(t, http.StatusConflict, "message.not_a_reply")
	events(sent.Reply.ID, "nonsense").Refused(t, http.StatusBadRequest, "cursor.invalid")

	var page apiv2.MessagePage
	l.Get(t, "/conversations/%s/messages?limit=1", c.ID).Expect(t, http.StatusOK, &page)
	greeting := events(page.Data[0].ID, "").Expect(t, http.StatusOK, nil)
	cursor := strings.TrimPrefix(strings.Split(string(greeting.Body), "\nid: ")[1], "")
	cursor, _, _ = strings.Cut(cursor, "\n")
	events(page.Data[0].ID, cursor).Expect(t, http.StatusNoContent, nil)
	events(sent.Reply.ID, cursor).Refused(t, http.StatusBadRequest, "cursor.invalid")
}

func TestADrainingNodeSendsReadersElsewhere(t *testing.T) {
	t.Parallel()
	one := apitest.New(t)
	two := apitest.New(t, apitest.Beside(one))
	l := one.SignUp(t)
	c := l.Talk(t)
	gate := make(chan struct{})
	one.Model.Script(partner.Step{Text: reply, Gate: gate})
	response := l.Open(t.Context(), t, say(c, map[string]any{"content": "Hello", "stream": true}, nil))
	defer func() { _ = response.Body.Close() }()
	stream := liveEvents(t, response)
	for range 2 {
		_, err := stream.Next()
		require.NoError(t, err)
	}
	one.App.Drain()
	e, err := stream.Next()
	require.NoError(t, err)
	require.Equal(t, "stream.closing", e.Name)
	require.Equal(t, "draining", member(t, e, "reason"))
	require.NotContains(t, string(e.Data), `"id"`)
	one.Nobody().Get(t, "/readyz").Expect(t, http.StatusServiceUnavailable, nil)
	close(gate)
	rest := l.On(two).Do(t, apitest.Call{Method: http.MethodGet, Path: response.Header.Get("Location") + "/events",
		Header: map[string]string{"Last-Event-ID": stream.LastID()}}).Expect(t, http.StatusOK, nil)
	text, _ := transcript(t, events(t, rest.Body))
	require.Equal(t, reply, text)
}

func TestAStreamEndsBeforeItsTokenDoes(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	gate := make(chan struct{})
	defer close(gate)
	s.Model.Script(partner.Step{Text: reply, Gate: gate})
	s.Clock.Advance(15*time.Minute - 2*time.Second)
	response := l.Open(t.Context(), t, say(c, map[string]any{"content": "Hello", "stream": true}, nil))
	defer func() { _ = response.Body.Close() }()
	stream := liveEvents(t, response)
	for {
		e, err := stream.Next()
		require.NoError(t, err)
		if e.Name == "stream.closing" {
			require.Equal(t, "token_expiring", member(t, e, "reason"))
			return
		}
	}
}
