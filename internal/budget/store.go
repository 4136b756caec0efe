package budget

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// maxDays is above what there are: one a day for 90 days, and those not swept yet.
const maxDays = 1000

// querier is a pool or a transaction.
type querier = db.DBTX

// store is this noun's part of the database.
type store struct {
	pool *pgxpool.Pool
	q    db.Queries
}

func (st store) add(ctx context.Context, on querier, day time.Time, user uuid.UUID, tokens int64) error {
	if tokens == 0 {
		return nil
	}
	if err := st.q.AddTokens(ctx, on, db.AddTokensParams{Day: day, UserID: user, Tokens: tokens}); err != nil {
		return fmt.Errorf("add tokens: %w", err)
	}
	return nil
}

func (st store) ofLearner(ctx context.Context, on querier, day time.Time, user uuid.UUID) (int64, error) {
	tokens, err := st.q.TokensOfDay(ctx, on, db.TokensOfDayParams{Day: day, UserID: user})
	if postgres.NoRows(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read a learner's tokens: %w", err)
	}
	return tokens, nil
}

func (st store) ofService(ctx context.Context, day time.Time) (int64, error) {
	tokens, err := st.q.TokensOfService(ctx, st.pool, day)
	if err != nil {
		return 0, fmt.Errorf("read the service's tokens: %w", err)
	}
	return tokens, nil
}

func (st store) days(ctx context.Context, user uuid.UUID) ([]Day, error) {
	rows, err := st.q.TokenDaysForExport(ctx, st.pool, db.TokenDaysForExportParams{UserID: user, MaxRows: maxDays})
	if err != nil {
		return nil, fmt.Errorf("export token days: %w", postgres.Translate(err))
	}
	out := make([]Day, 0, len(rows))
	for _, r := range rows {
		out = append(out, Day(r))
	}
	return out, nil
}

func (st store) erase(ctx context.Context, user uuid.UUID) (int64, error) {
	n, err := st.q.EraseTokenDays(ctx, st.pool, user)
	if err != nil {
		return 0, fmt.Errorf("erase token days: %w", postgres.Translate(err))
	}
	return n, nil
}

func (st store) sweep(ctx context.Context, before time.Time, bite int) (int64, error) {
	n, err := st.q.DeleteOldTokenDays(ctx, st.pool, db.DeleteOldTokenDaysParams{Before: before, Bite: bite})
	return n, postgres.Translate(err)
}
