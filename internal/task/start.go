package task

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// StartInput says what is to be done, and for whom.
type StartInput struct {
	UserID uuid.UUID // who owns the task: alone sees it and may cancel it
	Kind   string    // one that was registered
	Input  any       // what the kind's work is given, as JSON: ids, never texts or secrets
	// About are the members of Input that tell one work of the kind from another, as a
	// JSON object: where a user has one at a time, it is one for each. nil: one in all.
	About any
}

// StartOnce starts a task under an id that the caller gives, such as that of an event,
// which starts one task however often it is handled. It starts none when there was one
// of that id within Lifetime, or the user has one of the kind that is not over.
func (s *Service) StartOnce(ctx context.Context, id uuid.UUID, in StartInput) (started bool, err error) {
	err = postgres.InTx(ctx, s.store.pool, func(tx Tx) error {
		started = false
		found, err := s.store.unfinished(ctx, tx, in)
		if err != nil || found != uuid.Nil {
			return err
		}
		if there, err := s.store.exists(ctx, tx, id); err != nil || there {
			return err
		}
		started = true
		_, err = s.start(ctx, tx, id, in)
		return err
	})
	return started, err
}

// Start adds a task and its job to tx; both exist once that commits. A kind that
// was not registered is an error. That the user exists is the caller's to know: a
// task may outlive its user, as the one does that erases an account.
func (s *Service) Start(ctx context.Context, tx Tx, in StartInput) (Task, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Task{}, fmt.Errorf("start task %s: %w", in.Kind, err)
	}
	return s.start(ctx, tx, id, in)
}

func (s *Service) start(ctx context.Context, tx Tx, id uuid.UUID, in StartInput) (Task, error) {
	input, err := json.Marshal(in.Input)
	if err != nil {
		return Task{}, fmt.Errorf("start task %s: %w", in.Kind, err)
	}
	t, err := s.store.insert(ctx, tx, Task{ID: id, UserID: in.UserID, Kind: in.Kind, input: input, CreatedAt: s.clock()})
	if err != nil {
		return Task{}, err
	}
	if err := tell(ctx, tx, t); err != nil {
		return Task{}, err
	}
	return t, s.jobs.Insert(ctx, tx, jobArgs{Format: 1, TaskID: id, kind: in.Kind})
}
