package onboarding

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

var (
	errUnknownIndustry = fault.New(fault.Unprocessable, "onboarding.unknown_industry", "There is no such industry.").
				WithFields(fault.Field{Pointer: "/industry_id", Code: "unknown", Detail: "must be an id of listIndustries"})
	errIndustryRequired = fault.New(fault.Conflict, "onboarding.industry_required", "The industry must be chosen first.")
)

// SetIndustryInput is a learner's choice.
type SetIndustryInput struct {
	UserID     uuid.UUID
	Language   string // of the texts in the answer: a served tag
	IndustryID string // of listIndustries
	Matches    func(Onboarding) error
}

// SetIndustry says in which industry the learner works. A role of the catalogue
// chosen in another industry is taken back; the learner's own text stays. Faults:
// onboarding.unknown_industry, server.unavailable, and what Matches gives.
func (s *Service) SetIndustry(ctx context.Context, in SetIndustryInput) (Onboarding, error) {
	id, ok := s.choices.Industry(in.IndustryID)
	if !ok {
		return Onboarding{}, errUnknownIndustry
	}
	return s.change(ctx, change{user: in.UserID, language: in.Language, matches: in.Matches,
		apply: func(_ postgres.Tx, o *Onboarding, at time.Time) ([]outbox.Data, error) {
			o.IndustryID = &id
			cleared := o.Role != nil && !o.Role.Custom && o.Role.IndustryID != id
			if cleared {
				o.Role = nil
			}
			return o.did(StepIndustrySelection, at,
				events.OnboardingIndustrySelected{UserID: o.UserID, IndustryID: id, RoleCleared: cleared}), nil
		}})
}
