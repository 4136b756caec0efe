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
	errPartnerRequired = fault.New(fault.Unprocessable, "onboarding.partner_required", "At least one partner must be chosen.").
				WithFields(fault.Field{Pointer: "/partner_ids", Code: "too_few", Detail: "must have at least 1 entry"})
	errInvalidPartners = fault.New(fault.Unprocessable, "onboarding.invalid_partners", "Some of the partners cannot be chosen.")
)

// SetPartnersInput is a learner's choice.
type SetPartnersInput struct {
	UserID     uuid.UUID
	Language   string   // of the texts in the answer: a served tag
	PartnerIDs []string // of listPartners, the most important first
	Matches    func(Onboarding) error
}

// SetPartners says whom the learner speaks with, instead of all that was said of it
// before; partners that stay keep their situations. Faults:
// onboarding.partner_required, onboarding.invalid_partners with every entry that is
// unknown or repeated, server.unavailable, and what Matches gives.
func (s *Service) SetPartners(ctx context.Context, in SetPartnersInput) (Onboarding, error) {
	if len(in.PartnerIDs) == 0 {
		return Onboarding{}, errPartnerRequired
	}
	ids, wrong := choose(in.PartnerIDs, "/partner_ids", s.choices.Partner)
	if wrong != nil {
		return Onboarding{}, errInvalidPartners.WithFields(wrong...)
	}
	return s.change(ctx, change{user: in.UserID, language: in.Language, matches: in.Matches,
		apply: func(_ postgres.Tx, o *Onboarding, at time.Time) ([]outbox.Data, error) {
			o.Partners = replaced(*o, ids)
			return o.did(StepCommunicationPartners, at, events.OnboardingPartnersSelected{UserID: o.UserID, PartnerIds: ids}), nil
		}})
}

// replaced is the list of partners with these ids.
func replaced(o Onboarding, ids []string) []Partner {
	partners := make([]Partner, 0, len(ids))
	for _, id := range ids {
		p := Partner{ID: id, Situations: []string{}}
		if i := o.partner(id); i >= 0 {
			p.Situations = slices.Clone(o.Partners[i].Situations)
		}
		partners = append(partners, p)
	}
	return partners
}
