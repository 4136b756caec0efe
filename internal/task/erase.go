package task

import (
	"context"

	"github.com/google/uuid"
)

// eraseBite is how many tasks are erased in one statement.
const eraseBite = 500

// Export gives up to limit of a user's tasks after an id, in the order of their ids.
func (s *Service) Export(ctx context.Context, user, after uuid.UUID, limit int) ([]Task, error) {
	return s.store.export(ctx, user, after, limit)
}

// Erase deletes all tasks of a user but one, the one that erases, and says how many.
// A second run is harmless.
func (s *Service) Erase(ctx context.Context, user, but uuid.UUID) (int64, error) {
	var all int64
	for {
		n, err := s.store.erase(ctx, user, but, eraseBite)
		if all += n; err != nil || n < eraseBite {
			return all, err
		}
	}
}
