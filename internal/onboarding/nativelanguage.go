package onboarding

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

var errUnknownLanguage = fault.New(fault.Unprocessable, "onboarding.unknown_language", "There is no such native language to choose.").
	WithFields(fault.Field{Pointer: "/native_language", Code: "unknown", Detail: "must be an available language of listLanguages"})

// SetNativeLanguageInput is a learner's choice.
type SetNativeLanguageInput struct {
	UserID         uuid.UUID
	Language       string // of the texts in the answer: a served tag
	NativeLanguage string // of listLanguages
	// Matches is asked about the onboarding as it is under the lock, twice at most; an
	// error of it stops the change. nil: always. It is the same for every verb.
	Matches func(Onboarding) error
}

// SetNativeLanguage says which language is the learner's own, here and in the
// account at once. Faults: onboarding.unknown_language, server.unavailable, and
// what Matches gives.
func (s *Service) SetNativeLanguage(ctx context.Context, in SetNativeLanguageInput) (Onboarding, error) {
	id, ok := s.choices.NativeLanguage(in.NativeLanguage)
	if !ok {
		return Onboarding{}, errUnknownLanguage
	}
	return s.change(ctx, change{user: in.UserID, language: in.Language, matches: in.Matches,
		apply: func(tx postgres.Tx, o *Onboarding, at time.Time) ([]outbox.Data, error) {
			if err := s.learners.SetNativeLanguage(ctx, tx, o.UserID, &id); err != nil {
				return nil, err
			}
			o.NativeLanguage = &id
			return o.did(StepNativeLanguage, at, events.OnboardingLanguageSelected{UserID: o.UserID, NativeLanguage: id}), nil
		}})
}
