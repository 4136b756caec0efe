package onboarding

import (
	"context"
	"errors"
	"time"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// CustomRole is a job in the learner's own words, to be their role.
type CustomRole struct {
	Title       string  // 2-200 characters after trim
	Description string  // 10-1,000 characters after trim
	Level       *string // a hierarchy level; nil: not said
}

// errIndustryMoved says that the role was composed for an industry which is not
// the chosen one any more.
var errIndustryMoved = fault.New(fault.Precondition, "request.precondition_failed", "Another industry was chosen meanwhile; read it again.")

// keepOwn makes a role of the learner's own text and chooses it. It is composed
// before the transaction, since that may wait for the model, and once again if the
// industry was changed meanwhile.
func (s *Service) keepOwn(ctx context.Context, in SetRoleInput) (Onboarding, error) {
	job, err := words(in.Custom.Title, in.Custom.Description, "/custom")
	if err != nil {
		return Onboarding{}, err
	}
	level := (*events.OnboardingCustomRoleCreatedHierarchyLevel)(in.Custom.Level)
	if level != nil && !level.Valid() {
		return Onboarding{}, invalid(fault.Field{Pointer: "/custom/hierarchy_level", Code: "not_allowed", Detail: "must be a hierarchy level"})
	}
	out, err := s.composeAndKeep(ctx, in, job)
	if errors.Is(err, errIndustryMoved) {
		out, err = s.composeAndKeep(ctx, in, job)
	}
	return out, err
}

func (s *Service) composeAndKeep(ctx context.Context, in SetRoleInput, job RoleInput) (Onboarding, error) {
	seen, err := s.Get(ctx, in.UserID, in.Language)
	if err != nil {
		return Onboarding{}, err
	}
	if err := matches(seen, in.Matches); err != nil { // before the model is paid
		return Onboarding{}, err
	}
	if seen.IndustryID == nil {
		return Onboarding{}, errIndustryRequired
	}
	made, err := s.roles.Compose(ctx, ComposeInput{
		UserID: in.UserID, IndustryID: *seen.IndustryID, Title: job.Title, Description: job.Description,
		Level: in.Custom.Level, Language: in.Language,
	})
	if err != nil {
		return Onboarding{}, err
	}
	out, err := s.change(ctx, change{user: in.UserID, language: in.Language, matches: in.Matches,
		apply: func(tx postgres.Tx, o *Onboarding, at time.Time) ([]outbox.Data, error) {
			switch {
			case o.IndustryID == nil:
				return nil, errIndustryRequired
			case *o.IndustryID != *seen.IndustryID:
				return nil, errIndustryMoved
			}
			return keep(ctx, tx, o, at, made, in.Custom.Level)
		}})
	if err != nil {
		return Onboarding{}, err
	}
	role, err := s.roles.Role(ctx, in.UserID, made.ID, in.Language)
	if err != nil { // it is kept; asking again chooses the same one
		return Onboarding{}, err
	}
	out.Role = &role
	return out, nil
}

// keep inserts a composed role, unless it exists, and chooses it. Its texts are the
// catalogue's to give.
func keep(ctx context.Context, tx postgres.Tx, o *Onboarding, at time.Time, made NewRole, level *string) ([]outbox.Data, error) {
	o.Role = &Role{ID: made.ID, IndustryID: *o.IndustryID, Custom: true}
	if made.Existing {
		return o.did(StepRoleSelection, at, selected(*o)), nil
	}
	if err := made.Insert(ctx, tx); err != nil {
		return nil, err
	}
	return o.did(StepRoleSelection, at, events.OnboardingCustomRoleCreated{
		UserID: o.UserID, RoleID: made.ID, IndustryID: *o.IndustryID,
		HierarchyLevel: (*events.OnboardingCustomRoleCreatedHierarchyLevel)(level),
	}, selected(*o)), nil
}
