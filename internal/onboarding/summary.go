package onboarding

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Summary tells what was chosen. Seeing it when nothing is missing is a step, which
// is done once; else it changes nothing. Fault: server.unavailable.
func (s *Service) Summary(ctx context.Context, user uuid.UUID, language string) (Onboarding, error) {
	o, err := s.Get(ctx, user, language)
	if err != nil || !o.showsSummary() {
		return o, err
	}
	return s.change(ctx, change{user: user, language: language,
		apply: func(_ postgres.Tx, o *Onboarding, at time.Time) ([]outbox.Data, error) {
			if !o.showsSummary() { // another device was faster
				return nil, nil
			}
			return o.did(StepSummary, at), nil
		}})
}

// showsSummary reports that seeing the summary is the step to do.
func (o Onboarding) showsSummary() bool {
	return len(o.Missing()) == 0 && index(o.Step) < index(StepSummary)
}
