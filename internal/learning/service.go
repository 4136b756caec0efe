package learning

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// callTimeout bounds each of the two calls of the model that a plan or feedback may
// take, all attempts of a call included. A task that writes one needs more than twice that.
const callTimeout = time.Minute

// Model answers a request in one piece.
type Model interface {
	Complete(ctx context.Context, req llm.Request) (llm.Reply, error)
}

// Budgets bounds what the model may be asked for, and keeps what that has cost.
type Budgets interface {
	// Check gives the fault of a budget of the user's or the service's that is spent.
	Check(ctx context.Context, user uuid.UUID) error
	// SpendNow adds tokens to the user's day.
	SpendNow(ctx context.Context, user uuid.UUID, tokens int64) error
}

// Progress takes how far a plan or feedback has come, in steps.
type Progress interface {
	Total(n int64)
	Add(n int64)
}

// Deps are the parts the service is made of; all are needed.
type Deps struct {
	Pool        *pgxpool.Pool
	Model       Model
	Budgets     Budgets
	Profiles    Profiles    // for plans
	Backgrounds Backgrounds // for feedback, as all that follows
	Transcripts Transcripts
	Tasks       Tasks
	Jobs        Jobs
	Logger      *slog.Logger
	Now         func() time.Time
}

// Service writes plans and feedback and reads them. Safe for concurrent use.
type Service struct {
	store       *store
	model       Model
	budgets     Budgets
	profiles    Profiles
	backgrounds Backgrounds
	transcripts Transcripts
	tasks       Tasks
	jobs        Jobs
	logger      *slog.Logger
	now         func() time.Time
	patience    time.Duration // for each call of the model
}

// New puts a Service together; it starts nothing.
func New(d Deps) *Service {
	return &Service{
		store: &store{pool: d.Pool}, model: d.Model, budgets: d.Budgets, profiles: d.Profiles, backgrounds: d.Backgrounds, transcripts: d.Transcripts,
		tasks: d.Tasks, jobs: d.Jobs, logger: d.Logger, now: d.Now, patience: callTimeout,
	}
}

// Get gives the newest plan of a user. Faults: resource.not_found until the first
// is written, server.unavailable.
func (s *Service) Get(ctx context.Context, user uuid.UUID) (Plan, error) {
	p, found, err := s.store.plan(ctx, user)
	if err == nil && !found {
		err = errNoPlan
	}
	return p, err
}

// Ready tells whether a plan can be written for a user: nil, or the fault of
// Profiles that Write would give, onboarding.incomplete among them.
func (s *Service) Ready(ctx context.Context, user uuid.UUID) error {
	_, err := s.profile(ctx, user)
	return err
}

// profile reads what a plan can be made of.
func (s *Service) profile(ctx context.Context, user uuid.UUID) (Profile, error) {
	p, err := s.profiles.Profile(ctx, user)
	if err != nil {
		return Profile{}, err
	}
	if p, err = p.usable(); err != nil {
		return Profile{}, fmt.Errorf("plan for user %s: %w", user, err)
	}
	return p, nil
}

// Export gives the plan of a user, if there is one.
func (s *Service) Export(ctx context.Context, user uuid.UUID) (Plan, bool, error) {
	return s.store.plan(ctx, user)
}

// Erase deletes the plan of a user for ever and says how many there were. A second
// run is harmless.
func (s *Service) Erase(ctx context.Context, user uuid.UUID) (int64, error) {
	return s.store.erase(ctx, user)
}
