package backup

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Start begins a task of a kind within tx and gives its id.
type Start func(ctx context.Context, tx postgres.Tx, kind string, input any) (uuid.UUID, error)

// Asker is who asks, and the key that makes asking twice be asking once.
type Asker struct {
	UserID         uuid.UUID
	IdempotencyKey string
}

// asked is what an idempotency key remembers.
type asked struct {
	TaskID uuid.UUID `json:"task_id"`
}

// errBegun rolls a second task of the same key back.
var errBegun = fault.New(fault.Conflict, "idempotency.in_progress", "The task has begun already.")

// AskCreate begins the task that makes a backup; replayed says that an earlier request with
// the same key began it. Faults: backup.no_recipient, idempotency.*, server.unavailable.
func (s *Service) AskCreate(ctx context.Context, by Asker, in CreateInput, start Start) (taskID uuid.UUID, replayed bool, err error) {
	if !s.On() {
		return uuid.Nil, false, errNoRecipient
	}
	in.Format = 1
	return s.ask(ctx, asking{by, "createBackup", BackupKind, in}, start)
}

// AskRestore begins the task that restores a backup. Faults: resource.not_found,
// backup.no_identity, backup.damaged, backup.invalid_restore, backup.store_unavailable,
// idempotency.*, server.unavailable.
func (s *Service) AskRestore(ctx context.Context, by Asker, in RestoreInput, start Start) (taskID uuid.UUID, replayed bool, err error) {
	if err := CheckRestore(in); err != nil {
		return uuid.Nil, false, err
	}
	if _, err := s.chainOf(ctx, in.BackupID); err != nil {
		return uuid.Nil, false, err
	}
	if _, err := s.identities(nil); err != nil {
		return uuid.Nil, false, err
	}
	in.Format = 1
	return s.ask(ctx, asking{by, "restoreBackup", RestoreKind, in}, start)
}

// asking is one request for a task.
type asking struct {
	by              Asker
	operation, kind string
	input           any
}

func (s *Service) ask(ctx context.Context, a asking, start Start) (taskID uuid.UUID, replayed bool, err error) {
	claim, err := s.Once.Claim(a.by.UserID, a.operation, a.by.IdempotencyKey, a.input)
	if err != nil {
		return uuid.Nil, false, err
	}
	var first json.RawMessage
	err = postgres.InTx(ctx, s.Pool, func(tx postgres.Tx) error {
		if taskID, err = start(ctx, tx, a.kind, a.input); err != nil {
			return err
		}
		first, err = s.Once.Take(ctx, tx, claim, asked{taskID})
		if first != nil {
			return errBegun
		}
		return err
	})
	if first == nil {
		return taskID, false, err
	}
	var made asked
	if err := json.Unmarshal(first, &made); err != nil {
		return uuid.Nil, false, fmt.Errorf("replay %s: %w", a.operation, err)
	}
	return made.TaskID, true, nil
}
