package conversation

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/once"
)

// Scene is a partner in a situation, as this package needs to know it.
type Scene struct {
	PartnerID     string
	PartnerName   string
	Persona       string // who the partner is and how they speak
	Greeting      string // their first words
	SituationID   string
	SituationName string
	Brief         string // what happens and what the partner wants
	Opening       string // how the partner opens it
}

// Learner is what the model may know of the learner.
type Learner struct {
	FullName       string `json:"full_name"`
	NativeLanguage string `json:"native_language,omitempty"`
}

// Scenes finds a scene; its faults reach the client as they are.
type Scenes interface {
	Scene(partnerID, situationID string) (Scene, error)
}

// Learners tells what the model may know of a learner.
type Learners interface {
	Learner(ctx context.Context, id uuid.UUID) (Learner, error)
}

// Jobs inserts a job that exists once tx commits.
type Jobs interface {
	Insert(ctx context.Context, tx Tx, args job.Args) error
}

// Budgets bounds what replies may cost, and keeps what they have cost.
type Budgets interface {
	// OfLearner is the day it is and how many tokens a learner may spend in it; 0: no limit.
	OfLearner() (day time.Time, tokens int64)
	// CheckLearner gives the fault of a learner who has spent them, as of tx.
	CheckLearner(ctx context.Context, tx Tx, user uuid.UUID) error
	// CheckService gives the fault of a service that has spent its own; not within a transaction.
	CheckService(ctx context.Context) error
	// Spend adds tokens to a learner's day once tx commits.
	Spend(ctx context.Context, tx Tx, user uuid.UUID, tokens int64) error
}

// Deps are the parts the service is made of.
type Deps struct {
	Pool     *pgxpool.Pool
	Log      *eventlog.Log
	Locks    *lock.Locks
	Model    *llm.Client
	Once     *once.Keys
	Jobs     Jobs
	Scenes   Scenes
	Learners Learners
	Budgets  Budgets
	Logger   *slog.Logger
	Now      func() time.Time
}

// Service holds the rules of conversations. Safe for concurrent use.
type Service struct {
	store    *store
	log      *eventlog.Log
	locks    *lock.Locks
	model    *llm.Client
	once     *once.Keys
	jobs     Jobs
	scenes   Scenes
	learners Learners
	budgets  Budgets
	logger   *slog.Logger
	now      func() time.Time
	looks    looks
}

// New puts a Service together; it starts nothing.
func New(d Deps) *Service {
	return &Service{
		store: &store{pool: d.Pool, once: d.Once, budgets: d.Budgets}, log: d.Log, locks: d.Locks, model: d.Model, once: d.Once, jobs: d.Jobs,
		scenes: d.Scenes, learners: d.Learners, budgets: d.Budgets, logger: d.Logger, now: d.Now,
		looks: looks{healthy: lookHealthy, outage: lookOutage},
	}
}

// clock is the time as PostgreSQL keeps it: UTC, whole microseconds.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Microsecond) }
