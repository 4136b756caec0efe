package budget_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

// evening is when these tests begin: a second and a half before the next day.
var evening = time.Date(2026, 11, 30, 23, 59, 58, 500_000_000, time.UTC)

// bench is a database of the test's own, at a time of its own.
type bench struct {
	t    *testing.T
	url  string
	pool *pgxpool.Pool
	now  time.Time
	logs bytes.Buffer
}

func setup(t *testing.T) *bench {
	t.Helper()
	url := postgrestest.URL(t)
	return &bench{t: t, url: url, pool: postgrestest.Pool(t, url), now: evening}
}

// node gives one more node's budgets.
func (b *bench) node(learner, service int64) *budget.Service {
	b.t.Helper()
	return b.nodeOn(postgrestest.Pool(b.t, b.url), learner, service)
}

func (b *bench) nodeOn(pool *pgxpool.Pool, learner, service int64) *budget.Service {
	return budget.New(budget.Deps{
		Pool: pool, Learner: learner, Service: service, Logger: slog.New(slog.NewTextHandler(&b.logs, nil)), Now: func() time.Time { return b.now },
	})
}

func (b *bench) user() uuid.UUID {
	b.t.Helper()
	id := uuid.New()
	_, err := b.pool.Exec(b.t.Context(), "insert into users (id, email, full_name, password_hash, created_at, updated_at) values ($1, $2, 'Mei Chen', '', now(), now())", id, id.String()+"@example.com")
	require.NoError(b.t, err)
	return id
}

func (b *bench) spend(s *budget.Service, user uuid.UUID, tokens int64) {
	b.t.Helper()
	require.NoError(b.t, s.SpendNow(b.t.Context(), user, tokens))
}

// requireSpent checks for a fault of a budget and when it says to come back.
func (b *bench) requireSpent(err error, code string, after time.Duration) {
	b.t.Helper()
	f := fault.Find(err)
	require.NotNil(b.t, f, "%v", err)
	require.Equal(b.t, code, f.Code)
	require.Equal(b.t, after, f.RetryAfter)
}

func TestALearnersDayIsSpentAtItsBudgetAndBeginsAnewAtMidnightUTC(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, mei, ada := b.node(100, 0), b.user(), b.user()
	b.spend(s, mei, 60)
	b.spend(s, mei, 39)
	require.NoError(t, s.Check(t.Context(), mei))
	b.spend(s, mei, 1)
	b.requireSpent(s.Check(t.Context(), mei), "budget.learner_spent", 1500*time.Millisecond)
	require.NoError(t, s.Check(t.Context(), ada), "another's is another's")

	b.now = evening.In(time.FixedZone("Hong Kong", 8*60*60)) // where it is the next day already
	b.requireSpent(s.Check(t.Context(), mei), "budget.learner_spent", 1500*time.Millisecond)
	b.now = evening.Add(1499 * time.Millisecond)
	b.requireSpent(s.Check(t.Context(), mei), "budget.learner_spent", time.Millisecond)
	b.now = evening.Add(1500 * time.Millisecond)
	require.NoError(t, s.Check(t.Context(), mei))
	day, tokens := s.OfLearner()
	require.Equal(t, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), day)
	require.EqualValues(t, 100, tokens)
	b.spend(s, mei, 100)
	b.requireSpent(s.Check(t.Context(), mei), "budget.learner_spent", 24*time.Hour)
}

func TestWithoutABudgetNothingIsSpent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, mei := b.node(0, 0), b.user()
	b.spend(s, mei, 1<<40)
	require.NoError(t, s.Check(t.Context(), mei))
}

func TestATransactionSeesWhatItSpendsAndARollbackSpendsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, mei := b.node(10, 0), b.user()
	changed := errors.New("changed my mind")
	err := postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
		require.NoError(t, s.CheckLearner(t.Context(), tx, mei))
		require.NoError(t, s.Spend(t.Context(), tx, mei, 10))
		b.requireSpent(s.CheckLearner(t.Context(), tx, mei), "budget.learner_spent", 1500*time.Millisecond)
		return changed
	})
	require.ErrorIs(t, err, changed)
	require.NoError(t, s.Check(t.Context(), mei))
}

func TestManyAtOnceAddUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two, mei := b.node(1, 0), b.node(1, 0), b.user()
	var wg sync.WaitGroup
	for range 20 {
		for _, s := range []*budget.Service{one, two} {
			wg.Go(func() {
				if err := s.SpendNow(context.Background(), mei, 3); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	days, err := one.ExportOf(t.Context(), mei)
	require.NoError(t, err)
	require.Equal(t, []budget.Day{{Day: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), Tokens: 120}}, days)
}

func TestTwoNodesShareTheServicesSum(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.now = evening.Add(-12 * time.Hour)
	one, two, mei, ada := b.node(0, 100), b.node(0, 100), b.user(), b.user()
	require.NoError(t, one.CheckService(t.Context()))
	require.NoError(t, two.CheckService(t.Context()))
	b.spend(one, mei, 60)
	b.spend(two, ada, 40)
	require.NoError(t, one.CheckService(t.Context()), "what is known holds for five seconds")
	b.now = b.now.Add(5 * time.Second)
	b.requireSpent(one.CheckService(t.Context()), "budget.service_spent", time.Hour)
	b.requireSpent(two.Check(t.Context(), mei), "budget.service_spent", time.Hour)

	b.now = evening
	b.requireSpent(two.CheckService(t.Context()), "budget.service_spent", 1500*time.Millisecond)
	b.now = evening.Add(1500 * time.Millisecond)
	require.NoError(t, one.CheckService(t.Context()))
	require.NoError(t, two.CheckService(t.Context()))
	b.now = evening
	b.requireSpent(one.CheckService(t.Context()), "budget.service_spent", 1500*time.Millisecond)
	b.now = b.now.Add(-time.Hour) // on the same day, before it was read
	b.spend(one, mei, 1)
	b.requireSpent(one.CheckService(t.Context()), "budget.service_spent", time.Hour)
}

func TestASumThatCannotBeReadHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pool := postgrestest.Pool(t, b.url)
	s, mei := b.nodeOn(pool, 10, 10), b.user()
	b.spend(s, mei, 10)
	b.requireSpent(s.CheckService(t.Context()), "budget.service_spent", 1500*time.Millisecond)

	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "lock table token_days in access exclusive mode")
	require.NoError(t, err)
	b.now = b.now.Add(-time.Minute)
	begun := time.Now()
	require.NoError(t, s.CheckService(t.Context()))
	require.Less(t, time.Since(begun), 5*time.Second)
	require.NoError(t, s.CheckService(t.Context()), "it is tried again in five seconds")
	require.Contains(t, b.logs.String(), "the service's budget is not read")
	require.NoError(t, tx.Rollback(t.Context()))
	b.now = b.now.Add(5 * time.Second)
	b.requireSpent(s.CheckService(t.Context()), "budget.service_spent", time.Minute-3500*time.Millisecond)

	pool.Close()
	b.now = b.now.Add(5 * time.Second)
	require.NoError(t, s.Check(t.Context(), mei), "nor is the learner's, where nothing else is to be read")
	require.Contains(t, b.logs.String(), "a learner's budget is not read")
}

// Those who come while one reads go by what was known.
func TestWhileOneReadsTheSumOthersDoNotWait(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, mei := b.node(0, 10), b.user()
	b.spend(s, mei, 10)
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "lock table token_days in access exclusive mode")
	require.NoError(t, err)
	first := make(chan error, 1)
	go func() { first <- s.CheckService(context.Background()) }()
	require.Eventually(t, func() bool { return s.Reading() }, 20*time.Second, time.Millisecond)
	require.NoError(t, s.CheckService(t.Context()))
	require.NoError(t, tx.Rollback(t.Context()))
	<-first
}

func TestDaysAreKeptNinetyDaysAndErasedWithTheirLearner(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, mei, ada := b.node(0, 0), b.user(), b.user()
	for _, ago := range []int{0, 1, 89, 90, 91, 200} {
		b.now = evening.AddDate(0, 0, -ago)
		b.spend(s, mei, int64(ago+1))
		b.spend(s, ada, 1)
	}
	b.now = evening
	n, err := s.Sweep(t.Context(), 3)
	require.NoError(t, err)
	require.EqualValues(t, 3, n, "a bite")
	n, err = s.Sweep(t.Context(), 3)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	days, err := s.ExportOf(t.Context(), mei)
	require.NoError(t, err)
	var tokens []int64
	for _, d := range days {
		tokens = append(tokens, d.Tokens)
	}
	require.Equal(t, []int64{91, 90, 2, 1}, tokens, "the oldest first")

	n, err = s.Erase(t.Context(), mei)
	require.NoError(t, err)
	require.EqualValues(t, 4, n)
	n, err = s.Erase(t.Context(), mei)
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = b.pool.Exec(t.Context(), "delete from users where id = $1", ada)
	require.NoError(t, err)
	b.spend(s, ada, 5)
	var left int
	require.NoError(t, b.pool.QueryRow(t.Context(), "select count(*) from token_days").Scan(&left))
	require.Zero(t, left, "one who is gone spends nothing")
}
