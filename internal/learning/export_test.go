package learning

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// CallsEndAfter bounds each call of the model.
func (s *Service) CallsEndAfter(d time.Duration) { s.patience = d }

// ReadAnswer gives the plan that an answer of the model makes, or what is wrong with it.
func ReadAnswer(text string, p Profile) (Plan, []string) {
	c, wrong := read(llm.Reply{Text: text, FinishReason: "stop"}, checked(p))
	if len(wrong) > 0 {
		return Plan{}, wrong
	}
	c.rank(p)
	return Plan{Language: p.Language}.with(c), nil
}

// ByRules gives the plan made without a model.
func ByRules(p Profile) Plan {
	c := byRules(p)
	c.rank(p)
	return Plan{Language: p.Language}.with(c)
}

// Violations are the rules that a plan breaks.
func Violations(plan Plan, p Profile) []string {
	c := plan.content()
	return c.check(p)
}

// ReadRemarks gives the feedback that an answer of the model makes of lines, or what is
// wrong with it.
func ReadRemarks(text, language string, lines []Line) (Feedback, []string) {
	m := materialOf(Background{Language: language}, heardOf(lines))
	r, wrong := read(llm.Reply{Text: text, FinishReason: "stop"}, m.checked)
	if len(wrong) > 0 {
		return Feedback{}, wrong
	}
	return r.with(Feedback{Language: m.Language}, m.Lines), nil
}

// FeedbackByRules gives the feedback made without a model, and the rules that it breaks.
func FeedbackByRules(b Background, lines []Line) (Feedback, []string) {
	h := heardOf(lines)
	m := materialOf(b, h)
	r := m.byRules(h.counts)
	again, _ := json.Marshal(r)
	wrong := m.checked(&r)
	if tidy, _ := json.Marshal(r); string(tidy) != string(again) {
		wrong.add("the remarks are not tidy")
	}
	return r.with(Feedback{Source: SourceRules, Language: m.Language, Counts: h.counts, Engagement: h.counts.engagement()}, m.Lines), wrong
}

func heardOf(lines []Line) heard {
	h, clock := heard{}, stopwatch{}
	for _, l := range lines {
		clock.take(l.BeganAt, l.EndedAt)
		h.counts.add(l.Learner, fold(l.Text))
		h.keep(l, fold(l.Text))
	}
	h.counts.Seconds = clock.seconds()
	return h
}

// EngagementOf is the score of what was counted.
func EngagementOf(c Counts) int { return c.engagement() }

// Words and Questions count in one text; Fold writes it as it is quoted.
func Words(text string) int     { return words(text) }
func Questions(text string) int { return questions(text) }
func Fold(text string) string   { return fold(text) }

// Begin runs the job that begins feedback.
func (s *Service) Begin(ctx context.Context, args any) error {
	return s.beginFeedback(ctx, job.Run{}, args.(feedbackArgs))
}

// BeginArgs are those of that job.
func BeginArgs(event, user, conversation uuid.UUID, version int64) any {
	return feedbackArgs{Format: 1, EventID: event, UserID: user, ConversationID: conversation, Version: version}
}
