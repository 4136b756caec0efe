// Package learning writes a learner's plan: what to practise, in which order and
// on which days, made from what was chosen in the onboarding; and feedback on each
// finished conversation: what was counted, scores, what was good, and what to do
// better. It promises that a plan keeps the rules of check.go whoever wrote it, and
// feedback those of feedback_check.go; that a plan's conversations are ranked by the
// learner's own priorities; that every quote of feedback is the learner's own words,
// with the message that they are from; that a learner who asks gets both also while
// the model is down (made by rules and marked so); and that a task which runs again
// writes nothing twice.
//
// Its limits: one plan a learner and one feedback a conversation, the newest; both are
// written in English, Simplified or Traditional Chinese, and in English for everyone
// else; whether a model keeps to Simplified or Traditional characters, and whether
// what it says is wise, is not checked; of a long conversation all is counted, and the
// newest part alone is judged.
package learning

import (
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// PlanKind is the kind of the task that writes a plan.
const PlanKind = "learning_plan"

// PlanInput is the input of the task; nodes of neighbouring releases read it.
type PlanInput struct {
	Format int       `json:"v"` // 1
	UserID uuid.UUID `json:"user_id"`
}

// Written is the task's result.
type Written struct {
	PlanID uuid.UUID `json:"learning_plan_id"`
	Source string    `json:"source"`
}

// Who wrote a plan or feedback.
const (
	SourceModel = "model"
	SourceRules = "rules" // the model could not be had or paid for, or broke the rules twice
)

// Plan is what a learner is recommended to do. Its JSON is that of the contract.
type Plan struct {
	ID             uuid.UUID      `json:"id"`
	UserID         uuid.UUID      `json:"-"`
	Source         string         `json:"source"`
	Language       string         `json:"language"` // en, zh-Hans or zh-Hant
	Summary        string         `json:"summary"`
	Milestones     []Milestone    `json:"milestones"`      // 3
	WeeklySchedule []Day          `json:"weekly_schedule"` // 5 to 7 different ones
	Conversations  []Conversation `json:"conversations"`   // 5 to 10, by rank
	Resources      []Resource     `json:"resources"`       // 3 to 6
	CreatedAt      time.Time      `json:"created_at"`
}

// Milestone is one stage of a plan.
type Milestone struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Weeks       int    `json:"weeks"` // how long it takes, 1 to 12
}

// Day is what to do on one day of each week.
type Day struct {
	Day      string `json:"day"`     // monday to sunday
	Minutes  int    `json:"minutes"` // 20 to 30
	Activity string `json:"activity"`
}

// Conversation is one to have, and what for.
type Conversation struct {
	Rank        int    `json:"rank"` // 1 is the first to do
	PartnerID   string `json:"partner_id"`
	SituationID string `json:"situation_id"`
	Title       string `json:"title"` // of the names, in the plan's language
	Goal        string `json:"goal"`
}

// Resource is something to look for; it has no address, since a model invents them.
type Resource struct {
	Title       string `json:"title"`
	Kind        string `json:"kind"` // article, book, exercise, podcast or video
	Description string `json:"description"`
}

var (
	errNoPlan = fault.New(fault.NotFound, "resource.not_found", "There is no learning plan yet.")
	errNoUser = fault.New(fault.NotFound, "resource.not_found", "There is no such learner.")
)

// content is the part of a plan that is written: by the model as its answer, or
// by the rules. Stored plans are JSON of it, so that a member may be added and
// none renamed.
type content struct {
	Summary        string         `json:"summary"`
	Milestones     []Milestone    `json:"milestones"`
	WeeklySchedule []Day          `json:"weekly_schedule"`
	Conversations  []Conversation `json:"conversations"`
	Resources      []Resource     `json:"resources"`
}

// with puts what was written into a plan.
func (p Plan) with(c content) Plan {
	p.Summary, p.Milestones, p.WeeklySchedule = c.Summary, c.Milestones, c.WeeklySchedule
	p.Conversations, p.Resources = c.Conversations, c.Resources
	return p
}

// content is the part of the plan that was written.
func (p Plan) content() content {
	return content{p.Summary, p.Milestones, p.WeeklySchedule, p.Conversations, p.Resources}
}
