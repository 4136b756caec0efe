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
	errUnknownRole = fault.New(fault.Unprocessable, "onboarding.unknown_role", "There is no such role.").
			WithFields(fault.Field{Pointer: "/role_id", Code: "unknown", Detail: "must be a role of matchRoles or listRoles"})
	errRoleOfOtherIndustry = fault.New(fault.Unprocessable, "onboarding.role_of_other_industry", "The role is of another industry than the one chosen.").
				WithFields(fault.Field{Pointer: "/role_id", Code: "not_allowed", Detail: "must be a role of the industry chosen"})
)

// SetRoleInput is a learner's choice: exactly one of RoleID and Custom.
type SetRoleInput struct {
	UserID   uuid.UUID
	Language string // of the texts in the answer: a served tag
	RoleID   *uuid.UUID
	Custom   *CustomRole
	Matches  func(Onboarding) error // with Custom it is asked before the model is, too
}

// SetRole says which role the learner has, of the catalogue or their own. Faults:
// request.invalid, onboarding.industry_required, onboarding.unknown_role,
// onboarding.role_of_other_industry, server.unavailable, those of composing a
// role, and what Matches gives; request.precondition_failed when another device
// keeps changing the industry while the role is composed.
func (s *Service) SetRole(ctx context.Context, in SetRoleInput) (Onboarding, error) {
	if (in.RoleID == nil) == (in.Custom == nil) {
		return Onboarding{}, invalid(fault.Field{Pointer: "", Code: "not_allowed", Detail: "must have one of role_id and custom"})
	}
	if in.Custom != nil {
		return s.keepOwn(ctx, in)
	}
	role, unknown := s.roles.Role(ctx, in.UserID, *in.RoleID, in.Language)
	switch {
	case isNotFound(unknown):
		unknown = errUnknownRole.WithCause(unknown)
	case unknown != nil:
		return Onboarding{}, unknown
	}
	return s.change(ctx, change{user: in.UserID, language: in.Language, matches: in.Matches,
		apply: func(_ postgres.Tx, o *Onboarding, at time.Time) ([]outbox.Data, error) {
			switch {
			case o.IndustryID == nil:
				return nil, errIndustryRequired
			case unknown != nil:
				return nil, unknown
			case role.IndustryID != *o.IndustryID:
				return nil, errRoleOfOtherIndustry
			}
			o.Role = &role
			return o.did(StepRoleSelection, at, selected(*o)), nil
		}})
}

func selected(o Onboarding) events.OnboardingRoleSelected {
	return events.OnboardingRoleSelected{UserID: o.UserID, RoleID: o.Role.ID, IsCustom: o.Role.Custom}
}
