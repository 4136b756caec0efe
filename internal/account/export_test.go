package account

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/stretchr/testify/require"

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

// BenchToken is a service with one key and nothing else, and a token of it.
func BenchToken(b *testing.B, name, audience string, secret []byte) (*Service, string) {
	b.Helper()
	verified, err := lru.New[[sha256.Size]byte, Principal](rememberedTokens)
	require.NoError(b, err)
	keys, err := openKeyring(&store{}, secret, time.Now, verified.Purge)
	require.NoError(b, err)
	id, sealed, err := keys.generate()
	require.NoError(b, err)
	key, err := keys.unseal(id, sealed)
	require.NoError(b, err)
	keys.keys = []signingKey{key}
	s := &Service{verified: verified, now: time.Now, issuer: newIssuer(keys, Config{
		TokenIssuer: name, TokenAudience: audience, AccessLifetime: time.Hour, Now: time.Now,
	})}
	token, err := s.issuer.sign(uuid.New(), uuid.New(), []string{RoleUser})
	require.NoError(b, err)
	return s, token
}

// ForgetTokens makes the next token be verified anew.
func ForgetTokens(s *Service) { s.verified.Purge() }

// VerifyToken is whom a token speaks for by itself.
func VerifyToken(ctx context.Context, s *Service, token string) (Principal, error) {
	return s.principal(ctx, token, Client{})
}

// HashOnce hashes a password.
func HashOnce(ctx context.Context, password string) error {
	_, err := newHasher(1, 0, HashCost{}).hash(ctx, password)
	return err
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
