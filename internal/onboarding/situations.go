package onboarding

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

var (
	errNoPartner          = fault.New(fault.NotFound, "resource.not_found", "There is no such partner.")
	errPartnerNotSelected = fault.New(fault.Conflict, "onboarding.partner_not_selected", "The partner must be chosen first.")
	errSituationRequired  = fault.New(fault.Unprocessable, "onboarding.situation_required", "At least one situation must be chosen.").
				WithFields(fault.Field{Pointer: "/situation_ids", Code: "too_few", Detail: "must have at least 1 entry"})
	errInvalidSituations = fault.New(fault.Unprocessable, "onboarding.invalid_situations", "Some of the situations cannot be chosen.")
)

// SetPartnerSituationsInput is a learner's choice.
type SetPartnerSituationsInput struct {
	UserID       uuid.UUID
	Language     string   // of the texts in the answer: a served tag
	PartnerID    string   // one of those chosen
	SituationIDs []string // of listSituations, the most important first
	Matches      func(Onboarding) error
}

// SetPartnerSituations says in which situations the learner speaks with a partner,
// instead of those said before. Faults: resource.not_found for a partner that is not
// in the catalogue, onboarding.partner_not_selected, onboarding.situation_required,
// onboarding.invalid_situations with every entry that is unknown or repeated,
// server.unavailable, and what Matches gives.
func (s *Service) SetPartnerSituations(ctx context.Context, in SetPartnerSituationsInput) (Onboarding, error) {
	partner, ok := s.choices.Partner(in.PartnerID)
	if !ok {
		return Onboarding{}, errNoPartner
	}
	if len(in.SituationIDs) == 0 {
		return Onboarding{}, errSituationRequired
	}
	ids, wrong := choose(in.SituationIDs, "/situation_ids", s.choices.Situation)
	if wrong != nil {
		return Onboarding{}, errInvalidSituations.WithFields(wrong...)
	}
	return s.change(ctx, change{user: in.UserID, language: in.Language, matches: in.Matches,
		apply: func(_ postgres.Tx, o *Onboarding, at time.Time) ([]outbox.Data, error) {
			i := o.partner(partner)
			if i < 0 {
				return nil, errPartnerNotSelected
			}
			o.Partners = slices.Clone(o.Partners)
			o.Partners[i].Situations = ids
			return o.did(StepSituationSelection, at,
				events.OnboardingSituationsConfigured{UserID: o.UserID, PartnerID: partner, SituationIds: ids}), nil
		}})
}
