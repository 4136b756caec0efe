package task

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// CreateInput is a task that a user asks for by an operation.
type CreateInput struct {
	StartInput
	Operation      string // its operationId
	IdempotencyKey string // empty: none
	// Refusal is why nothing may be started now; nil: it may. A key that was used
	// before gives its task all the same, and one that was not stays unused.
	Refusal error
}

// Created is the task; Replayed when an earlier request with the same key began it.
type Created struct {
	Task
	Replayed bool
}

// created is what an idempotency key remembers.
type created struct {
	TaskID uuid.UUID `json:"task_id"`
}

// Create starts a task, unless the user has one of the kind that is not over, about
// the same: then that one is given, for doing it twice at once would be of no use. Faults:
// idempotency.*, server.unavailable, and Refusal.
func (s *Service) Create(ctx context.Context, in CreateInput) (Created, error) {
	claim, err := s.once.Claim(in.UserID, in.Operation, in.IdempotencyKey, in.Input)
	if err != nil {
		return Created{}, err
	}
	var id uuid.UUID
	var replay json.RawMessage
	err = postgres.InTx(ctx, s.store.pool, func(tx Tx) error {
		found, err := s.store.unfinished(ctx, tx, in.StartInput)
		if err != nil {
			return err
		}
		if id = found; id == uuid.Nil {
			if id, err = uuid.NewV7(); err != nil {
				return fmt.Errorf("create task %s: %w", in.Kind, err)
			}
		}
		if replay, err = s.once.Take(ctx, tx, claim, created{id}); err != nil || replay != nil {
			return err
		}
		if in.Refusal != nil || found != uuid.Nil {
			return in.Refusal
		}
		_, err = s.start(ctx, tx, id, in.StartInput)
		return err
	})
	if err != nil {
		return Created{}, err
	}
	if replay != nil {
		var first created
		if err := json.Unmarshal(replay, &first); err != nil {
			return Created{}, fmt.Errorf("replay task: %w", err)
		}
		id = first.TaskID
	}
	t, err := s.Get(ctx, in.UserID, id)
	return Created{Task: t, Replayed: replay != nil}, err
}
