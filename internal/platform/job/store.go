package job

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
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
