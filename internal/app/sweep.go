package app

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/once"
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

// sweepTasksArgs is the job that deletes tasks that ended long ago.
type sweepTasksArgs struct{}

// Kind names the job.
func (sweepTasksArgs) Kind() string { return "maintenance.sweep_tasks" }

// registerSweeps adds the work that keeps tables from growing for ever.
func registerSweeps(r *job.Registry, keys *once.Keys, tasks *task.Service, pool *pgxpool.Pool) {
	sweep(r, sweepKeysArgs{}, func(ctx context.Context) (int64, error) { return keys.Sweep(ctx, pool, sweepBite) })
	sweep(r, sweepTasksArgs{}, func(ctx context.Context) (int64, error) { return tasks.Sweep(ctx, sweepBite) })
}

// sweep adds one job that comes again and again and takes bites until one is not full.
func sweep[T job.Args](r *job.Registry, args T, bite func(context.Context) (int64, error)) {
	job.Register(r, job.Spec{Queue: job.QueueMaintenance}, func(ctx context.Context, _ job.Run, _ T) error {
		for {
			n, err := bite(ctx)
			if err != nil || n < sweepBite {
				return err
			}
		}
	})
	job.Every(r, sweepEvery, args)
}
