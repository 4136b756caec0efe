package onboarding

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Get tells how far a learner has come, with the texts of the role in a served
// language. One who has not begun is not_started. It changes nothing. Fault:
// server.unavailable.
func (s *Service) Get(ctx context.Context, user uuid.UUID, language string) (Onboarding, error) {
	o, err := s.read(ctx, user, language)
	if err != nil {
		return Onboarding{}, err
	}
	return o.asOf(s.clock()), nil
}

// read puts an onboarding together, its status as stored. The row comes first: what
// belongs to a later version then shows as a version that has moved on, never the
// other way round.
func (s *Service) read(ctx context.Context, user uuid.UUID, language string) (Onboarding, error) {
	r, err := s.store.onboarding(ctx, user)
	if err != nil {
		return Onboarding{}, err
	}
	if r.NativeLanguage, err = s.learners.NativeLanguage(ctx, user); err != nil {
		return Onboarding{}, err
	}
	if r.roleID == nil {
		return r.Onboarding, nil
	}
	role, err := s.roles.Role(ctx, user, *r.roleID, language)
	switch {
	case isNotFound(err): // it counts as missing, and the learner chooses again
		s.logger.WarnContext(ctx, "the chosen role is gone", "user_id", user, "role_id", *r.roleID)
	case err != nil:
		return Onboarding{}, err
	default:
		r.Role = &role
	}
	return r.Onboarding, nil
}

func isNotFound(err error) bool {
	f := fault.Find(err)
	return f != nil && f.Kind == fault.NotFound
}
