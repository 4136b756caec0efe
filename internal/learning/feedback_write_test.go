package learning_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

func TestFeedbackIsTheModelsButForWhatIsCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.hold(aTalk())
	b.model.Script(partner.Step{Text: remarks()})
	got := b.feedback(id)
	require.Equal(t, learning.Feedback{
		ID: got.ID, UserID: mei, ConversationID: id, Version: 7, Source: learning.SourceModel, Language: "en", CreatedAt: now.Truncate(time.Microsecond),
		Counts: learning.Counts{LearnerMessages: 3, PartnerMessages: 3, LearnerWords: 32, PartnerWords: 22, Questions: 1, Seconds: 151}, Engagement: 12 + 21 + 5 + 10,
		Scores: map[string]int{
			"overall_proficiency": 3, "industry_standard": 4, "range_of_language": 2, "accuracy": 3, "discourse_management": 5, "interactive_communication": 0,
		},
		Strengths: []learning.Strength{
			{Text: "You gave a reason (理由).", Quote: &learning.Quote{Text: "because they have fixed prices", MessageID: messageID(4)}},
			{Text: "You stayed polite (礼貌)."},
		},
		Suggestions: []learning.Suggestion{
			{Criterion: "accuracy", Text: "Begin with a capital letter (大写).", Quote: learning.Quote{Text: "good morning", MessageID: messageID(2)}, Improved: "Good morning"},
			{Criterion: "discourse_management", Text: "Say more (多说).", Quote: learning.Quote{Text: "Yes, please.", MessageID: messageID(6)}},
		},
	}, got)
	require.Empty(t, b.logs.String())
}

func TestAnInventedQuoteIsAskedForAgainAndThenLeftToRules(t *testing.T) {
	t.Parallel()
	invented := remarks(set("Please reduce the surcharge.", "suggestions", 0, "quote"))
	for name, c := range map[string]struct {
		second string
		source string
	}{"put right": {remarks(), learning.SourceModel}, "invented again": {invented, learning.SourceRules}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			id := b.hold(aTalk())
			b.model.Script(partner.Step{Text: invented}, partner.Step{Text: c.second}, partner.Step{Text: remarks()})
			f := b.feedback(id)
			require.Equal(t, c.source, f.Source)
			require.Len(t, b.model.Requests(), 2, "one repair and no more")
			second, _ := b.asked(1)
			require.Contains(t, second.Messages[3].Content, "suggestions[0].quote: must be copied word for word from one line of the learner")
			require.Contains(t, second.Messages[3].Content, "Give the whole feedback again")
			requireOwnWords(t, aTalk(), f)
			require.NotContains(t, b.logs.String(), "reduce", "what the model said is not logged")
		})
	}
}

// requireOwnWords checks that each quote is of the message that it names, and the learner's.
func requireOwnWords(t *testing.T, lines []learning.Line, f learning.Feedback) {
	t.Helper()
	quotes := []learning.Quote{}
	for _, s := range f.Strengths {
		if s.Quote != nil {
			quotes = append(quotes, *s.Quote)
		}
	}
	for _, s := range f.Suggestions {
		quotes = append(quotes, s.Quote)
	}
	for _, q := range quotes {
		found := false
		for _, l := range lines {
			if l.MessageID == q.MessageID {
				require.True(t, l.Learner, q.Text)
				require.Contains(t, learning.Fold(l.Text), q.Text)
				found = true
			}
		}
		require.True(t, found, q.Text)
		require.NotEmpty(t, q.Text)
		require.LessOrEqual(t, len([]rune(q.Text)), 300)
	}
}

func TestAModelThatCannotBeHadLeavesFeedbackToRules(t *testing.T) {
	t.Parallel()
	bad := remarks(set("A private text.", "suggestions"))
	for name, c := range map[string]struct {
		steps []partner.Step
		asked int
		log   string
	}{
		"two bad answers": {[]partner.Step{{Text: bad}, {Text: bad}}, 2, "suggestions: has the wrong type"},
		"bad, then down":  {[]partner.Step{{Text: bad}, {Status: http.StatusInternalServerError}}, 2, llm.CodeUnavailable},
		"down":            {[]partner.Step{{Status: http.StatusInternalServerError}}, 1, llm.CodeUnavailable},
		"filtered":        {[]partner.Step{{Text: bad, FinishReason: "content_filter"}}, 1, "filtered"},
		"silent":          {[]partner.Step{{SilentAfter: -1}}, 1, "did not answer in the time of one call"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if name == "silent" {
				b.CallsEndAfter(300 * time.Millisecond)
			}
			id := b.hold(aTalk())
			b.model.Script(c.steps...)
			f := b.feedback(id)
			require.Equal(t, learning.SourceRules, f.Source)
			require.Len(t, b.model.Requests(), c.asked)
			want, wrong := learning.FeedbackByRules(learning.Background{Language: "en", Industry: clerk("en").Industry.Name, Role: clerk("en").Role}, aTalk())
			require.Empty(t, wrong)
			require.Equal(t, want.Suggestions, f.Suggestions)
			require.Equal(t, want.Scores, f.Scores)
			require.Equal(t, want.Engagement, f.Engagement)
			logged := b.logs.String()
			require.Equal(t, 1, strings.Count(logged, "level=WARN"), logged)
			require.Contains(t, logged, c.log)
			for _, private := range []string{"private", "surcharge", "Freight"} {
				require.NotContains(t, logged, private)
			}
		})
	}
}

func TestFeedbackIsWrittenInTheLearnersLanguage(t *testing.T) {
	t.Parallel()
	english := remarks(set("Say more.", "suggestions", 1, "text"))
	for given, want := range map[string]string{"zh-Hans": "zh-Hans", "zh-Hant": "zh-Hant", "en": "en", "es": "en", "": "en"} {
		b := setup(t)
		b.profile[mei] = clerk(given)
		b.model.Script(partner.Step{Text: english}, partner.Step{Text: english})
		f := b.feedback(b.hold(aTalk()))
		require.Equal(t, want, f.Language)
		require.Equal(t, want == "en", f.Source == learning.SourceModel, "English twice is no Chinese feedback")
	}
	b := setup(t)
	delete(b.profile, mei)
	b.model.Script(partner.Step{Text: remarks()})
	require.Equal(t, learning.SourceModel, b.feedback(b.hold(aTalk())).Source, "who has chosen nothing gets feedback too")
}

func TestNewFeedbackReplacesTheOldAtItsEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.hold(aTalk())
	b.model.Script(partner.Step{Text: remarks()}, partner.Step{Text: remarks(set(1, "scores", "accuracy"))})
	first := b.feedback(id)
	during := learning.Feedback{}
	slow := b.service(interrupting{b.client, func() {
		var err error
		during, err = b.Feedback(t.Context(), mei, id)
		require.NoError(t, err)
	}})
	task := uuid.New()
	written, err := slow.WriteFeedback(t.Context(), &steps{}, task, feedbackOn(id))
	require.NoError(t, err)
	require.Equal(t, first, during, "the old one stays until then")
	second, err := b.Feedback(t.Context(), mei, id)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, second.ID)
	require.Equal(t, 1, second.Scores["accuracy"])

	again, err := b.WriteFeedback(t.Context(), &steps{}, task, feedbackOn(id))
	require.NoError(t, err)
	require.Equal(t, written, again, "a run that comes again")
	require.Len(t, b.model.Requests(), 2, "asks no model again")
}

func TestOfTwoRunsOfAFeedbackTaskTheFirstToStoreWins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, task := b.hold(aTalk()), uuid.New()
	b.model.Script(partner.Step{Status: http.StatusInternalServerError}, partner.Step{Text: remarks()})
	var first *learning.FeedbackWritten
	slow := b.service(interrupting{b.client, func() {
		var err error
		first, err = b.WriteFeedback(t.Context(), &steps{}, task, feedbackOn(id))
		require.NoError(t, err)
	}})
	second, err := slow.WriteFeedback(t.Context(), &steps{}, task, feedbackOn(id))
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Equal(t, learning.SourceRules, second.Source)
}

func TestFeedbackOnADeletedConversationEndsWellAndStoresNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.hold(aTalk())
	b.model.Script(partner.Step{Text: remarks()})
	slow := b.service(interrupting{b.client, func() {
		_, err := b.pool.Exec(t.Context(), "delete from conversations where id = $1", id)
		require.NoError(t, err)
	}})
	written, err := slow.WriteFeedback(t.Context(), &steps{}, uuid.New(), feedbackOn(id))
	require.NoError(t, err)
	require.Nil(t, written, "deleted while it ran")
	delete(b.talks, id)
	progress := &steps{}
	written, err = b.WriteFeedback(t.Context(), progress, uuid.New(), feedbackOn(id))
	require.NoError(t, err)
	require.Nil(t, written, "deleted before it ran")
	require.Equal(t, &steps{total: 4, done: 4}, progress)
	_, err = b.Feedback(t.Context(), mei, id)
	require.ErrorContains(t, err, errNoTalk.Message)
	require.Len(t, b.model.Requests(), 1)
}

func TestACancelledRunStoresNoFeedback(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.hold(aTalk())
	cancelled := errors.New("the learner cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	slow := b.service(interrupting{b.client, func() { cancel(cancelled) }})
	_, err := slow.WriteFeedback(ctx, &steps{}, uuid.New(), feedbackOn(id))
	require.ErrorIs(t, err, cancelled)
	_, err = b.Feedback(t.Context(), mei, id)
	require.ErrorContains(t, err, "no feedback on this conversation yet")
}

func TestFeedbackNeedsAFinishedConversationOfOnesOwnWithSomethingSaid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		talk *talk
		user uuid.UUID
		code string
	}{
		"good":         {&talk{learning.Talk{Finished: true}, aTalk()}, mei, ""},
		"not finished": {&talk{learning.Talk{}, aTalk()}, mei, "feedback.conversation_not_finished"},
		"nothing said": {&talk{learning.Talk{Finished: true}, said("Good morning.")}, mei, "feedback.nothing_said"},
		"blanks":       {&talk{learning.Talk{Finished: true}, said("Good morning.", " \n\t")}, mei, "feedback.nothing_said"},
		"another's":    {&talk{learning.Talk{Finished: true}, aTalk()}, uuid.New(), "resource.not_found"},
	} {
		id := uuid.New()
		b.talks[id] = c.talk
		err := b.FeedbackReady(t.Context(), c.user, id)
		if c.code == "" {
			require.NoError(t, err)
			continue
		}
		require.True(t, fault.Is(err, c.code), "%s: %v", name, err)
		written, err := b.WriteFeedback(t.Context(), &steps{}, uuid.New(), learning.FeedbackInput{Format: 1, UserID: c.user, ConversationID: id})
		if c.code == "resource.not_found" {
			require.NoError(t, err)
			require.Nil(t, written)
			continue
		}
		require.True(t, fault.Is(err, c.code), "%s: %v", name, err)
	}
	require.Empty(t, b.model.Requests())
}

func TestFeedbackIsExportedAndErased(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var want []learning.Feedback
	for range 3 {
		b.model.Script(partner.Step{Text: remarks()})
		want = append(want, b.feedback(b.hold(aTalk())))
	}
	first, err := b.ExportFeedback(t.Context(), mei, uuid.Nil, 2)
	require.NoError(t, err)
	require.Equal(t, want[:2], first)
	rest, err := b.ExportFeedback(t.Context(), mei, first[1].ConversationID, 2)
	require.NoError(t, err)
	require.Equal(t, want[2:], rest)
	none, err := b.ExportFeedback(t.Context(), uuid.New(), uuid.Nil, 2)
	require.NoError(t, err)
	require.Empty(t, none, "another's")
	_, err = b.Feedback(t.Context(), uuid.New(), want[0].ConversationID)
	require.ErrorContains(t, err, errNoTalk.Message, "another's")

	for _, n := range []int64{3, 0} {
		erased, err := b.EraseFeedback(t.Context(), mei)
		require.NoError(t, err)
		require.Equal(t, n, erased)
	}
	b.pool.Close()
	_, err = b.ExportFeedback(t.Context(), mei, uuid.Nil, 2)
	require.Error(t, err)
	_, err = b.EraseFeedback(t.Context(), mei)
	require.Error(t, err)
	_, err = b.WriteFeedback(t.Context(), &steps{}, uuid.New(), feedbackOn(want[0].ConversationID))
	require.Error(t, err)
	require.Len(t, b.model.Requests(), 3, "no model is paid for what cannot be stored")
}

func TestACompletedConversationBeginsItsFeedbackOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, event := b.hold(aTalk()), uuid.New()
	args := learning.BeginArgs(event, mei, id, 7)
	for range 2 {
		require.NoError(t, b.Begin(t.Context(), args))
	}
	require.Equal(t, map[uuid.UUID]learning.FeedbackInput{event: feedbackOn(id)}, b.begun.tasks, "under the id of the event")

	silent := b.hold(said("Good morning."))
	b.talks[silent].Finished = true
	active := b.hold(aTalk())
	b.talks[active].Finished = false
	done := b.hold(aTalk())
	b.model.Script(partner.Step{Text: remarks()})
	b.feedback(done)
	for name, one := range map[string]uuid.UUID{"nothing said": silent, "taken up again": active, "gone": uuid.New(), "there is feedback": done} {
		require.NoError(t, b.Begin(t.Context(), learning.BeginArgs(uuid.New(), mei, one, 7)), name)
	}
	require.Len(t, b.begun.tasks, 1)
	require.NoError(t, b.Begin(t.Context(), learning.BeginArgs(uuid.New(), mei, done, 9)))
	require.Len(t, b.begun.tasks, 2, "completed again, in a later version")
	b.pool.Close()
	require.Error(t, b.Begin(t.Context(), args))
}
