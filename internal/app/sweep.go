package app

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/task"
)

// Sweeping: how often, and how many rows at a bite.
const (
	sweepEvery = time.Hour
	sweepBite  = 1000
)

// sweepKeysArgs is the job that deletes expired idempotency keys.
type sweepKeysArgs struct{}

// Kind names the job.
func (sweepKeysArgs) Kind() string { return "maintenance.sweep_idempotency_keys" }

// sweepLettersArgs is the job that deletes dead letters which were replayed long ago.
type sweepLettersArgs struct{}

// Kind names the job.
func (sweepLettersArgs) Kind() string { return "maintenance.sweep_dead_letters" }

// sweepEventsArgs is the job that deletes events and records of them that are
// older than the outbox's retention.
type sweepEventsArgs struct{}

// Kind names the job.
func (sweepEventsArgs) Kind() string { return "maintenance.sweep_events" }

// sweepTasksArgs is the job that deletes tasks that ended long ago.
type sweepTasksArgs struct{}

// Kind names the job.
func (sweepTasksArgs) Kind() string { return "maintenance.sweep_tasks" }

// sweepSessionsArgs is the job that deletes sessions, codes and keys that are long over.
type sweepSessionsArgs struct{}

// Kind names the job.
func (sweepSessionsArgs) Kind() string { return "maintenance.sweep_sessions" }

// sweepAttemptsArgs is the job that ends locks whose time is up.
type sweepAttemptsArgs struct{}

// Kind names the job.
func (sweepAttemptsArgs) Kind() string { return "maintenance.sweep_login_attempts" }

// registerSweeps adds the work that keeps tables from growing for ever.
func registerSweeps(r *job.Registry, keys *once.Keys, tasks *task.Service, letters *deadletter.Box, accounts *account.Service, pool *pgxpool.Pool) {
	registerSweep(r, sweepEvery, sweepSessionsArgs{}, func(ctx context.Context) (int64, error) { return accounts.Sweep(ctx, sweepBite) })
	registerSweep(r, time.Minute, sweepAttemptsArgs{}, func(ctx context.Context) (int64, error) { return accounts.SweepAttempts(ctx, sweepBite) })
	registerSweep(r, sweepEvery, sweepKeysArgs{}, func(ctx context.Context) (int64, error) { return keys.Sweep(ctx, pool, sweepBite) })
	registerSweep(r, sweepEvery, sweepEventsArgs{}, func(ctx context.Context) (int64, error) { return outbox.Sweep(ctx, pool, sweepBite) })
	registerSweep(r, sweepEvery, sweepTasksArgs{}, func(ctx context.Context) (int64, error) { return tasks.Sweep(ctx, sweepBite) })
	registerSweep(r, sweepEvery, sweepLettersArgs{}, func(ctx context.Context) (int64, error) { return letters.Sweep(ctx, sweepBite) })
}

// registerSweep has bites taken, again and again, until one is not a whole one.
func registerSweep[T job.Args](r *job.Registry, every time.Duration, args T, bite func(context.Context) (int64, error)) {
	job.Register(r, job.Spec{Queue: job.QueueMaintenance}, func(ctx context.Context, _ job.Run, _ T) error {
		for {
			n, err := bite(ctx)
			if err != nil || n < sweepBite {
				return err
			}
		}
	})
	job.Every(r, every, args)
}
