package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/replay"
	"github.com/fluentpro/fluentpro/internal/task"
)

// Desk is what an operator works with from the command line: it needs nothing
// but the database, and no running service.
type Desk struct {
	Queues  *job.Queue // works on nothing
	Letters *deadletter.Box
	Pool    *pgxpool.Pool
}

// OpenDesk opens one; Close must follow. It knows every kind of job, and could do
// none: the nouns behind them lack what they would need.
func OpenDesk(ctx context.Context, cfg Config, logger *slog.Logger) (*Desk, error) {
	pool, err := postgres.Open(ctx, postgres.Config{URL: cfg.DatabaseURL, MaxConns: 2})
	if err != nil {
		return nil, err
	}
	d := &Desk{Pool: pool, Letters: deadletter.New(pool)}
	registry := job.NewRegistry()
	tasks := task.New(task.Deps{Pool: pool})
	registerJobs(registry, new(account.Service), conversation.New(conversation.Deps{Pool: pool}), audit.New(audit.Deps{Pool: pool}))
	keys := once.New(nil, time.Now)
	accounts := new(account.Service)
	registerTasks(registry, tasks, replay.New(pool, keys), accounts)
	registerSweeps(registry, keys, tasks, d.Letters, accounts, pool)
	if d.Queues, err = job.New(job.Config{Pool: pool, Registry: registry, Logger: logger}); err != nil {
		pool.Close()
		return nil, err
	}
	d.Letters.Register(deadletter.SourceJob, d.Queues.Replay)
	d.Letters.Register(deadletter.SourceEvent, exhume)
	return d, nil
}

// Close lets go of the database.
func (d *Desk) Close() { d.Pool.Close() }

// registerJobs adds the work of the nouns.
func registerJobs(r *job.Registry, accounts *account.Service, conversations *conversation.Service, events *audit.Service) {
	accounts.RegisterJobs(r)
	conversations.RegisterJobs(r)
	events.RegisterJobs(r)
}
