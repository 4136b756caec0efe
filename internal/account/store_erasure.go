package account

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

func markErasing(ctx context.Context, tx postgres.Tx, user, task uuid.UUID, at time.Time) error {
	if err := db.New().MarkErasing(ctx, tx, db.MarkErasingParams{ID: user, TaskID: &task, At: &at}); err != nil {
		return fmt.Errorf("begin erasure: %w", err)
	}
	return nil
}

// receipt is that of an account that was erased.
func (s *store) receipt(ctx context.Context, user uuid.UUID) (r Receipt, err error) {
	row, err := s.q.TombstoneByUser(ctx, s.pool, user)
	if postgres.NoRows(err) {
		return nil, errUserNotFound
	}
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read tombstone: %w", err))
	}
	if err := json.Unmarshal(row.Receipt, &r); err != nil {
		return nil, fmt.Errorf("read tombstone: %w", err)
	}
	return r, nil
}

func eraseSessions(ctx context.Context, tx postgres.Tx, user uuid.UUID) (int64, error) {
	n, err := db.New().EraseSessions(ctx, tx, user)
	if err != nil {
		return 0, fmt.Errorf("erase sessions: %w", err)
	}
	return n, nil
}

// bury deletes an account and all that refers to it, and leaves its tombstone.
func bury(ctx context.Context, tx postgres.Tx, a account, task uuid.UUID, at time.Time, receipt []byte) error {
	requested := at
	if a.ErasingAt != nil {
		requested = *a.ErasingAt
	}
	q := db.New()
	err := q.InsertTombstone(ctx, tx, db.InsertTombstoneParams{UserID: a.ID, TaskID: task, RequestedAt: requested, ErasedAt: at, Receipt: receipt})
	if err != nil {
		return fmt.Errorf("write tombstone: %w", err)
	}
	if _, err := q.DeleteUser(ctx, tx, a.ID); err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}
