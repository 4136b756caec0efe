package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/replay"
	"github.com/fluentpro/fluentpro/internal/task"
	"github.com/fluentpro/fluentpro/internal/usage"
)

// noRedis is where nothing answers: locks then are the database's, and readers learn of what is
// recovered when they look.
const noRedis = "redis://127.0.0.1:1"

// Vault is what backups are made and restored with from the command line: it needs the
// database and the store, and uses Redis where it is there. It works on no job.
type Vault struct {
	Backups       *backup.Service
	Conversations *conversation.Service
	Pool          *pgxpool.Pool

	redis redis.UniversalClient
	log   *eventlog.Log
	locks *lock.Locks
}

// OpenVault opens one; Close must follow.
func OpenVault(ctx context.Context, cfg Config, logger *slog.Logger) (_ *Vault, err error) {
	v := &Vault{}
	defer func() {
		if err != nil {
			v.Close()
		}
	}()
	if v.Pool, err = postgres.Open(ctx, postgres.Config{URL: cfg.DatabaseURL, MaxConns: 4}); err != nil {
		return nil, err
	}
	if cfg.RedisURL == "" {
		cfg.RedisURL = noRedis
	}
	redis.SetLogger(redisLog{logger}) // the library has one logger for the process
	if v.redis, err = openRedis(cfg.RedisURL); err != nil {
		return nil, err
	}
	if v.log, err = eventlog.New(eventlog.Config{Client: v.redis}); err != nil {
		return nil, err
	}
	if v.locks, err = lock.New(lock.Config{Client: v.redis}); err != nil {
		return nil, err
	}
	return v, v.wire(cfg, logger)
}

// wire makes what works on conversations; of the other nouns only the names of their jobs are
// known.
func (v *Vault) wire(cfg Config, logger *slog.Logger) (err error) {
	jobs, registry, keys := &laterJobs{}, job.NewRegistry(), once.New(nil, time.Now)
	v.Conversations = conversation.New(conversation.Deps{Pool: v.Pool, Log: v.log, Locks: v.locks, Jobs: jobs, Logger: logger, Now: time.Now})
	n := &nouns{
		accounts: new(account.Service), conversations: v.Conversations, audit: audit.New(audit.Deps{Pool: v.Pool}), catalogue: new(catalogue.Service),
		onboardings: new(onboarding.Service), plans: new(learning.Service), tasks: task.New(task.Deps{Pool: v.Pool}), replays: replay.New(v.Pool, keys),
		usage: new(usage.Service), budgets: new(budget.Service),
	}
	if n.backups, err = newBackups(cfg, v.Pool, n, backup.Deps{Logger: logger, Now: time.Now}); err != nil {
		return err
	}
	v.Backups = n.backups
	n.registerJobs(registry)
	jobs.Queue, err = job.New(job.Config{Pool: v.Pool, Registry: registry, Logger: logger})
	return err
}

// Close lets go of everything.
func (v *Vault) Close() {
	if v.Backups != nil {
		v.Backups.Close()
	}
	if v.locks != nil {
		v.locks.Close()
	}
	if v.log != nil {
		_ = v.log.Close()
	}
	if v.redis != nil {
		_ = v.redis.Close()
	}
	if v.Pool != nil {
		v.Pool.Close()
	}
}
