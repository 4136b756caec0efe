package conversation

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// sized is a conversation with its version, which says how much there is to read.
type sized struct {
	id      uuid.UUID
	version int64
	after   int64 // of one that has changed: the last version that is known
}

func (s *store) sizesAfter(ctx context.Context, on querier, after uuid.UUID, limit int) ([]sized, error) {
	rows, err := s.q.RecordSizes(ctx, on, db.RecordSizesParams{AfterID: after, MaxRows: limit})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list records: %w", err))
	}
	return collect(rows, func(r db.RecordSizesRow) (sized, error) { return sized{id: r.ID, version: r.Version}, nil })
}

func (s *store) sizesOf(ctx context.Context, ids []uuid.UUID) ([]sized, error) {
	rows, err := s.q.RecordSizesOf(ctx, s.pool, ids)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list records: %w", err))
	}
	return collect(rows, func(r db.RecordSizesOfRow) (sized, error) { return sized{id: r.ID, version: r.Version}, nil })
}

// changed gives the conversations that have versions which were not there at a horizon.
func (s *store) changed(ctx context.Context, on querier, horizon int64) ([]sized, error) {
	rows, err := s.q.ChangedRecords(ctx, on, horizon)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list changed records: %w", err))
	}
	return collect(rows, func(r db.ChangedRecordsRow) (sized, error) { return sized{r.ID, r.Version, r.After}, nil })
}

func (s *store) countConversations(ctx context.Context) (int64, error) {
	n, err := s.q.CountConversations(ctx, s.pool)
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("count conversations: %w", err))
	}
	return n, nil
}

// horizon is the oldest transaction that is open.
func (s *store) horizon(ctx context.Context, on querier) (int64, error) {
	n, err := s.q.Horizon(ctx, on)
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("read horizon: %w", err))
	}
	return n, nil
}

// lastHorizon is that of the last verification that came to its end; nil: there was none.
func (s *store) lastHorizon(ctx context.Context) (*int64, error) {
	row, err := s.q.LatestVerification(ctx, s.pool)
	if postgres.NoRows(err) {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read verification: %w", err))
	}
	return &row.Horizon, nil
}

func (s *store) keepVerification(ctx context.Context, v *verification, whole bool, horizon int64) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	err = s.q.InsertVerification(ctx, s.pool, db.InsertVerificationParams{
		ID: id, Whole: whole, BeganAt: v.began, EndedAt: v.service.clock(), Horizon: horizon,
		Conversations: v.Conversations, Versions: v.Versions, Findings: v.Findings,
	})
	if err != nil {
		return postgres.Translate(fmt.Errorf("keep verification: %w", err))
	}
	return nil
}

// keepFindings puts what was found of conversations in the place of what was found before.
func (s *store) keepFindings(ctx context.Context, of []sized, found []record.Finding, at time.Time) error {
	ids := make([]uuid.UUID, len(of))
	for i, c := range of {
		ids[i] = c.id
	}
	rows := db.InsertFindingsParams{At: at}
	for _, f := range found {
		rows.Ids, rows.Versions, rows.Rules = append(rows.Ids, f.ConversationID), append(rows.Versions, f.Version), append(rows.Rules, f.Rule)
		rows.Subjects, rows.Expecteds, rows.Founds = append(rows.Subjects, f.Subject), append(rows.Expecteds, f.Expected), append(rows.Founds, f.Found)
	}
	err := postgres.InTx(ctx, s.pool, func(tx Tx) error {
		if err := s.q.DeleteFindings(ctx, tx, ids); err != nil || len(found) == 0 {
			return err
		}
		return s.q.InsertFindings(ctx, tx, rows)
	})
	if err != nil {
		return postgres.Translate(fmt.Errorf("keep findings: %w", err))
	}
	return nil
}

// findings gives what was found of a conversation when it was verified last.
func (s *store) findings(ctx context.Context, id uuid.UUID) ([]record.Finding, error) {
	rows, err := s.q.FindingsByConversation(ctx, s.pool, db.FindingsByConversationParams{ConversationID: id, MaxRows: maxFindings})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read findings: %w", err))
	}
	return collect(rows, func(r db.ConversationFinding) (record.Finding, error) {
		return record.Finding{ConversationID: r.ConversationID, Version: r.Version, Rule: r.Rule, Subject: r.Subject, Expected: r.Expected, Found: r.Found}, nil
	})
}
