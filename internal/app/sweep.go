package app

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/once"
)

// Sweeping of idempotency keys: how often, and how many at a bite.
const (
	sweepKeysEvery = time.Hour
	sweepKeysBite  = 1000
)

// sweepKeysArgs is the job that deletes expired idempotency keys.
type sweepKeysArgs struct{}

// Kind names the job.
func (sweepKeysArgs) Kind() string { return "maintenance.sweep_idempotency_keys" }

// registerSweeps adds the work that keeps tables from growing for ever.
func registerSweeps(r *job.Registry, keys *once.Keys, pool *pgxpool.Pool) {
	job.Register(r, job.Spec{Queue: job.QueueMaintenance},
		func(ctx context.Context, _ job.Run, _ sweepKeysArgs) error {
			for {
				n, err := keys.Sweep(ctx, pool, sweepKeysBite)
				if err != nil || n < sweepKeysBite {
					return err
				}
			}
		})
	job.Every(r, sweepKeysEvery, sweepKeysArgs{})
}
