package app

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
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

// silenceArgs is the job that pauses and gives up onboardings that nobody goes on with.
type silenceArgs struct{}

// Kind names the job.
func (silenceArgs) Kind() string { return "onboarding.silence" }

// sweepUsageArgs is the job that deletes counts of deprecated calls that are old.
type sweepUsageArgs struct{}

// Kind names the job.
func (sweepUsageArgs) Kind() string { return "maintenance.sweep_deprecated_calls" }

// indexWordsArgs is the job that makes conversations searchable which are not yet.
type indexWordsArgs struct{}

// Kind names the job.
func (indexWordsArgs) Kind() string { return "conversation.index_words" }

// sweepTokensArgs is the job that deletes counts of tokens that are old.
type sweepTokensArgs struct{}

// Kind names the job.
func (sweepTokensArgs) Kind() string { return "maintenance.sweep_token_days" }

// sweepMonitorArgs is the job that deletes what the monitor saw long ago.
type sweepMonitorArgs struct{}

// Kind names the job.
func (sweepMonitorArgs) Kind() string { return "maintenance.sweep_monitor" }

// sweeps are the other things that are swept.
type sweeps struct {
	keys    *once.Keys
	letters *deadletter.Box
	pool    *pgxpool.Pool
}

// registerSweeps adds the work that keeps tables from growing for ever, and that is
// due when time has passed.
func (n nouns) registerSweeps(r *job.Registry, and sweeps) {
	registerSweep(r, sweepEvery, sweepSessionsArgs{}, func(ctx context.Context) (int64, error) { return n.accounts.Sweep(ctx, sweepBite) })
	registerSweep(r, time.Minute, sweepAttemptsArgs{}, func(ctx context.Context) (int64, error) { return n.accounts.SweepAttempts(ctx, sweepBite) })
	registerSweep(r, time.Minute, silenceArgs{}, func(ctx context.Context) (int64, error) { return n.onboardings.SweepSilent(ctx, sweepBite) })
	registerSweep(r, time.Minute, indexWordsArgs{}, func(ctx context.Context) (int64, error) { return n.conversations.IndexMissing(ctx, sweepBite) })
	registerSweep(r, sweepEvery, sweepKeysArgs{}, func(ctx context.Context) (int64, error) { return and.keys.Sweep(ctx, and.pool, sweepBite) })
	registerSweep(r, sweepEvery, sweepEventsArgs{}, func(ctx context.Context) (int64, error) { return outbox.Sweep(ctx, and.pool, sweepBite) })
	registerSweep(r, sweepEvery, sweepTasksArgs{}, func(ctx context.Context) (int64, error) { return n.tasks.Sweep(ctx, sweepBite) })
	registerSweep(r, sweepEvery, sweepUsageArgs{}, func(ctx context.Context) (int64, error) { return n.usage.Sweep(ctx, sweepBite) })
	registerSweep(r, sweepEvery, sweepTokensArgs{}, func(ctx context.Context) (int64, error) { return n.budgets.Sweep(ctx, sweepBite) })
	registerSweep(r, sweepEvery, sweepMonitorArgs{}, func(ctx context.Context) (int64, error) { return n.monitor.Sweep(ctx, sweepBite) })
	registerSweep(r, sweepEvery, sweepLettersArgs{}, func(ctx context.Context) (int64, error) { return and.letters.Sweep(ctx, sweepBite) })
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
