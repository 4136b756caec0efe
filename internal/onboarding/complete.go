package onboarding

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

var errIncomplete = fault.New(fault.Conflict, "onboarding.incomplete", "Something is missing that completing needs.")

// CompleteInput says whose onboarding is done.
type CompleteInput struct {
	UserID           uuid.UUID
	Language         string // of the texts in the answer: a served tag
	PartnersOptional bool   // for clients that complete without partners and situations
}

// Complete finishes an onboarding and starts the task that writes the learning plan,
// in one transaction. Completing what is completed changes nothing. Faults:
// onboarding.incomplete, which names every missing part in its fields and in the
// detail `missing`; server.unavailable.
func (s *Service) Complete(ctx context.Context, in CompleteInput) (Onboarding, error) {
	return s.change(ctx, change{user: in.UserID, language: in.Language,
		apply: func(tx postgres.Tx, o *Onboarding, at time.Time) ([]outbox.Data, error) {
			if o.Status == StatusCompleted {
				return nil, nil
			}
			if err := o.complete(in.PartnersOptional); err != nil {
				return nil, err
			}
			taskID, err := s.plans.Start(ctx, tx, o.UserID)
			if err != nil {
				return nil, err
			}
			told := o.did(StepCompleted, at, events.OnboardingCompleted{UserID: o.UserID, TaskID: taskID})
			o.Status, o.TaskID, o.CompletedAt = StatusCompleted, &taskID, &at
			return told, nil
		}})
}

// complete gives the fault that says what is missing, if anything is.
func (o Onboarding) complete(partnersOptional bool) error {
	missing := o.Missing()
	if partnersOptional {
		missing = slices.DeleteFunc(missing, func(part string) bool { return part == PartPartners || part == PartSituations })
	}
	if len(missing) == 0 {
		return nil
	}
	fields := make([]fault.Field, 0, len(missing))
	for _, part := range missing {
		fields = append(fields, fault.Field{Pointer: "/" + part, Code: "required", Detail: "must be chosen first"})
	}
	return errIncomplete.WithFields(fields...).WithDetail("missing", missing)
}
