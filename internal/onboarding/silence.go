package onboarding

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// How long a learner chooses nothing until an onboarding under way gets another
// status. Nothing is forgotten by any of them.
const (
	// PausedAfter is when it is paused: readers are told so at once, and the sweep
	// stores it. It is no event and no new version.
	PausedAfter = 30 * time.Minute
	// AbandonedAfter is when the sweep makes it abandoned, with an event.
	AbandonedAfter = 30 * 24 * time.Hour
	// ExpiredAfter is when the sweep makes it expired, with an event.
	ExpiredAfter = 365 * 24 * time.Hour
)

// asOf is an onboarding as readers see it at a time.
func (o Onboarding) asOf(at time.Time) Onboarding {
	if o.Status == StatusInProgress && at.Sub(o.LastActivityAt) >= PausedAfter {
		o.Status = StatusPaused
	}
	return o
}

// fallen is the status that silence gives to what is under way or left.
func fallen(silence time.Duration) string {
	switch {
	case silence >= ExpiredAfter:
		return StatusExpired
	case silence >= AbandonedAfter:
		return StatusAbandoned
	}
	return StatusPaused
}

// SweepSilent stores the status of up to bite onboardings that have been silent for
// long enough, and says how many there were: fewer than bite when no more are left.
// Each gets its last status at once, with the event of that alone. Several may sweep
// at a time; an onboarding that is being changed is left for the next sweep. Fault:
// server.unavailable.
func (s *Service) SweepSilent(ctx context.Context, bite int) (int64, error) {
	at := s.clock()
	var swept int64
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		left, told := map[string][]uuid.UUID{}, &pgx.Batch{}
		for _, look := range []struct {
			status string
			after  time.Duration
		}{{StatusAbandoned, ExpiredAfter}, {StatusPaused, AbandonedAfter}, {StatusInProgress, PausedAfter}} {
			found, err := silent(ctx, tx, look.status, at.Add(-look.after), bite-int(swept))
			if err != nil {
				return err
			}
			swept += int64(len(found))
			for _, o := range found {
				status := fallen(at.Sub(o.LastActivityAt))
				left[status] = append(left[status], o.UserID)
				if err := queueLeft(ctx, told, at, o, status); err != nil {
					return err
				}
			}
		}
		for status, users := range left {
			if err := settle(ctx, tx, users, status, at); err != nil {
				return err
			}
		}
		return tx.SendBatch(ctx, told).Close()
	})
	if err != nil {
		return 0, err
	}
	return swept, nil
}

// queueLeft tells that a learner did not come back; that they pause is no event.
func queueLeft(ctx context.Context, batch *pgx.Batch, at time.Time, o Onboarding, status string) error {
	if status == StatusPaused {
		return nil
	}
	return outbox.Queue(ctx, batch, at, o.UserID, events.OnboardingAbandoned{
		UserID: o.UserID, CurrentStep: events.ProgressStep(o.Step), Status: events.OnboardingAbandonedStatus(status),
	})
}
