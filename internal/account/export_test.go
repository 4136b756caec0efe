package account

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Times and bounds that are this package's own.
const (
	CopyLifetime   = copyLifetime
	ChangesFresh   = changesFresh
	SweepAge       = sweepAge
	DeviceMemory   = deviceMemory
	MaxCodes       = maxCodes
	CodeWindow     = codeWindow
	KeyLead        = keyLead
	KeyOverlap     = keyOverlap
	MaxPreferences = maxPreferences
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

// HashTurn takes the turn of one password until release.
func HashTurn(ctx context.Context, s *Service) (release func(), err error) {
	return s.provider.(local).hasher.turn(ctx)
}

// PublicSession is a session without what only this package sees.
func PublicSession(s Session) Session {
	s.fingerprint = nil
	return s
}

// KnowsChanges makes the service have read, so long ago, which sessions have ended.
func KnowsChanges(s *Service, ago time.Duration) {
	s.changes.readAt.Store(int64(time.Since(s.changes.base) - ago))
}

// MailCode runs the job that mails a code, as a worker with that lease does.
func MailCode(ctx context.Context, s *Service, lease int64, code, user uuid.UUID, p string) error {
	return s.sendCode(ctx, job.Run{Lease: lease}, codeArgs{Format: 1, CodeID: code, UserID: user, Purpose: purpose(p)})
}

// RereadKeys reads the signing keys, as a node at work does each minute.
func RereadKeys(ctx context.Context, s *Service) error { return s.issuer.keys.reread(ctx) }

// IsCommon reports whether a password is a common one.
func IsCommon(password string) bool { return isCommon(password) }

// CommonPasswords is the list that IsCommon searches.
func CommonPasswords() []string { return commonPasswords() }
