// Package budget bounds what is spent on the model: tokens of a learner in a day, and of the
// whole service. A day is one of UTC, by the service's clock.
//
// It promises that tokens are counted in the transaction of whoever stores what the model
// said, so that what is stored is counted once; and that a learner whose day is spent is told
// until when.
//
// Its limits: tokens are known when an answer ends, so that what is under way may go over a
// budget. The learner's is read where it is asked for; the service's is a soft limit, of
// which a node reads the sum every five seconds at most, and which holds nobody up while the
// sum cannot be read. A call that fails without an answer counts nothing, nor do embeddings.
package budget

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// KeptFor is how long days are kept.
const KeptFor = 90 * 24 * time.Hour

// serviceWait is the longest that a client is told to wait for the service's next day:
// an operator may raise the budget meanwhile.
const serviceWait = time.Hour

var (
	errLearnerSpent = fault.New(fault.TooMany, "budget.learner_spent", "You have practised as much as one day allows; go on tomorrow.")
	errServiceSpent = fault.New(fault.Unavailable, "budget.service_spent", "The service has spent what it may on the partner's replies today; try again later.")
)

// Deps are what the budgets need.
type Deps struct {
	Pool    *pgxpool.Pool
	Learner int64 // tokens of a learner in a day; 0: no limit
	Service int64 // tokens of the whole service in a day; 0: no limit
	Logger  *slog.Logger
	Now     func() time.Time
}

// Service keeps the budgets. Safe for concurrent use.
type Service struct {
	store   store
	learner int64
	service int64
	logger  *slog.Logger
	now     func() time.Time
	sum     sum
}

// New makes the budgets; it starts nothing.
func New(d Deps) *Service {
	return &Service{store: store{pool: d.Pool}, learner: d.Learner, service: d.Service, logger: d.Logger, now: d.Now}
}

// dayOf is the first instant of the day that holds a time.
func dayOf(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

// untilTomorrow is how long a day still lasts; above zero.
func untilTomorrow(at time.Time) time.Duration { return dayOf(at).Add(24 * time.Hour).Sub(at) }

// OfLearner is the day it is and how many tokens a learner may spend in it; 0: no limit.
func (s *Service) OfLearner() (day time.Time, tokens int64) { return dayOf(s.now()), s.learner }

// CheckLearner gives the fault budget.learner_spent, as of a transaction.
func (s *Service) CheckLearner(ctx context.Context, tx postgres.Tx, user uuid.UUID) error {
	return s.checkLearner(ctx, tx, user)
}

func (s *Service) checkLearner(ctx context.Context, on querier, user uuid.UUID) error {
	if s.learner == 0 {
		return nil
	}
	at := s.now()
	spent, err := s.store.ofLearner(ctx, on, dayOf(at), user)
	if err == nil && spent >= s.learner {
		err = errLearnerSpent.WithRetryAfter(untilTomorrow(at))
	}
	return err
}

// Check gives the fault of a budget that is spent, the service's or the learner's. What
// cannot be read does not count as spent.
func (s *Service) Check(ctx context.Context, user uuid.UUID) error {
	if err := s.CheckService(ctx); err != nil {
		return err
	}
	err := s.checkLearner(ctx, s.store.pool, user)
	if err != nil && !fault.Is(err, errLearnerSpent.Code) {
		s.logger.WarnContext(ctx, "a learner's budget is not read", "user_id", user, "error", err.Error())
		return nil
	}
	return err
}

// Spend adds tokens to the learner's day, in the transaction that stores what they were
// spent on. Of a learner who is gone nothing is kept.
func (s *Service) Spend(ctx context.Context, tx postgres.Tx, user uuid.UUID, tokens int64) error {
	return s.store.add(ctx, tx, dayOf(s.now()), user, tokens)
}

// SpendNow is Spend in a transaction of its own.
func (s *Service) SpendNow(ctx context.Context, user uuid.UUID, tokens int64) error {
	return postgres.Translate(s.store.add(ctx, s.store.pool, dayOf(s.now()), user, tokens))
}

// Day is what a learner has spent on one.
type Day struct {
	Day    time.Time // its first instant
	Tokens int64
}

// ExportOf gives the days that are kept of a learner, the oldest first.
func (s *Service) ExportOf(ctx context.Context, user uuid.UUID) ([]Day, error) {
	return s.store.days(ctx, user)
}

// Erase deletes what is kept of a learner and says how many days that were. A second run
// is harmless.
func (s *Service) Erase(ctx context.Context, user uuid.UUID) (int64, error) {
	return s.store.erase(ctx, user)
}

// Sweep deletes up to bite rows that are older than KeptFor and tells how many.
func (s *Service) Sweep(ctx context.Context, bite int) (int64, error) {
	n, err := s.store.sweep(ctx, dayOf(s.now().Add(-KeptFor)), bite)
	if err != nil {
		return 0, fmt.Errorf("sweep token days: %w", err)
	}
	return n, nil
}
