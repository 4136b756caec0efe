package app

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/activity"
	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/monitor"
	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/replay"
	"github.com/fluentpro/fluentpro/internal/task"
	"github.com/fluentpro/fluentpro/internal/usage"
)

// Desk is what an operator works with from the command line: it needs nothing
// but the database, and no running service.
type Desk struct {
	Queues        *job.Queue // works on nothing
	Letters       *deadletter.Box
	Usage         *usage.Service
	Monitor       *monitor.Service // looks at nothing, and reads what was found
	Conversations *conversation.Service
	Backups       *backup.Service // nil: no key-encryption key is set
	Pool          *pgxpool.Pool
	Live          bool // Redis is set: who reads a conversation is told what becomes of it

	redis         redis.UniversalClient
	conversations conversation.Deps
}

// noRedis is where nothing answers: locks then are the database's, and readers learn of what
// is recovered when they look.
const noRedis = "redis://127.0.0.1:1"

// User finds an account by its id or its email. Fault: resource.not_found.
func (d *Desk) User(ctx context.Context, idOrEmail string) (uuid.UUID, error) {
	if id, err := uuid.Parse(idOrEmail); err == nil {
		return id, nil
	}
	return account.IDByEmail(ctx, d.Pool, idOrEmail)
}

// OpenDesk opens one; Close must follow. It knows every kind of job, and could do
// none: the nouns behind them lack what they would need.
func OpenDesk(ctx context.Context, cfg Config, logger *slog.Logger) (*Desk, error) {
	pool, err := postgres.Open(ctx, postgres.Config{URL: cfg.DatabaseURL.Reveal(), MaxConns: 4})
	if err != nil {
		return nil, err
	}
	d := &Desk{Pool: pool, Letters: deadletter.New(pool), Usage: usage.New(usage.Deps{Pool: pool, Logger: logger, Now: time.Now}), Monitor: monitor.New(monitor.Deps{Pool: pool, Logger: logger})}
	if err := d.open(cfg, logger); err != nil {
		d.Close()
		return nil, err
	}
	d.Letters.Register(deadletter.SourceJob, d.Queues.Replay)
	d.Letters.Register(deadletter.SourceEvent, exhume)
	return d, nil
}

func (d *Desk) open(cfg Config, logger *slog.Logger) (err error) {
	pool, registry, jobs := d.Pool, job.NewRegistry(), &laterJobs{}
	with := conversation.Deps{Pool: pool, Jobs: jobs, Logger: logger, Now: time.Now}
	d.Live = !cfg.RedisURL.Empty()
	redis.SetLogger(redisLog{logger}) // the library has one logger for the process
	if d.redis, err = openRedis(cmp.Or(cfg.RedisURL.Reveal(), noRedis)); err != nil {
		return err
	}
	if with.Log, err = eventlog.New(eventlog.Config{Client: d.redis}); err != nil {
		return err
	}
	if with.Locks, err = lock.New(lock.Config{Client: d.redis}); err != nil {
		return err
	}
	d.conversations, d.Conversations = with, conversation.New(with)
	tasks := task.New(task.Deps{Pool: pool})
	keys := once.New(nil, time.Now)
	n := nouns{
		accounts: new(account.Service), conversations: d.Conversations, audit: audit.New(audit.Deps{Pool: pool}),
		catalogue: new(catalogue.Service), onboardings: new(onboarding.Service), plans: new(learning.Service), tasks: tasks,
		replays: replay.New(pool, keys), usage: d.Usage, budgets: new(budget.Service), backups: new(backup.Service), monitor: d.Monitor,
	}
	if !cfg.KeyEncryptionKey.Empty() {
		if n.backups, err = newBackups(cfg, pool, &n, backup.Deps{Logger: logger, Now: time.Now}); err != nil {
			return err
		}
		d.Backups = n.backups
	}
	n.registerJobs(registry)
	n.registerTasks(registry)
	n.registerSweeps(registry, sweeps{keys, d.Letters, pool})
	d.Queues, err = job.New(job.Config{Pool: pool, Registry: registry, Logger: logger})
	jobs.Queue = d.Queues
	return err
}

// Close lets go of everything.
func (d *Desk) Close() {
	if d.Backups != nil {
		d.Backups.Close()
	}
	if d.conversations.Locks != nil {
		d.conversations.Locks.Close()
	}
	if d.conversations.Log != nil {
		_ = d.conversations.Log.Close() // nothing is lost by it
	}
	if d.redis != nil {
		_ = d.redis.Close() // the same
	}
	d.Pool.Close()
}

// nouns are those that have work to do in the background.
type nouns struct {
	accounts      *account.Service
	activity      *activity.Service
	audit         *audit.Service
	backups       *backup.Service
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
	n.backups.RegisterJobs(r)
}
