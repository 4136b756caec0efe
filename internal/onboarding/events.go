package onboarding

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// did makes a step done and gives the events of it: onboarding.started when it was
// not under way, those of the choice, onboarding.step_completed.
func (o *Onboarding) did(step string, at time.Time, choice ...outbox.Data) []outbox.Data {
	var told []outbox.Data
	switch o.Status {
	case StatusNotStarted, StatusAbandoned, StatusExpired:
		told = append(told, events.OnboardingStarted{UserID: o.UserID})
		if o.StartedAt == nil {
			o.StartedAt = &at
		}
	}
	if o.Status != StatusCompleted {
		o.Status = StatusInProgress
	}
	o.Step = furthest(o.Step, step)
	return append(append(told, choice...), events.OnboardingStepCompleted{
		UserID: o.UserID, Step: events.ProgressStep(step), CurrentStep: events.ProgressStep(o.Step),
	})
}

// tell writes the events of a learner's onboarding in one round trip. Its row must
// be locked by tx.
func tell(ctx context.Context, tx postgres.Tx, at time.Time, user uuid.UUID, told []outbox.Data) error {
	batch := &pgx.Batch{}
	for _, data := range told {
		if err := outbox.Queue(ctx, batch, at, user, data); err != nil {
			return err
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write events of an onboarding: %w", err)
	}
	return nil
}
