package v2_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// tell says something and waits for the reply.
func tell(t *testing.T, l *apitest.Learner, conversation uuid.UUID, content string) apitest.Answer {
	t.Helper()
	return l.Do(t, apitest.Call{
		Method: http.MethodPost, Path: "/conversations/" + conversation.String() + "/messages", Body: object{"content": content},
		Header: map[string]string{"Prefer": "wait=30"},
	}).Expect(t, http.StatusCreated, nil)
}

// become gives a conversation another status.
func become(t *testing.T, l *apitest.Learner, conversation uuid.UUID, status string) {
	t.Helper()
	l.Do(t, apitest.Call{
		Method: http.MethodPatch, Path: "/conversations/" + conversation.String(), Body: object{"status": status},
		Header: map[string]string{"Content-Type": "application/merge-patch+json"},
	}).Expect(t, http.StatusOK, nil)
}

// finish has a conversation in which these things are said, and completes it.
func finish(t *testing.T, l *apitest.Learner, contents ...string) uuid.UUID {
	t.Helper()
	id := l.Talk(t).ID
	for _, content := range contents {
		tell(t, l, id, content)
	}
	become(t, l, id, "completed")
	return id
}

// awaitFeedback waits for the feedback that begins by itself.
func awaitFeedback(t *testing.T, l *apitest.Learner, conversation uuid.UUID) (f apiv2.ConversationFeedback) {
	t.Helper()
	require.Eventually(t, func() bool {
		return l.Get(t, "/conversations/%s/feedback", conversation).Status == http.StatusOK
	}, apitest.Patience, poll)
	l.Get(t, "/conversations/%s/feedback", conversation).Expect(t, http.StatusOK, &f)
	feedbackTasks(t, l, 0) // so that its task is over too
	return f
}

// feedbackTasks gives the learner's tasks of the kind, when all but open are over.
func feedbackTasks(t *testing.T, l *apitest.Learner, open int) []apiv2.Task {
	t.Helper()
	var page apiv2.TaskPage
	require.Eventually(t, func() bool {
		l.Get(t, "/tasks?kind=conversation_feedback").Expect(t, http.StatusOK, &page)
		n := 0
		for _, one := range page.Data {
			if one.Status == apiv2.TaskStatusQueued || one.Status == apiv2.TaskStatusRunning {
				n++
			}
		}
		return n == open
	}, apitest.Patience, poll)
	return page.Data
}

// writeFeedback asks for new feedback; header holds names and values in turn.
func writeFeedback(t *testing.T, l *apitest.Learner, conversation uuid.UUID, header ...string) apitest.Answer {
	t.Helper()
	call := apitest.Call{Method: http.MethodPost, Path: "/conversations/" + conversation.String() + "/feedback", Header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		call.Header[header[i]] = header[i+1]
	}
	return l.Do(t, call)
}

func TestFeedbackComesByItselfAndAnewOnRequest(t *testing.T) {
	t.Parallel()
	l := apitest.New(t).SignUp(t)
	chose(t, l, "native-language", object{"native_language": "chinese_simplified"}) // and nothing else: that is enough
	id := finish(t, l, "good morning, could you lower the rates?", "Our customers have fixed prices until summer.")
	first := awaitFeedback(t, l, id)
	require.Equal(t, apiv2.ConversationFeedbackSource("model"), first.Source)
	require.Equal(t, "zh-Hans", first.Language)
	require.EqualValues(t, id, first.ConversationID)
	require.Equal(t, 2, first.Counts.LearnerMessages)
	require.Equal(t, 3, first.Counts.PartnerMessages)
	require.Equal(t, 14, first.Counts.LearnerWords)
	require.Equal(t, 1, first.Counts.QuestionsAsked)
	require.Positive(t, first.EngagementScore)

	var said apiv2.MessagePage
	l.Get(t, "/conversations/%s/messages", id).Expect(t, http.StatusOK, &said)
	for _, one := range first.Suggestions {
		found := false
		for _, m := range said.Data {
			found = found || m.ID == one.Quote.MessageID && m.Role == "user" && strings.Contains(m.Content, one.Quote.Text)
		}
		require.True(t, found, "%q is the learner's", one.Quote.Text)
	}
	require.Equal(t, "good morning, could you lower the rates", first.Suggestions[0].Quote.Text)

	a := l.Get(t, "/conversations/%s/feedback", id)
	cached := apitest.Call{Method: http.MethodGet, Path: "/conversations/" + id.String() + "/feedback", Header: map[string]string{"If-None-Match": a.Header.Get("ETag")}}
	require.Equal(t, http.StatusNotModified, l.Do(t, cached).Status)
	become(t, l, id, "archived")
	var task apiv2.Task
	a = writeFeedback(t, l, id, "Prefer", "wait=30").Expect(t, http.StatusOK, &task)
	require.Equal(t, "wait=30", a.Header.Get("Preference-Applied"))
	require.EqualValues(t, 4, task.Progress.Done)
	var second apiv2.ConversationFeedback
	l.Do(t, cached).Expect(t, http.StatusOK, &second)
	require.NotEqual(t, first.ID, second.ID)
	require.Contains(t, string(l.Get(t, "/tasks/%s", task.ID).Body), second.ID.String())
	require.Len(t, feedbackTasks(t, l, 0), 2, "archiving begins none")
}

func TestFeedbackKnowsWhatItsLearnerDoes(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	onboard(t, l)
	awaitFeedback(t, l, finish(t, l, "Could we talk?"))
	all := s.Model.Requests()
	asked := string(all[len(all)-1].Body)
	for _, known := range []string{"conversation_feedback", "Keeper of " + l.User.ID.String(), "Real Estate", "Suppliers", "Negotiations", "Could we talk?"} {
		require.Contains(t, asked, known)
	}
	require.NotContains(t, asked, string(l.User.Email))
}

func TestFeedbackIsRefusedWhereThereIsNothingToHear(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	id := l.Talk(t).ID
	tell(t, l, id, "Good morning.")
	writeFeedback(t, l, id).Refused(t, http.StatusConflict, "feedback.conversation_not_finished")
	l.Get(t, "/conversations/%s/feedback", id).Refused(t, http.StatusNotFound, "resource.not_found")
	writeFeedback(t, s.SignUp(t), id).Refused(t, http.StatusNotFound, "resource.not_found")
	silent := finish(t, l)
	writeFeedback(t, l, silent, "Idempotency-Key", "k").Refused(t, http.StatusConflict, "feedback.nothing_said")
	become(t, l, id, "completed")
	awaitFeedback(t, l, id)
	require.Len(t, feedbackTasks(t, l, 0), 1, "none of the conversation in which nothing was said")
	writeFeedback(t, l, id, "Idempotency-Key", "k", "Prefer", "wait=30").Expect(t, http.StatusOK, nil)
	writeFeedback(t, l, silent, "Idempotency-Key", "k").Refused(t, http.StatusUnprocessableEntity, "idempotency.key_reused")
}

func TestOneFeedbackIsWrittenAtATimeOfEachConversation(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	one, other := finish(t, l, "Could we talk?"), finish(t, l, "We must talk.")
	awaitFeedback(t, l, one)
	before := awaitFeedback(t, l, other)
	gate := make(chan struct{})
	s.Model.Script(partner.Step{Gate: gate}, partner.Step{Gate: gate})
	key := uuid.NewString()
	var first, second, again apiv2.Task
	a := writeFeedback(t, l, one, "Idempotency-Key", key).Expect(t, http.StatusAccepted, &first)
	require.Equal(t, "/api/v2/tasks/"+first.ID.String(), a.Header.Get("Location"))
	writeFeedback(t, l, other).Expect(t, http.StatusAccepted, &second)
	require.NotEqual(t, first.ID, second.ID, "another conversation has its own")
	for conversation, want := range map[uuid.UUID]apiv2.Task{one: first, other: second} {
		writeFeedback(t, l, conversation).Expect(t, http.StatusAccepted, &again)
		require.Equal(t, want.ID, again.ID)
	}
	feedbackTasks(t, l, 2)
	var still apiv2.ConversationFeedback
	l.Get(t, "/conversations/%s/feedback", other).Expect(t, http.StatusOK, &still)
	require.Equal(t, before, still, "the one before stays until then")
	close(gate)
	feedbackTasks(t, l, 0)
	a = writeFeedback(t, l, one, "Idempotency-Key", key).Expect(t, http.StatusAccepted, &again)
	require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"))
	require.Equal(t, first.ID, again.ID)
}

func TestWhileTheModelInventsQuotesFeedbackIsMadeByRules(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	id := finish(t, l, "i want a lower rate")
	awaitFeedback(t, l, id)
	invented := `{"scores":{"overall_proficiency":5,"industry_standard":5,"range_of_language":5,"accuracy":5,"discourse_management":5,"interactive_communication":5},` +
		`"strengths":[{"text":"Perfect.","quote":""}],"suggestions":[{"criterion":"accuracy","text":"Well.","quote":"I want a lower rate","improved":""}]}`
	s.Model.Script(partner.Step{Text: invented}, partner.Step{Text: invented})
	asked := len(s.Model.Requests())
	writeFeedback(t, l, id, "Prefer", "wait=30").Expect(t, http.StatusOK, nil)
	require.Len(t, s.Model.Requests(), asked+2, "one repair and no more")
	var f apiv2.ConversationFeedback
	l.Get(t, "/conversations/%s/feedback", id).Expect(t, http.StatusOK, &f)
	require.Equal(t, apiv2.ConversationFeedbackSource("rules"), f.Source, "and it says so")
	require.Equal(t, "i want a lower rate", f.Suggestions[0].Quote.Text)
	require.Equal(t, "I want a lower rate", *f.Suggestions[0].Improved)
	require.NotContains(t, s.Logs.String(), "lower rate")
}

func TestTheEventOfACompletedConversationStartsOneTaskHoweverOftenItIsHandled(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	id := finish(t, l, "Could we talk?")
	awaitFeedback(t, l, id)
	pool := s.Pool(t)
	_, err := pool.Exec(t.Context(), "delete from conversation_feedback") // so that nothing but the event's id is known of it
	require.NoError(t, err)
	s.Admin(t).Do(t, apitest.Call{
		Method: http.MethodPost, Path: "/admin/event-replays", Header: map[string]string{"Prefer": "wait=30"}, Body: object{
			"group": "learning", "from": time.Now().Add(-time.Hour), "to": time.Now().Add(time.Hour), "types": []string{"conversation.completed"}, "again": true,
		},
	}).Expect(t, http.StatusOK, nil)
	require.Eventually(t, func() bool {
		var begun int
		require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from river_job where kind = 'learning.begin_feedback' and state = 'completed'").Scan(&begun))
		return begun == 2
	}, apitest.Patience, poll)
	require.Len(t, feedbackTasks(t, l, 0), 1)
	l.Get(t, "/conversations/%s/feedback", id).Refused(t, http.StatusNotFound, "resource.not_found")
}

func TestADeletedConversationTakesItsFeedbackAlong(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	id := finish(t, l, "Could we talk?")
	awaitFeedback(t, l, id)
	gate := make(chan struct{})
	s.Model.Script(partner.Step{Gate: gate})
	var task apiv2.Task
	writeFeedback(t, l, id).Expect(t, http.StatusAccepted, &task)
	l.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/conversations/" + id.String()}).Expect(t, http.StatusNoContent, nil)
	close(gate)
	l.Get(t, "/tasks/%s/events", task.ID).Expect(t, http.StatusOK, nil) // to its end
	l.Get(t, "/tasks/%s", task.ID).Expect(t, http.StatusOK, &task)
	require.Equal(t, apiv2.TaskStatusCompleted, task.Status)
	require.Nil(t, task.Result)
	l.Get(t, "/conversations/%s/feedback", id).Refused(t, http.StatusNotFound, "resource.not_found")
	var left int
	require.NoError(t, s.Pool(t).QueryRow(t.Context(), "select count(*) from conversation_feedback").Scan(&left))
	require.Zero(t, left)
}

// heardAsTheExample is a learner with feedback on a conversation, as the example says.
func heardAsTheExample(t *testing.T, s *apitest.Server) stage {
	example := apitest.Contract().Paths.Find("/conversations/{conversation_id}/feedback").Get.Responses.Value("200").Value.Content["application/json"].Example.(map[string]any)
	text, err := json.Marshal(feedbackAnswer(example))
	require.NoError(t, err)
	st := talkAsTheExample(t, s)
	path := "/conversations/" + st.path["conversation_id"]
	var sent apiv2.CreateMessageResult
	st.asks.Do(t, apitest.Call{
		Method: http.MethodPost, Path: path + "/messages", Body: map[string]any{"content": "good morning, could we talk about the rates for the second quarter?"},
		Header: map[string]string{"Prefer": "wait=30"},
	}).Expect(t, http.StatusCreated, &sent)
	for seq, at := range []string{"09:00:00", "09:01:30", "09:01:35"} {
		_, err := s.Pool(t).Exec(t.Context(), "update messages set created_at = $1::timestamptz, completed_at = $1::timestamptz where conversation_id = $2 and seq = $3",
			"2026-11-02T"+at+"Z", sent.Message.ConversationID, seq+1)
		require.NoError(t, err)
	}
	s.Model.Script(partner.Step{Text: string(text)})
	become(t, st.asks, sent.Message.ConversationID, "completed")
	awaitFeedback(t, st.asks, sent.Message.ConversationID)
	return st
}

// feedbackAnswer is what the model says, of feedback as the contract shows it.
func feedbackAnswer(feedback map[string]any) map[string]any {
	quoted := func(one any) map[string]any {
		out := map[string]any{"quote": "", "improved": ""}
		for name, value := range one.(map[string]any) {
			if out[name] = value; name == "quote" {
				out[name] = value.(map[string]any)["text"]
			}
		}
		return out
	}
	var strengths, suggestions []map[string]any
	for _, one := range feedback["strengths"].([]any) {
		strength := quoted(one)
		delete(strength, "improved")
		strengths = append(strengths, strength)
	}
	for _, one := range feedback["suggestions"].([]any) {
		suggestions = append(suggestions, quoted(one))
	}
	return map[string]any{"scores": feedback["scores"], "strengths": strengths, "suggestions": suggestions}
}
