package learning

import (
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// FeedbackKind is the kind of the task that writes feedback on a conversation.
const FeedbackKind = "conversation_feedback"

// FeedbackInput is the input of the task; nodes of neighbouring releases read it.
type FeedbackInput struct {
	Format         int       `json:"v"` // 1
	UserID         uuid.UUID `json:"user_id"`
	ConversationID uuid.UUID `json:"conversation_id"`
}

// About tells the task of one conversation from those of the learner's others.
func (in FeedbackInput) About() map[string]uuid.UUID {
	return map[string]uuid.UUID{"conversation_id": in.ConversationID}
}

// FeedbackWritten is the task's result.
type FeedbackWritten struct {
	FeedbackID uuid.UUID `json:"feedback_id"`
	Source     string    `json:"source"`
}

// Criteria that a conversation is scored by. Overall stands first.
const (
	CriterionOverall     = "overall_proficiency"
	CriterionIndustry    = "industry_standard"
	CriterionRange       = "range_of_language"
	CriterionAccuracy    = "accuracy"
	CriterionDiscourse   = "discourse_management"
	CriterionInteractive = "interactive_communication"
)

var criteria = []string{CriterionOverall, CriterionIndustry, CriterionRange, CriterionAccuracy, CriterionDiscourse, CriterionInteractive}

// Feedback is what a learner hears about one finished conversation.
type Feedback struct {
	ID             uuid.UUID
	UserID         uuid.UUID
	ConversationID uuid.UUID
	Version        int64  // of the conversation that was looked at
	Source         string // SourceModel or SourceRules; Counts and Engagement are ours either way
	Language       string // en, zh-Hans or zh-Hant
	CreatedAt      time.Time

	Counts      Counts
	Engagement  int            // 0 to 100: see Counts.engagement
	Scores      map[string]int // 0 to 5 for each criterion
	Strengths   []Strength     // 1 to 4
	Suggestions []Suggestion   // 1 to 5, the most important first
}

// Strength is something that was good.
type Strength struct {
	Text  string `json:"text"`
	Quote *Quote `json:"quote,omitempty"` // nil: it is about the whole
}

// Suggestion is something to do better, shown by words of the learner's.
type Suggestion struct {
	Criterion string `json:"criterion"`
	Text      string `json:"text"`
	Quote     Quote  `json:"quote"`
	Improved  string `json:"improved,omitempty"` // the quoted words put better; empty: it is not about their form
}

// Quote is the learner's own words and where they stand.
type Quote struct {
	Text      string    `json:"text"` // a part of the message, as fold writes it
	MessageID uuid.UUID `json:"message_id"`
}

// feedbackBody is what is stored of feedback as JSON: a member may be added and none
// renamed.
type feedbackBody struct {
	Counts      Counts         `json:"counts"`
	Engagement  int            `json:"engagement_score"`
	Scores      map[string]int `json:"scores"`
	Strengths   []Strength     `json:"strengths"`
	Suggestions []Suggestion   `json:"suggestions"`
}

func (f Feedback) body() feedbackBody {
	return feedbackBody{f.Counts, f.Engagement, f.Scores, f.Strengths, f.Suggestions}
}

func (f Feedback) with(b feedbackBody) Feedback {
	f.Counts, f.Engagement, f.Scores, f.Strengths, f.Suggestions = b.Counts, b.Engagement, b.Scores, b.Strengths, b.Suggestions
	return f
}

var (
	errNoFeedback  = fault.New(fault.NotFound, "resource.not_found", "There is no feedback on this conversation yet.")
	errNotFinished = fault.New(fault.Conflict, "feedback.conversation_not_finished", "Feedback is given on a conversation that is completed or archived.")
	errNothingSaid = fault.New(fault.Conflict, "feedback.nothing_said", "The learner said nothing in this conversation.")
)
