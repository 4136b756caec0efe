package onboarding

import (
	"context"

	"github.com/google/uuid"
)

// Export gives what is known of a learner's onboarding, its texts in English where
// there are any; false when they never began one.
func (s *Service) Export(ctx context.Context, user uuid.UUID) (Onboarding, bool, error) {
	o, err := s.Get(ctx, user, "en")
	return o, o.Version > 0, err
}

// Erase deletes a learner's onboarding and says how many rows that were. A second
// run is harmless. The native language is the account's to erase, a custom role the
// catalogue's.
func (s *Service) Erase(ctx context.Context, user uuid.UUID) (int64, error) {
	return s.store.erase(ctx, user)
}
