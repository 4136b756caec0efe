package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/activity"
	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/monitor"
	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/replay"
	"github.com/fluentpro/fluentpro/internal/task"
	"github.com/fluentpro/fluentpro/internal/usage"
)

// Desk is what an operator works with from the command line: it needs nothing
// but the database, and no running service.
type Desk struct {
	Queues  *job.Queue // works on nothing
	Letters *deadletter.Box
	Usage   *usage.Service
	Monitor *monitor.Service // looks at nothing, and reads what was found
	Pool    *pgxpool.Pool
}

// OpenDesk opens one; Close must follow. It knows every kind of job, and could do
// none: the nouns behind them lack what they would need.
func OpenDesk(ctx context.Context, cfg Config, logger *slog.Logger) (*Desk, error) {
	pool, err := postgres.Open(ctx, postgres.Config{URL: cfg.DatabaseURL, MaxConns: 2})
	if err != nil {
		return nil, err
	}
	d := &Desk{Pool: pool, Letters: deadletter.New(pool), Usage: usage.New(usage.Deps{Pool: pool, Logger: logger, Now: time.Now}), Monitor: monitor.New(monitor.Deps{Pool: pool, Logger: logger})}
	registry := job.NewRegistry()
	tasks := task.New(task.Deps{Pool: pool})
	keys := once.New(nil, time.Now)
	n := nouns{
		accounts: new(account.Service), conversations: conversation.New(conversation.Deps{Pool: pool}), audit: audit.New(audit.Deps{Pool: pool}),
		catalogue: new(catalogue.Service), onboardings: new(onboarding.Service), plans: new(learning.Service), tasks: tasks,
		replays: replay.New(pool, keys), usage: d.Usage, budgets: new(budget.Service), monitor: d.Monitor,
	}
	n.registerJobs(registry)
	n.registerTasks(registry)
	n.registerSweeps(registry, sweeps{keys, d.Letters, pool})
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

// nouns are those that have work to do in the background.
type nouns struct {
	accounts      *account.Service
	activity      *activity.Service
	audit         *audit.Service
	budgets       *budget.Service
	catalogue     *catalogue.Service
	conversations *conversation.Service
	monitor       *monitor.Service
	onboardings   *onboarding.Service
	plans         *learning.Service
	replays       *replay.Service
	tasks         *task.Service
	usage         *usage.Service
}

// registerJobs adds the jobs of the nouns.
func (n nouns) registerJobs(r *job.Registry) {
	n.accounts.RegisterJobs(r)
	n.conversations.RegisterJobs(r)
	n.audit.RegisterJobs(r)
	n.catalogue.RegisterJobs(r)
	n.plans.RegisterJobs(r)
}
