package account

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Jobs inserts a job that exists once tx commits.
type Jobs interface {
	Insert(ctx context.Context, tx postgres.Tx, args job.Args) error
}

// Secrets are the keys of a Service, one a purpose, the same on all nodes.
type Secrets struct {
	Signing    []byte // 32 bytes; seals signing keys
	Refresh    []byte // at least 32 bytes; derives refresh tokens
	Codes      []byte // at least 32 bytes; derives the codes of mails
	Pseudonyms []byte // at least 32 bytes; makes ids of emails and addresses
}

// Config is what the service needs to know; times come from Now, so that tests
// can move the clock.
type Config struct {
	Pool           *pgxpool.Pool
	Gate           *gate.Gate // copies of sessions and limits; it may be away
	Once           *once.Keys
	Jobs           Jobs
	Mail           *mail.Mailer                                      // knows the templates of Mails
	Tenant         Tenant                                            // keeps the passwords; nil: we do
	LanguageTag    func(nativeLanguage string) (tag string, ok bool) // that mails are written in for one, if there is one
	Language       func(id string) (nativeLanguage string, ok bool)  // the language that can be chosen as native one by this id, however it is written
	TokenIssuer    string                                            // the iss claim, a URL
	TokenAudience  string                                            // the aud claim
	AccessLifetime time.Duration                                     // of an access token
	Secrets        Secrets
	HashesAtOnce   int                                                   // passwords at once, a core and 19 MiB each; 0: GOMAXPROCS
	HashWait       time.Duration                                         // how long a password waits for its turn; 0: 5 s
	HashCost       HashCost                                              // less than its zero value is for tests alone
	Erasers        []Eraser                                              // of the other nouns, asked in this order
	Bury           func(ctx context.Context, user, task uuid.UUID) error // told of an account before it goes, when nothing else is left of it; may be nil
	Logger         *slog.Logger
	Now            func() time.Time
}

// Service holds the rules of accounts. Safe for concurrent use.
type Service struct {
	store    *store
	once     *once.Keys
	issuer   *issuer
	provider Provider
	tenant   Tenant // nil: passwords are ours
	gate     *gate.Gate
	changes  *changes
	verified *lru.Cache[[sha256.Size]byte, Principal]
	secrets  Secrets
	erasers  []Eraser
	bury     func(ctx context.Context, user, task uuid.UUID) error // nil: nobody is told
	now      func() time.Time
	jobs     Jobs
	mail     *mail.Mailer
	tag      func(nativeLanguage string) (string, bool)
	language func(id string) (string, bool)
	logger   *slog.Logger

	stop   context.CancelFunc
	run    sync.WaitGroup
	starts sync.Once
}

// New reads the signing keys, making the first if there is none, and which
// sessions have ended. Secrets that are too short, or not those that the keys were
// sealed with, are refused.
func New(ctx context.Context, cfg Config) (*Service, error) {
	for purpose, secret := range map[string][]byte{
		"refresh tokens": cfg.Secrets.Refresh, "codes": cfg.Secrets.Codes, "pseudonyms": cfg.Secrets.Pseudonyms,
	} {
		if len(secret) < secretBytes {
			return nil, fmt.Errorf("%s: the secret that derives them must have %d bytes or more", purpose, secretBytes)
		}
	}
	verified, err := lru.New[[sha256.Size]byte, Principal](rememberedTokens)
	if err != nil {
		return nil, fmt.Errorf("remember tokens: %w", err)
	}
	st := &store{pool: cfg.Pool}
	keys, err := newKeyring(ctx, st, cfg.Secrets.Signing, cfg.Now, verified.Purge)
	if err != nil {
		return nil, err
	}
	s := &Service{
		store: st, once: cfg.Once, issuer: newIssuer(keys, cfg), provider: cfg.Tenant, tenant: cfg.Tenant, gate: cfg.Gate, verified: verified,
		secrets: cfg.Secrets, erasers: cfg.Erasers, bury: cfg.Bury, now: cfg.Now, jobs: cfg.Jobs, mail: cfg.Mail, tag: cfg.LanguageTag, language: cfg.Language, logger: cfg.Logger,
	}
	if s.tenant == nil {
		s.provider = local{newHasher(cfg.HashesAtOnce, cfg.HashWait, cfg.HashCost)}
	}
	memory := cfg.AccessLifetime + clockLeeway
	s.changes = newChanges(st, cfg.Gate, memory, cfg.Logger)
	return s, s.changes.read(ctx, memory+changesOverlap)
}

// Start keeps up, until Stop, with the sessions that end on other nodes and with
// the signing keys. Without it each request reads its session's row. Idempotent.
func (s *Service) Start(ctx context.Context) {
	s.starts.Do(func() {
		ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
		s.run.Go(func() { s.changes.run(ctx) })
		s.run.Go(func() { s.issuer.keys.run(ctx, s.logger) })
	})
}

// Stop ends what Start began and waits for it. Idempotent, and safe without Start.
func (s *Service) Stop() {
	s.starts.Do(func() {})
	if s.stop != nil {
		s.stop()
	}
	s.run.Wait()
}

// Issuer is the iss claim of our tokens.
func (s *Service) Issuer() string { return s.issuer.name }

// Denied tells that a user asked for an operation that their roles do not permit. That it
// cannot be told changes nothing for them: they are refused anyway.
func (s *Service) Denied(ctx context.Context, user uuid.UUID, operation string, client Client) {
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		return outbox.Write(by(ctx, user), tx, s.now(), user, events.AuthDenied{UserID: user, Operation: operation})
	})
	if err != nil {
		s.logger.WarnContext(ctx, "denial not recorded", "error", err.Error())
	}
	s.logAuth(ctx, "auth.denied", &user, client, operation)
}

// JWKS gives the public keys that verify our tokens (RFC 7517).
func (s *Service) JWKS() []JWK { return s.issuer.keys.jwks() }

// User reads one account. Fault: resource.not_found.
func (s *Service) User(ctx context.Context, id uuid.UUID) (User, error) {
	found, err := s.store.byID(ctx, id)
	return found.User, err
}

// Subject names a user as who keeps the password does: the subject at the tenant, or
// local|<id>. Fault: resource.not_found.
func (s *Service) Subject(ctx context.Context, id uuid.UUID) (string, error) {
	found, err := s.store.byID(ctx, id)
	if found.Credential.Subject == "" {
		return "local|" + id.String(), err
	}
	return found.Credential.Subject, err
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
		ID: id, UserID: user, Device: client.device(device), Address: client.Address, fingerprint: s.fingerprint(client),
		CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(SessionSliding),
	}, nil
}
