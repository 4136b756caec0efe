package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// farFuture stands after the newest.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// store is this noun's part of the database.
type store struct {
	pool *pgxpool.Pool
	q    db.Queries
}

// planned has every query planned with its arguments: which index is the best
// depends on the filter, and a plan made for any filter would read the whole log.
type planned struct{ *pgxpool.Pool }

// Query runs one.
func (p planned) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return p.Pool.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
}

func insert(ctx context.Context, tx postgres.Tx, e outbox.Event) error {
	var requestID *string
	if e.CorrelationID != "" {
		requestID = &e.CorrelationID
	}
	err := db.New().InsertAuditEvent(ctx, tx, db.InsertAuditEventParams{
		EventID: e.ID, Type: e.Type, Version: e.Version, AggregateType: e.AggregateType, AggregateID: e.AggregateID,
		ActorID: e.ActorID, RequestID: requestID, CausationID: e.CausationID, OccurredAt: e.OccurredAt, Data: e.Data,
	})
	if err != nil {
		return fmt.Errorf("record event %s of type %s: %w", e.ID, e.Type, err)
	}
	return nil
}

// before gives up to limit events, newest first. The end of the time and the
// place are one bound, so that each page begins in the index where it should:
// no seq is below 1.
func (s *store) before(ctx context.Context, f Filter, place *Place, limit int) ([]Event, error) {
	if place == nil {
		place = &Place{At: valueOr(f.To, farFuture)}
	}
	rows, err := s.q.AuditEvents(ctx, planned{s.pool}, db.AuditEventsParams{
		BeforeAt: place.At, BeforeSeq: place.Seq, Since: valueOr(f.From, time.Time{}), ActorID: f.ActorID,
		AggregateType: f.AggregateType, AggregateID: f.AggregateID, Type: f.Type, RequestID: f.RequestID, MaxRows: limit,
	})
	return events(rows, err)
}

// after gives up to limit events, oldest first; the same with the beginning.
func (s *store) after(ctx context.Context, f Filter, place *Place, limit int) ([]Event, error) {
	if place == nil {
		place = &Place{At: valueOr(f.From, time.Time{})}
	}
	rows, err := s.q.AuditEventsAscending(ctx, planned{s.pool}, db.AuditEventsAscendingParams{
		AfterAt: place.At, AfterSeq: place.Seq, Until: valueOr(f.To, farFuture), ActorID: f.ActorID,
		AggregateType: f.AggregateType, AggregateID: f.AggregateID, Type: f.Type, RequestID: f.RequestID, MaxRows: limit,
	})
	return events(rows, err)
}

// sweep says in its transaction that it is the sweep, which the table asks for.
func (s *store) sweep(ctx context.Context, limit int) (n int64, err error) {
	err = postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		if err := s.q.BeginAuditSweep(ctx, tx); err != nil {
			return fmt.Errorf("sweep audit log: %w", err)
		}
		if n, err = s.q.DeleteExpiredAuditEvents(ctx, tx, limit); err != nil {
			return fmt.Errorf("sweep audit log: %w", err)
		}
		return nil
	})
	return n, err
}

func events(rows []db.AuditEvent, err error) ([]Event, error) {
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read audit log: %w", err))
	}
	out := make([]Event, 0, len(rows))
	for _, r := range rows {
		out = append(out, Event{
			ID: r.EventID, Type: r.Type, Version: r.Version, AggregateType: r.AggregateType, AggregateID: r.AggregateID,
			ActorID: r.ActorID, RequestID: r.RequestID, CausationID: r.CausationID, OccurredAt: r.OccurredAt.UTC(),
			RecordedAt: r.RecordedAt.UTC(), Data: r.Data, seq: r.Seq,
		})
	}
	return out, nil
}

func valueOr[T any](v *T, otherwise T) T {
	if v == nil {
		return otherwise
	}
	return *v
}
