package onboarding

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Choices gives the canonical id of what can be chosen, however it is written: in
// any case, and with hyphens.
type Choices interface {
	NativeLanguage(given string) (id string, ok bool) // available ones alone
	Industry(given string) (id string, ok bool)
	Partner(given string) (id string, ok bool)
	Situation(given string) (id string, ok bool)
}

// Roles finds roles and makes them. Its methods are called outside of transactions.
type Roles interface {
	// Role reads one with its texts in a served language. A fault of the kind
	// NotFound means that there is none which this user may see.
	Role(ctx context.Context, user, id uuid.UUID, language string) (Role, error)
	// Match searches the roles of an industry; it may call the model.
	Match(ctx context.Context, in MatchInput) (Matches, error)
	// Compose makes a role of a learner's own text; it may call the model.
	Compose(ctx context.Context, in ComposeInput) (NewRole, error)
}

// MatchInput is a job in somebody's own words.
type MatchInput struct {
	UserID      uuid.UUID
	IndustryID  string
	Title       string
	Description string
	Language    string // of the texts and reasons: a served tag
}

// Matches are the roles that fit a job, the best first.
type Matches struct {
	Matches  []Match
	Action   string // what is recommended, as in onboarding.role_match_performed
	Degraded bool   // by words alone
}

// Match is a role that fits.
type Match struct {
	Role    Role
	Score   float64 // 0-1
	Reasons []string
}

// ComposeInput is a job to be made a role.
type ComposeInput struct {
	UserID      uuid.UUID
	IndustryID  string
	Title       string
	Description string
	Level       *string
	Language    string
}

// NewRole is a role that exists once it is inserted.
type NewRole struct {
	ID       uuid.UUID
	Insert   func(ctx context.Context, tx postgres.Tx) error
	Existing bool // the author's latest has the very same text: nothing is to be inserted
}

// Learners keeps what is the account's.
type Learners interface {
	// NativeLanguage is called outside of transactions.
	NativeLanguage(ctx context.Context, user uuid.UUID) (*string, error)
	SetNativeLanguage(ctx context.Context, tx postgres.Tx, user uuid.UUID, language *string) error
}

// Plans starts the task that writes a learning plan; it exists once tx commits.
type Plans interface {
	Start(ctx context.Context, tx postgres.Tx, user uuid.UUID) (taskID uuid.UUID, err error)
}

// Deps are the parts the service is made of.
type Deps struct {
	Pool     *pgxpool.Pool
	Choices  Choices
	Roles    Roles
	Learners Learners
	Plans    Plans
	Logger   *slog.Logger
	Now      func() time.Time
}

// Service holds the rules of onboarding. Safe for concurrent use.
type Service struct {
	store    *store
	choices  Choices
	roles    Roles
	learners Learners
	plans    Plans
	logger   *slog.Logger
	now      func() time.Time
}

// New puts a Service together; it starts nothing.
func New(d Deps) *Service {
	return &Service{
		store: &store{pool: d.Pool}, choices: d.Choices, roles: d.Roles, learners: d.Learners, plans: d.Plans,
		logger: d.Logger, now: d.Now,
	}
}

// clock is the time as PostgreSQL keeps it: UTC, whole microseconds.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Microsecond) }
