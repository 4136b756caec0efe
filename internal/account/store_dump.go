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

// userRow is a row of users with the names of its columns, by which it is restored. A column
// that is added to the table must be added here.
type userRow struct {
	ID             uuid.UUID       `json:"id"`
	Email          string          `json:"email"`
	FullName       string          `json:"full_name"`
	PasswordHash   string          `json:"password_hash"`
	EmailVerified  bool            `json:"email_verified"`
	NativeLanguage *string         `json:"native_language"`
	Roles          []string        `json:"roles"`
	IsActive       bool            `json:"is_active"`
	CreatedAt      time.Time       `json:"created_at"`
	UpdatedAt      time.Time       `json:"updated_at"`
	Language       string          `json:"language"`
	Preferences    json.RawMessage `json:"preferences"`
	Subject        *string         `json:"subject"`
	ErasingAt      *time.Time      `json:"erasing_at"`
	ErasureTaskID  *uuid.UUID      `json:"erasure_task_id"`
}

func (s *store) countUsers(ctx context.Context, tx postgres.Tx) (int64, error) {
	n, err := s.q.CountUsers(ctx, tx)
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("count users: %w", err))
	}
	return n, nil
}

func (s *store) usersAfter(ctx context.Context, tx postgres.Tx, after uuid.UUID, limit int) ([]db.User, error) {
	page, err := s.q.UsersAfter(ctx, tx, db.UsersAfterParams{AfterID: after, MaxRows: limit})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("dump users: %w", err))
	}
	return page, nil
}

func (s *store) usersThere(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	there, err := s.q.UsersThere(ctx, s.pool, ids)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("look which users are there: %w", err))
	}
	return setOf(there), nil
}

func (s *store) restoreUsers(ctx context.Context, rows []json.RawMessage) (map[uuid.UUID]bool, error) {
	back, err := s.q.RestoreUsers(ctx, s.pool, rows)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("restore users: %w", err))
	}
	return setOf(back), nil
}

func setOf(ids []uuid.UUID) map[uuid.UUID]bool {
	out := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out
}

func (s *store) tombstones(ctx context.Context) ([]Tombstone, error) {
	rows, err := s.q.Tombstones(ctx, s.pool)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read tombstones: %w", err))
	}
	out := make([]Tombstone, len(rows))
	for i, r := range rows {
		out[i] = Tombstone(r)
	}
	return out, nil
}

// rebury writes a tombstone that is known from elsewhere.
func (s *store) rebury(ctx context.Context, tx postgres.Tx, t Tombstone) error {
	err := s.q.InsertTombstone(ctx, tx, db.InsertTombstoneParams{
		UserID: t.UserID, TaskID: t.TaskID, RequestedAt: t.RequestedAt, ErasedAt: t.ErasedAt, Receipt: json.RawMessage("{}"),
	})
	if err != nil {
		return fmt.Errorf("write tombstone: %w", err)
	}
	return nil
}
