package task

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Get reads one of the user's tasks. Fault: resource.not_found.
func (s *Service) Get(ctx context.Context, userID, id uuid.UUID) (Task, error) {
	return s.store.of(ctx, userID, id)
}

// Place is a keyset position in a list of tasks: the last one seen.
type Place struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// ListInput asks for one page, the newest first.
type ListInput struct {
	UserID uuid.UUID
	Status *string // nil: any
	Kind   *string // nil: any
	Before *Place  // nil: from the newest
	Limit  int     // 1-100
}

// List gives up to Limit tasks and whether there are more.
func (s *Service) List(ctx context.Context, in ListInput) (page []Task, more bool, err error) {
	page, err = s.store.list(ctx, in)
	if len(page) > in.Limit {
		return page[:in.Limit], true, err
	}
	return page, false, err
}

// Sweep deletes up to limit tasks that ended more than Lifetime ago, and says how
// many there were.
func (s *Service) Sweep(ctx context.Context, limit int) (int64, error) {
	return s.store.sweep(ctx, s.clock().Add(-Lifetime), limit)
}
