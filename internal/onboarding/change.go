package onboarding

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// errMoved says that another device was faster between the reading and the lock.
var errMoved = errors.New("the onboarding has moved on")

// change is what a verb does.
type change struct {
	user     uuid.UUID
	language string                 // of the texts in the answer
	matches  func(Onboarding) error // nil: always
	// apply changes o under the lock and gives the events of it in their order; no
	// event means that nothing has changed, and nothing is written.
	apply func(tx postgres.Tx, o *Onboarding, at time.Time) ([]outbox.Data, error)
}

// change makes a change in one transaction and gives the onboarding as it is then.
//
// What belongs to the account and the catalogue is read before the transaction,
// since a connection that waits for a second one may wait for ever. If the version
// is another one under the lock, all is read again; each such round means that
// another change has succeeded, so it ends.
func (s *Service) change(ctx context.Context, c change) (Onboarding, error) {
	for {
		seen, err := s.read(ctx, c.user, c.language)
		if err != nil {
			return Onboarding{}, err
		}
		out, err := s.attempt(ctx, seen, c)
		if !errors.Is(err, errMoved) {
			return out, err
		}
	}
}

// attempt makes a change if the onboarding is still at the version seen, else errMoved.
func (s *Service) attempt(ctx context.Context, seen Onboarding, c change) (Onboarding, error) {
	var out Onboarding
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		r, err := lock(ctx, tx, c.user, s.clock())
		if err != nil {
			return err
		}
		if r.Version != seen.Version {
			return errMoved
		}
		at := s.clock() // after the wait for the lock, so that times grow with versions
		o := r.with(seen).asOf(at)
		if err := matches(o, c.matches); err != nil {
			return err
		}
		told, err := c.apply(tx, &o, at)
		out = o
		if err != nil || len(told) == 0 {
			return err
		}
		out.Version++
		out.UpdatedAt, out.LastActivityAt = &at, at
		if err := update(ctx, tx, out); err != nil {
			return err
		}
		return tell(ctx, tx, at, out.UserID, told)
	})
	if err != nil {
		return Onboarding{}, err
	}
	return out, nil
}

// matches asks a caller about the state. A state that was read before it fell silent
// is as good as the paused one: nothing has been chosen since.
func matches(o Onboarding, ask func(Onboarding) error) error {
	if ask == nil {
		return nil
	}
	err := ask(o)
	if err != nil && o.Status == StatusPaused {
		o.Status = StatusInProgress
		if ask(o) == nil {
			return nil
		}
	}
	return err
}
