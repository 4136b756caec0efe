package deadletter

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// farFuture stands before the newest: the keyset starts there.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// store is this package's part of the database.
type store struct {
	pool *pgxpool.Pool
	q    db.Queries
}

// Write stores a letter, in the transaction that gives the thing up where there
// is one; conn may also be a pool. When its subject has an open letter in the
// same queue, that one is brought up to date instead.
func Write(ctx context.Context, conn db.DBTX, l Letter) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	if l.Errors == nil {
		l.Errors = []Failure{}
	}
	failures, err := json.Marshal(l.Errors)
	if err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	err = db.New().WriteDeadLetter(ctx, conn, db.WriteDeadLetterParams{
		ID: id, Source: l.Source, Kind: l.Kind, Queue: l.Queue, Subject: l.Subject, Payload: l.Payload,
		Attempts: l.Attempts, Errors: failures, ActorID: idOrNil(l.Origin.ActorID),
		CorrelationID: l.Origin.CorrelationID, CausationID: idOrNil(l.Origin.CausationID),
	})
	if err != nil {
		return postgres.Translate(fmt.Errorf("write dead letter of %s %s: %w", l.Source, l.Subject, err))
	}
	return nil
}

// list gives one letter more than the page, which tells whether there are more.
func (s *store) list(ctx context.Context, in ListInput) ([]Letter, error) {
	before := Place{At: farFuture}
	if in.Before != nil {
		before = *in.Before
	}
	var open *bool
	if in.Status != "" {
		yes := in.Status == Open
		open = &yes
	}
	rows, err := s.q.DeadLetters(ctx, s.pool, db.DeadLettersParams{
		BeforeAt: before.At, BeforeID: before.ID, Source: textOrNil(in.Source), Kind: textOrNil(in.Kind),
		Queue: textOrNil(in.Queue), Open: open, MaxRows: in.Limit + 1,
	})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list dead letters: %w", err))
	}
	letters := make([]Letter, 0, len(rows))
	for _, row := range rows {
		letter, err := fromRow(row)
		if err != nil {
			return nil, err
		}
		letters = append(letters, letter)
	}
	return letters, nil
}

func (s *store) lock(ctx context.Context, tx postgres.Tx, id uuid.UUID) (Letter, error) {
	row, err := s.q.DeadLetterForUpdate(ctx, tx, id)
	if postgres.NoRows(err) {
		return Letter{}, errNotFound
	}
	if err != nil {
		return Letter{}, fmt.Errorf("read dead letter %s: %w", id, err)
	}
	return fromRow(row)
}

func (s *store) mark(ctx context.Context, tx postgres.Tx, id, by uuid.UUID) (Letter, error) {
	row, err := s.q.MarkDeadLetterReplayed(ctx, tx, db.MarkDeadLetterReplayedParams{ID: id, ReplayedBy: idOrNil(by)})
	if err != nil {
		return Letter{}, fmt.Errorf("mark dead letter %s: %w", id, err)
	}
	return fromRow(row)
}

func (s *store) sweep(ctx context.Context, limit int) (int64, error) {
	n, err := s.q.DeleteReplayedDeadLetters(ctx, s.pool, db.DeleteReplayedDeadLettersParams{Retention: Retention, MaxRows: limit})
	if err != nil {
		return 0, fmt.Errorf("sweep dead letters: %w", err)
	}
	return n, nil
}

func fromRow(r db.DeadLetter) (Letter, error) {
	l := Letter{
		ID: r.ID, Source: r.Source, Kind: r.Kind, Queue: r.Queue, Subject: r.Subject, Payload: r.Payload,
		Attempts: r.Attempts, CreatedAt: r.CreatedAt.UTC(), ReplayedBy: r.ReplayedBy,
		Origin: telemetry.Origin{ActorID: orZero(r.ActorID), CorrelationID: r.CorrelationID, CausationID: orZero(r.CausationID)},
	}
	if r.ReplayedAt != nil {
		at := r.ReplayedAt.UTC()
		l.ReplayedAt = &at
	}
	if err := json.Unmarshal(r.Errors, &l.Errors); err != nil {
		return l, fmt.Errorf("dead letter %s: errors: %w", r.ID, err)
	}
	return l, nil
}

func idOrNil(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

func orZero(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

func textOrNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
