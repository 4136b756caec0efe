package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// How many jobs wait in the queue, how many are worked on at once, and how often
// each way of working is timed.
const (
	waitingJobs = 20_000
	jobWorkers  = 100
	jobRounds   = 3
	jobBatch    = 5_000 // in one insert
)

// What internal/platform/job tells the engine about a queue without replies.
const (
	ourCooldown = 5 * time.Millisecond
	ourPoll     = time.Second
)

// jobLimit bounds the wait until all jobs of one round are completed.
const jobLimit = 2 * time.Minute

// nothing is a job without any work.
type nothing struct{}

func (nothing) Kind() string { return "figures.nothing" }

// crew is one way of working: start lets it begin, calling work for each job.
type crew struct {
	name  string
	jobs  int
	start func(ctx context.Context, pool *pgxpool.Pool, work func()) (stop func(context.Context) error, err error)
}

func crews() []crew {
	return []crew{
		{"ours", waitingJobs, startQueue},
		{"river as ours", waitingJobs, startRiver(ourCooldown, ourPoll, jobWorkers)},
		// The settings of `river bench`.
		{"river bench", waitingJobs, startRiver(2*time.Millisecond, 20*time.Millisecond, 2000)},
		// It fetches at most once in 100 ms, and no more than there are free workers.
		{"river by default", waitingJobs / 10, startRiver(0, 0, jobWorkers)},
	}
}

// jobs measures how fast jobs without work are worked off by our queue, with its
// leases, and by the engine alone, in turn.
func (s *stage) jobs(ctx context.Context) error {
	url, err := s.another(ctx, "jobs")
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, postgres.Config{URL: url, MaxConns: nodeConns})
	if err != nil {
		return err
	}
	defer pool.Close()
	all := crews()
	samples := make([][]float64, len(all))
	for range jobRounds {
		for i, c := range all {
			pace, err := burnDown(ctx, pool, c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			samples[i] = append(samples[i], pace)
		}
	}
	pace := make([]float64, len(all))
	for i := range all {
		pace[i] = median(samples[i])
	}
	sayJobs(pace)
	return nil
}

func sayJobs(pace []float64) {
	ours, same, best, plain := pace[0], pace[1], pace[2], pace[3]
	say("jobs worked, with leases", fmt.Sprintf("%.0f /s", ours), "", fmt.Sprintf(
		"%d jobs without work, %d at once, from the start until all are completed; median of %d in turn", waitingJobs, jobWorkers, jobRounds))
	say("jobs worked by river alone, fetching as ours does", fmt.Sprintf("%.0f /s", same), "", fmt.Sprintf(
		"the same jobs and pool; %.0f /s with the settings of `river bench`, %.0f /s with its defaults and %d workers", best, plain, jobWorkers))
	say("  ours over river fetching so / as `river bench`", fmt.Sprintf("%.2f / %.2f", ours/same, ours/best), "", "")
}

// burnDown times one crew on a table that holds nothing but its jobs.
func burnDown(ctx context.Context, pool *pgxpool.Pool, c crew) (perSecond float64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, jobLimit, errors.New("not all jobs were completed in time"))
	defer cancel()
	if err := insertJobs(ctx, pool, c.jobs); err != nil {
		return 0, err
	}
	var left atomic.Int64
	left.Store(int64(c.jobs))
	begun := make(chan struct{})
	began := time.Now()
	stop, err := c.start(ctx, pool, func() {
		if left.Add(-1) == 0 {
			close(begun)
		}
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop(context.WithoutCancel(ctx))) }()
	select { // the database is not asked before there can be an end
	case <-begun:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	if err := untilCompleted(ctx, pool); err != nil {
		return 0, err
	}
	return float64(c.jobs) / time.Since(began).Seconds(), nil
}

// insertJobs makes the table as new, and fills it.
func insertJobs(ctx context.Context, pool *pgxpool.Pool, n int) error {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, "truncate river_job, job_leases"); err != nil {
		return err
	}
	one := river.InsertManyParams{Args: nothing{}, InsertOpts: &river.InsertOpts{Queue: job.QueueAuth}}
	for ; n > 0; n -= jobBatch {
		batch := make([]river.InsertManyParams, min(n, jobBatch))
		for i := range batch {
			batch[i] = one
		}
		if _, err := client.InsertManyFast(ctx, batch); err != nil {
			return err
		}
	}
	_, err = pool.Exec(ctx, "vacuum (analyze) river_job")
	return err
}

func untilCompleted(ctx context.Context, pool *pgxpool.Pool) error {
	for {
		var unfinished bool
		err := pool.QueryRow(ctx, "select exists (select 1 from river_job where state <> 'completed')").Scan(&unfinished)
		if err != nil || !unfinished {
			return err
		}
		if err := pause(ctx, tick); err != nil {
			return err
		}
	}
}

// startQueue starts our queue, as a node has it.
func startQueue(ctx context.Context, pool *pgxpool.Pool, work func()) (func(context.Context) error, error) {
	registry := job.NewRegistry()
	job.Register(registry, job.Spec{Queue: job.QueueAuth}, func(context.Context, job.Run, nothing) error {
		work()
		return nil
	})
	queue, err := job.New(job.Config{
		Pool: pool, Registry: registry, Concurrency: map[string]int{job.QueueAuth: jobWorkers}, Logger: warnings(),
	})
	if err != nil {
		return nil, err
	}
	return queue.Stop, queue.Start(ctx)
}

// startRiver starts the engine alone; a wait of 0 is its default.
func startRiver(cooldown, poll time.Duration, workers int) func(context.Context, *pgxpool.Pool, func()) (func(context.Context) error, error) {
	return func(ctx context.Context, pool *pgxpool.Pool, work func()) (func(context.Context) error, error) {
		known := river.NewWorkers()
		river.AddWorker(known, river.WorkFunc(func(context.Context, *river.Job[nothing]) error {
			work()
			return nil
		}))
		var client *river.Client[pgx.Tx]
		client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
			FetchCooldown: cooldown, FetchPollInterval: poll, Workers: known, Logger: slog.New(slog.DiscardHandler),
			Queues: map[string]river.QueueConfig{job.QueueAuth: {MaxWorkers: workers}},
		})
		if err != nil {
			return nil, err
		}
		return client.Stop, client.Start(ctx)
	}
}
