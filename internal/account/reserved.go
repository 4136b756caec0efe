package account

import (
	"context"

	"github.com/google/uuid"
)

// ReservedUser is the learner of the monitor's rehearsals. It has no password, is not
// active, and is left out of lists.
var ReservedUser = uuid.MustParse("019ad0c8-7f00-7000-8000-000000000001")

// reservedEmail is one that nobody can have (RFC 6761, 6.4).
const reservedEmail = "monitor@fluentpro.invalid"

// Reserve makes the reserved user, unless it is there.
func (s *Service) Reserve(ctx context.Context) error {
	return s.store.reserve(ctx, s.now().UTC())
}
