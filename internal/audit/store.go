package audit

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
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

// planned has a query planned with its arguments each time: which index is the
// best depends on the filter, and a plan made for any would read the whole log.
const planned = pgx.QueryExecModeCacheDescribe

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
func (s *store) before(ctx context.Context, f Filter, place *Place, limit int) iter.Seq2[Event, error] {
	if place == nil {
		place = &Place{At: valueOr(f.To, farFuture)}
	}
	return s.read(ctx, db.AuditEvents, planned, place.At, place.Seq, valueOr(f.From, time.Time{}),
		f.ActorID, f.AggregateType, f.AggregateID, f.Type, f.RequestID, limit)
}

// after gives up to limit events, oldest first; the same with the beginning.
func (s *store) after(ctx context.Context, f Filter, place *Place, limit int) iter.Seq2[Event, error] {
	if place == nil {
		place = &Place{At: valueOr(f.From, time.Time{})}
	}
	return s.read(ctx, db.AuditEventsAscending, planned, place.At, place.Seq, valueOr(f.To, farFuture),
		f.ActorID, f.AggregateType, f.AggregateID, f.Type, f.RequestID, limit)
}

// read runs a query itself: what is generated for it would parse data, and the
// ids as texts, which takes longer than all the rest of an export.
func (s *store) read(ctx context.Context, query string, args ...any) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		rows, _ := s.pool.Query(ctx, query, args...) // its error is also that of rows
		defer rows.Close()
		var e Event
		var actor, cause pgtype.UUID
		columns := []any{ // in the order of the table
			(*[16]byte)(&e.ID), &e.seq, &e.Type, &e.Version, &e.AggregateType, (*[16]byte)(&e.AggregateID), &actor,
			&e.RequestID, &cause, &e.OccurredAt, &e.RecordedAt, (*[]byte)(&e.Data),
		}
		for rows.Next() && rows.Scan(columns...) == nil {
			e.ActorID, e.CausationID = orNil(actor), orNil(cause)
			e.OccurredAt, e.RecordedAt = e.OccurredAt.UTC(), e.RecordedAt.UTC()
			if !yield(e, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Event{}, postgres.Translate(fmt.Errorf("read audit log: %w", err)))
		}
	}
}

func orNil(id pgtype.UUID) *uuid.UUID {
	if !id.Valid {
		return nil
	}
	out := uuid.UUID(id.Bytes)
	return &out
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

func valueOr[T any](v *T, otherwise T) T {
	if v == nil {
		return otherwise
	}
	return *v
}
