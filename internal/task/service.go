package task

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/once"
)

// Jobs inserts a job that exists once tx commits.
type Jobs interface {
	Insert(ctx context.Context, tx Tx, args job.Args) error
}

// Deps are the parts the service is made of.
type Deps struct {
	Pool   *pgxpool.Pool
	Log    *eventlog.Log
	Jobs   Jobs
	Once   *once.Keys
	Logger *slog.Logger
	Now    func() time.Time
}

// Service holds the rules of tasks. Safe for concurrent use.
type Service struct {
	store  *store
	log    *eventlog.Log
	jobs   Jobs
	once   *once.Keys
	logger *slog.Logger
	now    func() time.Time
	looks  looks
	watch  *watch
	final  map[string]bool // kinds that cannot be cancelled
}

// New puts a Service together; it starts nothing. What is to be done is added
// with Register.
func New(d Deps) *Service {
	s := &store{pool: d.Pool}
	return &Service{
		store: s, log: d.Log, jobs: d.Jobs, once: d.Once, logger: d.Logger, now: d.Now,
		looks: looks{healthy: lookHealthy, outage: lookOutage},
		watch: &watch{cancelled: s.cancelled, logger: d.Logger},
		final: map[string]bool{},
	}
}

// Final says that tasks of a kind cannot be cancelled: what they have done halfway is
// worth nothing, or harm. It is called before any task starts.
func (s *Service) Final(kind string) { s.final[kind] = true }

// clock is the time as PostgreSQL keeps it: UTC, whole microseconds.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Microsecond) }
