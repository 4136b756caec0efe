package learning

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// store is this noun's part of the database.
type store struct {
	pool *pgxpool.Pool
	q    db.Queries
}

// plan reads the newest plan of a user, if there is one.
func (s *store) plan(ctx context.Context, user uuid.UUID) (Plan, bool, error) {
	row, found, err := s.row(ctx, s.pool, user)
	if err != nil || !found {
		return Plan{}, false, err
	}
	var c content
	if err := json.Unmarshal(row.Plan, &c); err != nil {
		return Plan{}, false, fmt.Errorf("learning plan %s: %w", row.ID, err)
	}
	p := Plan{ID: row.ID, UserID: row.UserID, Source: row.Source, Language: row.Language, CreatedAt: row.CreatedAt.UTC()}
	return p.with(c), true, nil
}

// written is what a task has written before, if it has.
func (s *store) written(ctx context.Context, user, taskID uuid.UUID) (Written, bool, error) {
	row, found, err := s.row(ctx, s.pool, user)
	if err != nil || !found || row.TaskID != taskID {
		return Written{}, false, err
	}
	return Written{PlanID: row.ID, Source: row.Source}, true, nil
}

func (s *store) row(ctx context.Context, on db.DBTX, user uuid.UUID) (db.LearningPlan, bool, error) {
	row, err := s.q.LearningPlanByUser(ctx, on, user)
	if postgres.NoRows(err) {
		return row, false, nil
	}
	if err != nil {
		return row, false, postgres.Translate(fmt.Errorf("read learning plan: %w", err))
	}
	return row, true, nil
}

// put stores a plan in place of the one before and gives what is stored: the plan
// of another run of the same task, where that was first.
func (s *store) put(ctx context.Context, p Plan, taskID uuid.UUID) (Written, error) {
	text, err := json.Marshal(p.content())
	if err != nil {
		return Written{}, fmt.Errorf("write learning plan: %w", err)
	}
	out := Written{PlanID: p.ID, Source: p.Source}
	err = postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		n, err := s.q.UpsertLearningPlan(ctx, tx, db.UpsertLearningPlanParams{
			UserID: p.UserID, ID: p.ID, Source: p.Source, Language: p.Language, Plan: text, TaskID: taskID, At: p.CreatedAt,
		})
		switch {
		case postgres.ForeignKeyViolation(err, "learning_plans_user_id_fkey"):
			return errNoUser
		case err != nil:
			return fmt.Errorf("write learning plan: %w", err)
		case n > 0:
			return nil
		}
		row, _, err := s.row(ctx, tx, p.UserID) // the row is locked: it is there
		out = Written{PlanID: row.ID, Source: row.Source}
		return err
	})
	if err != nil {
		return Written{}, err
	}
	return out, nil
}

func (s *store) erase(ctx context.Context, user uuid.UUID) (int64, error) {
	n, err := s.q.DeleteLearningPlan(ctx, s.pool, user)
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("erase learning plan: %w", err))
	}
	return n, nil
}
