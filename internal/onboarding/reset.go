package onboarding

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Reset forgets everything that was chosen, the account's native language included,
// also after completion. Custom roles and a learning plan stay. Where there is
// nothing to forget it changes nothing. Fault: server.unavailable.
func (s *Service) Reset(ctx context.Context, user uuid.UUID, language string) (Onboarding, error) {
	return s.change(ctx, change{user: user, language: language,
		apply: func(tx postgres.Tx, o *Onboarding, _ time.Time) ([]outbox.Data, error) {
			if o.blank() {
				return nil, nil
			}
			if err := s.learners.SetNativeLanguage(ctx, tx, user, nil); err != nil {
				return nil, err
			}
			told := events.OnboardingReset{UserID: user, PreviousStep: events.ProgressStep(o.Step)}
			// The version grows on, so that a tag of before never fits again.
			*o = Onboarding{UserID: user, Version: o.Version, Status: StatusNotStarted, Step: StepNotStarted, Partners: []Partner{}}
			return []outbox.Data{told}, nil
		}})
}
