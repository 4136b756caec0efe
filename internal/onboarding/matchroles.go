package onboarding

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// MatchRolesInput is a job in the learner's own words.
type MatchRolesInput struct {
	UserID      uuid.UUID
	Language    string // of the texts and reasons: a served tag
	Title       string // 2-200 characters after trim
	Description string // 10-1,000 characters after trim
}

// MatchRoles finds the roles of the learner's industry that fit a job, and keeps
// what was written. The search is made before the transaction: it may wait for the
// model. Faults: request.invalid, onboarding.industry_required, server.unavailable,
// and those of the search.
func (s *Service) MatchRoles(ctx context.Context, in MatchRolesInput) (Matches, error) {
	job, err := words(in.Title, in.Description, "")
	if err != nil {
		return Matches{}, err
	}
	seen, err := s.store.onboarding(ctx, in.UserID)
	if err != nil {
		return Matches{}, err
	}
	if seen.IndustryID == nil {
		return Matches{}, errIndustryRequired
	}
	found, err := s.roles.Match(ctx, MatchInput{
		UserID: in.UserID, IndustryID: *seen.IndustryID, Title: job.Title, Description: job.Description, Language: in.Language,
	})
	if err != nil {
		return Matches{}, err
	}
	_, err = s.change(ctx, change{user: in.UserID, language: in.Language,
		apply: func(_ postgres.Tx, o *Onboarding, at time.Time) ([]outbox.Data, error) {
			if o.IndustryID == nil { // reset meanwhile; another industry does no harm to the words
				return nil, errIndustryRequired
			}
			o.RoleInput = &job
			return o.did(StepRoleInput, at, performed(o.UserID, *seen.IndustryID, found)), nil
		}})
	if err != nil {
		return Matches{}, err
	}
	return found, nil
}

// performed tells of a search, without what was written.
func performed(user uuid.UUID, industry string, found Matches) events.OnboardingRoleMatchPerformed {
	ids := make([]uuid.UUID, 0, len(found.Matches))
	for _, m := range found.Matches {
		ids = append(ids, m.Role.ID)
	}
	return events.OnboardingRoleMatchPerformed{
		UserID: user, IndustryID: industry, RoleIds: ids, Degraded: found.Degraded,
		RecommendedAction: events.OnboardingRoleMatchPerformedRecommendedAction(found.Action),
	}
}
