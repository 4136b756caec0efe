package usage

import (
	"context"
	"fmt"
	"time"

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

func (st store) add(ctx context.Context, counted map[entry]int64) error {
	var p db.AddDeprecatedCallsParams
	for e, calls := range counted {
		p.Days, p.Names, p.Clients = append(p.Days, e.day), append(p.Names, e.name), append(p.Clients, e.client)
		p.UserIds, p.Calls = append(p.UserIds, e.user), append(p.Calls, calls)
	}
	if err := st.q.AddDeprecatedCalls(ctx, st.pool, p); err != nil {
		return fmt.Errorf("add deprecated calls: %w", postgres.Translate(err))
	}
	return nil
}

func (st store) read(ctx context.Context, in ReadInput, since time.Time) ([]Count, error) {
	rows, err := st.q.DeprecatedCallsSince(ctx, st.pool, db.DeprecatedCallsSinceParams{
		ByClient: in.ByClient, ByUser: in.ByUser, Since: since, RowLimit: maxCounts,
	})
	if err != nil {
		return nil, fmt.Errorf("read deprecated calls: %w", postgres.Translate(err))
	}
	out := make([]Count, 0, len(rows))
	for _, r := range rows {
		out = append(out, Count{Name: r.Name, Client: r.Client, UserID: r.UserID, Calls: r.Calls, Users: r.Users, Last: r.LastDay})
	}
	return out, nil
}

func (st store) own(ctx context.Context, user uuid.UUID) ([]Own, error) {
	rows, err := st.q.DeprecatedCallsOfUser(ctx, st.pool, db.DeprecatedCallsOfUserParams{UserID: &user, RowLimit: maxCounts})
	if err != nil {
		return nil, fmt.Errorf("read a user's deprecated calls: %w", postgres.Translate(err))
	}
	out := make([]Own, 0, len(rows))
	for _, r := range rows {
		out = append(out, Own{Name: r.Name, Client: r.Client, Calls: r.Calls, FirstDay: r.FirstDay, LastDay: r.LastDay})
	}
	return out, nil
}

func (st store) disown(ctx context.Context, user uuid.UUID) (int64, error) {
	n, err := st.q.DisownDeprecatedCalls(ctx, st.pool, &user)
	if err != nil {
		return 0, fmt.Errorf("disown deprecated calls: %w", postgres.Translate(err))
	}
	return n, nil
}

func (st store) sweep(ctx context.Context, before time.Time, bite int) (int64, error) {
	n, err := st.q.DeleteOldDeprecatedCalls(ctx, st.pool, db.DeleteOldDeprecatedCallsParams{Before: before, Bite: bite})
	if err != nil {
		return 0, fmt.Errorf("sweep deprecated calls: %w", postgres.Translate(err))
	}
	return n, nil
}
