package job

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// store is this package's part of the database: the leases, and the little of
// the queue's own table that they decide about.
type store struct {
	pool     *pgxpool.Pool
	lifetime time.Duration // of a lease
	q        db.Queries
}

// take says whether the job is ours now, and under which number.
func (s *store) take(ctx context.Context, jobID int64) (number int64, held bool, err error) {
	number, err = s.q.TakeJobLease(ctx, s.pool, db.TakeJobLeaseParams{JobID: jobID, Lifetime: s.lifetime})
	if postgres.NoRows(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("take: %w", err)
	}
	return number, true, nil
}

// renew answers those of numbers that nobody else has taken.
func (s *store) renew(ctx context.Context, numbers []int64) (map[int64]bool, error) {
	rows, err := s.q.RenewJobLeases(ctx, s.pool, db.RenewJobLeasesParams{Numbers: numbers, Lifetime: s.lifetime})
	if err != nil {
		return nil, fmt.Errorf("renew: %w", err)
	}
	kept := make(map[int64]bool, len(rows))
	for _, n := range rows {
		kept[n] = true
	}
	return kept, nil
}

// complete ends the job with its lease, and says whether the lease was ours.
func (s *store) complete(ctx context.Context, number int64) (ours bool, err error) {
	n, err := s.q.CompleteLeasedJob(ctx, s.pool, number)
	if err != nil {
		return false, fmt.Errorf("complete: %w", err)
	}
	return n == 1, nil
}

// discard gives a job up: it ends the job with its lease, and leaves its dead
// letter, all or nothing. It says whether the lease was ours. The letter gets the
// errors that the job has, and cause as the last.
func (s *store) discard(ctx context.Context, number int64, letter deadletter.Letter, cause string) (ours bool, err error) {
	err = postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		failures, err := s.q.DiscardLeasedJob(ctx, tx, db.DiscardLeasedJobParams{Attempt: letter.Attempts, Error: cause, Number: number})
		if postgres.NoRows(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("discard: %w", err)
		}
		if err := json.Unmarshal(failures, &letter.Errors); err != nil {
			return fmt.Errorf("discard: errors: %w", err)
		}
		ours = true
		return deadletter.Write(ctx, tx, letter)
	})
	return ours, err
}

// attempt says how often the job was begun.
func (s *store) attempt(ctx context.Context, jobID int64) (int, error) {
	n, err := s.q.JobAttempt(ctx, s.pool, jobID)
	if err != nil {
		return 0, fmt.Errorf("attempt: %w", err)
	}
	return int(n), nil
}

// time is the database's.
func (s *store) time(ctx context.Context) (time.Time, error) {
	at, err := s.q.DatabaseTime(ctx, s.pool)
	if err != nil {
		return at, fmt.Errorf("read the clock: %w", err)
	}
	return at, nil
}

// release gives the lease of an unfinished job back, and says whether it was ours.
func (s *store) release(ctx context.Context, number int64) (ours bool, err error) {
	n, err := s.q.ReleaseJobLease(ctx, s.pool, db.ReleaseJobLeaseParams{Number: number, Lifetime: s.lifetime})
	if err != nil {
		return false, fmt.Errorf("release: %w", err)
	}
	return n == 1, nil
}

// revive makes the jobs of lost workers available again, and says which.
func (s *store) revive(ctx context.Context) ([]int64, error) {
	ids, err := s.q.ReviveLapsedJobs(ctx, s.pool, s.lifetime)
	if err != nil {
		return nil, fmt.Errorf("revive: %w", err)
	}
	if err := s.q.DeleteLapsedLeases(ctx, s.pool); err != nil {
		return ids, fmt.Errorf("delete lapsed: %w", err)
	}
	return ids, nil
}

// depths tells of the named queues, in no order.
func (s *store) depths(ctx context.Context, names []string) ([]Depth, error) {
	rows, err := s.q.JobQueueDepths(ctx, s.pool, names)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read queues: %w", err))
	}
	all := make([]Depth, 0, len(rows))
	for _, r := range rows {
		all = append(all, Depth{
			Queue: r.Name, Paused: r.Paused, Available: r.Available, Running: r.Running,
			Scheduled: r.Scheduled, Retryable: r.Retryable, OldestAge: r.OldestAge,
		})
	}
	return all, nil
}

// ensureQueue makes the queue one that can be paused.
func (s *store) ensureQueue(ctx context.Context, tx postgres.Tx, name string) error {
	if err := s.q.EnsureJobQueue(ctx, tx, name); err != nil {
		return fmt.Errorf("ensure queue: %w", err)
	}
	return nil
}
