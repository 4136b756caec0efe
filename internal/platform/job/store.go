package job

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// takeLease says whether the job is ours now, and under which number.
func takeLease(ctx context.Context, pool *pgxpool.Pool, jobID int64) (number int64, held bool, err error) {
	number, err = db.New().TakeJobLease(ctx, pool, db.TakeJobLeaseParams{JobID: jobID, Lifetime: LeaseLifetime})
	if postgres.NoRows(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("take job lease: %w", err)
	}
	return number, true, nil
}

// renewLeases answers those of numbers that nobody else has taken.
func renewLeases(ctx context.Context, pool *pgxpool.Pool, numbers []int64) (map[int64]bool, error) {
	rows, err := db.New().RenewJobLeases(ctx, pool, db.RenewJobLeasesParams{Numbers: numbers, Lifetime: LeaseLifetime})
	if err != nil {
		return nil, fmt.Errorf("renew: %w", err)
	}
	kept := make(map[int64]bool, len(rows))
	for _, n := range rows {
		kept[n] = true
	}
	return kept, nil
}

func releaseLease(ctx context.Context, pool *pgxpool.Pool, number int64) error {
	if err := db.New().ReleaseJobLease(ctx, pool, number); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

func reviveLapsed(ctx context.Context, pool *pgxpool.Pool) ([]int64, error) {
	ids, err := db.New().ReviveLapsedJobs(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("revive lapsed jobs: %w", err)
	}
	if err := db.New().DeleteOrphanedLeases(ctx, pool); err != nil {
		return ids, fmt.Errorf("delete orphaned leases: %w", err)
	}
	return ids, nil
}
