package account

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// endLock ends a lock whose time is up, and says when that was; nil: there is none.
func endLock(ctx context.Context, tx postgres.Tx, a attempt, at time.Time) (*time.Time, error) {
	ended, err := db.New().EndLock(ctx, tx, db.EndLockParams{EmailID: a.EmailID, SourceID: a.SourceID, Device: a.Device, At: &at})
	if postgres.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("end lock: %w", err)
	}
	return ended, nil
}

func beginAttempt(ctx context.Context, tx postgres.Tx, a attempt, at time.Time) (attempt, error) {
	row, err := db.New().BeginAttempt(ctx, tx, db.BeginAttemptParams{
		EmailID: a.EmailID, SourceID: a.SourceID, Device: a.Device, UserID: a.UserID, At: at, WindowStart: at.Add(-LockPause),
	})
	if err != nil {
		return a, fmt.Errorf("begin attempt: %w", err)
	}
	a.Failures, a.Pending, a.LockedTo = row.Failures, row.Pending, row.LockedUntil
	return a, nil
}

func failAttempt(ctx context.Context, tx postgres.Tx, a attempt, at time.Time) (attempt, error) {
	row, err := db.New().FailAttempt(ctx, tx, db.FailAttemptParams{
		EmailID: a.EmailID, SourceID: a.SourceID, Device: a.Device, UserID: a.UserID, At: at,
		Most: MaxFailures, LockEnd: at.Add(LockPause),
	})
	if err != nil {
		return a, fmt.Errorf("count attempt: %w", err)
	}
	a.Failures, a.LockedTo = row.Failures, row.LockedUntil
	return a, nil
}

func (s *store) dropAttempt(ctx context.Context, a attempt) error {
	err := s.q.DropAttempt(ctx, s.pool, db.DropAttemptParams{EmailID: a.EmailID, SourceID: a.SourceID, Device: a.Device})
	if err != nil {
		return postgres.Translate(fmt.Errorf("drop attempt: %w", err))
	}
	return nil
}

func forgetAttempts(ctx context.Context, tx postgres.Tx, a attempt) error {
	err := db.New().ForgetAttempts(ctx, tx, db.ForgetAttemptsParams{EmailID: a.EmailID, SourceID: a.SourceID, Device: a.Device})
	if err != nil {
		return fmt.Errorf("forget attempts: %w", err)
	}
	return nil
}

// forgetEmail ends every lock and count of an email, and of a user where one is given, and
// reports whether there was a lock.
func forgetEmail(ctx context.Context, tx postgres.Tx, emailID uuid.UUID, user *uuid.UUID, at time.Time) (bool, error) {
	locked, err := db.New().ForgetEmail(ctx, tx, db.ForgetEmailParams{EmailID: emailID, UserID: user, At: at})
	if err != nil {
		return false, fmt.Errorf("forget attempts: %w", err)
	}
	return slices.Contains(locked, true), nil
}

func sweepAttempts(ctx context.Context, tx postgres.Tx, at time.Time, bite int) ([]attempt, error) {
	rows, err := db.New().SweepAttempts(ctx, tx, db.SweepAttemptsParams{At: at, WindowStart: at.Add(-LockPause), MaxRows: bite})
	if err != nil {
		return nil, fmt.Errorf("sweep attempts: %w", err)
	}
	out := make([]attempt, 0, len(rows))
	for _, r := range rows {
		out = append(out, attempt{EmailID: r.EmailID, SourceID: r.SourceID, UserID: r.UserID, LockedTo: r.LockedUntil})
	}
	return out, nil
}
