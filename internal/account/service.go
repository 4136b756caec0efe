package account

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Jobs inserts a job that exists once tx commits.
type Jobs interface {
	Insert(ctx context.Context, tx postgres.Tx, args job.Args) error
}

// Config is what the service needs to know; times come from Now, so that tests
// can move the clock.
type Config struct {
	Pool           *pgxpool.Pool
	Once           *once.Keys
	Jobs           Jobs
	Mail           *mail.Mailer                                      // knows the templates of Mails
	LanguageTag    func(nativeLanguage string) (tag string, ok bool) // that mails are written in for one, if there is one
	TokenIssuer    string                                            // the iss claim, a URL
	TokenAudience  string                                            // the aud claim
	AccessLifetime time.Duration                                     // of an access token
	KeySecret      []byte                                            // 32 bytes; seals signing keys
	RefreshSecret  []byte                                            // at least 32 bytes; derives refresh tokens
	HashesAtOnce   int                                               // passwords at once, a core and 19 MiB each; 0: GOMAXPROCS
	HashWait       time.Duration                                     // how long a password waits for its turn; 0: 5 s
	Now            func() time.Time
}

// Service holds the rules of accounts. Safe for concurrent use.
type Service struct {
	store   *store
	once    *once.Keys
	issuer  *issuer
	hasher  *hasher
	refresh []byte
	now     func() time.Time
	jobs    Jobs
	mail    *mail.Mailer
	tag     func(nativeLanguage string) (string, bool)
}

// New reads the signing keys, making the first if there is none. Secrets that
// are too short, or not those that the keys were sealed with, are refused.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if len(cfg.RefreshSecret) < secretBytes {
		return nil, fmt.Errorf("refresh tokens: the secret that derives them must have %d bytes or more", secretBytes)
	}
	st := &store{pool: cfg.Pool}
	keys, err := newKeyring(ctx, st, cfg.KeySecret, cfg.Now)
	if err != nil {
		return nil, err
	}
	return &Service{
		store: st, once: cfg.Once, issuer: newIssuer(keys, cfg), hasher: newHasher(cfg.HashesAtOnce, cfg.HashWait),
		refresh: cfg.RefreshSecret, now: cfg.Now, jobs: cfg.Jobs, mail: cfg.Mail, tag: cfg.LanguageTag,
	}, nil
}

// JWKS gives the public keys that verify our tokens (RFC 7517).
func (s *Service) JWKS() []JWK { return s.issuer.keys.jwks() }

// User reads one account. Fault: resource.not_found.
func (s *Service) User(ctx context.Context, id uuid.UUID) (User, error) {
	return s.store.userByID(ctx, id)
}

// Authenticate tells whom an access token speaks for, if its session still
// lives. Faults: auth.invalid_token; server.unavailable when that cannot be
// known, since an unknown session is never let pass.
func (s *Service) Authenticate(ctx context.Context, accessToken string) (Principal, error) {
	p, err := s.issuer.verify(ctx, accessToken)
	if err != nil {
		return Principal{}, err
	}
	live, err := s.store.sessionIsLive(ctx, p.SessionID, p.UserID, s.now())
	if err != nil {
		return Principal{}, err
	}
	if !live {
		return Principal{}, errInvalidToken
	}
	return p, nil
}

// tokens makes the pair for a session whose refresh token is given.
func (s *Service) tokens(user, session uuid.UUID, roles []string, refresh string) (Tokens, error) {
	access, err := s.issuer.sign(user, session, roles)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{Access: access, Refresh: refresh, ExpiresIn: s.issuer.lifetime}, nil
}

// newSession prepares a session; it exists once stored.
func (s *Service) newSession(user uuid.UUID, device string, client Client) (Session, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Session{}, err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	return Session{
		ID: id, UserID: user, Device: client.device(device), Address: client.Address,
		CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(SessionSliding),
	}, nil
}
