package account

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Welcome is what user.registered leads to.
func (s *Service) Welcome(ctx context.Context, tx postgres.Tx, e outbox.Event, userID uuid.UUID) error {
	return s.welcome(ctx, tx, e, userID)
}

// Greetable is the name as a mail may show it.
func Greetable(name string) string { return greetable(name) }

// SwapDummyHash replaces what a password is compared with when there is no
// user, and gives what it was.
func SwapDummyHash(s *Service, hash string) string {
	h := s.provider.(local).hasher
	old := h.dummy
	h.dummy = hash
	return old
}

// PublicSession is a session without what only this package sees.
func PublicSession(s Session) Session {
	s.fingerprint = nil
	return s
}
