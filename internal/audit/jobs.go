package audit

import (
	"context"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/job"
)

// Sweeping: how often, how many at a bite, and how long one run may take; the
// next goes on where it ended.
const (
	sweepEvery   = time.Hour
	sweepBite    = 1000
	sweepTimeout = 10 * time.Minute
)

// sweepArgs is the job that deletes what has been kept for Retention.
type sweepArgs struct{}

// Kind names the job.
func (sweepArgs) Kind() string { return "maintenance.sweep_audit_events" }

// RegisterJobs adds the sweep.
func (s *Service) RegisterJobs(r *job.Registry) {
	job.Register(r, job.Spec{Queue: job.QueueMaintenance, Timeout: sweepTimeout},
		func(ctx context.Context, _ job.Run, _ sweepArgs) error {
			for {
				n, err := s.Sweep(ctx, sweepBite)
				if err != nil || n < sweepBite {
					return err
				}
			}
		})
	job.Every(r, sweepEvery, sweepArgs{})
}

// Sweep deletes up to limit events that have been kept for Retention, by the
// database's clock, and says how many there were.
func (s *Service) Sweep(ctx context.Context, limit int) (int64, error) {
	return s.store.sweep(ctx, limit)
}
