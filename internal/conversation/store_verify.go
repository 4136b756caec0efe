package conversation

import (
	"context"
	"encoding/json"
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

// wholeDue reports whether the last verification of everything was before a time, or never.
func (s *store) wholeDue(ctx context.Context, before time.Time) (bool, error) {
	row, err := s.q.LatestWholeVerification(ctx, s.pool)
	if postgres.NoRows(err) {
		return true, nil
	}
	if err != nil {
		return false, postgres.Translate(fmt.Errorf("read verification: %w", err))
	}
	return row.EndedAt.Before(before), nil
}

// verificationsKept is how long it is known of a verification that there was one.
const verificationsKept = 90 * 24 * time.Hour

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
	if _, err := s.q.ForgetVerifications(ctx, s.pool, v.began.Add(-verificationsKept)); err != nil {
		return postgres.Translate(fmt.Errorf("forget verifications: %w", err))
	}
	return nil
}

// weighing is a conversation that was verified, and how well it is.
type weighing struct {
	id       uuid.UUID
	findings []record.Finding
	health   record.Health
}

// keepFindings puts what was found of conversations in the place of what was found before.
func (s *store) keepFindings(ctx context.Context, list []weighing, at time.Time) error {
	found, health := db.InsertFindingsParams{At: at}, db.WeighConversationsParams{At: at}
	ids := make([]uuid.UUID, len(list))
	for i, w := range list {
		ids[i] = w.id
		reasons, err := json.Marshal(w.health.Reasons)
		if err != nil {
			return fmt.Errorf("keep findings: %w", err)
		}
		health.Ids, health.Scores, health.Reasons = append(health.Ids, w.id), append(health.Scores, w.health.Score), append(health.Reasons, reasons)
		for _, f := range w.findings {
			found.Ids, found.Versions, found.Rules = append(found.Ids, w.id), append(found.Versions, f.Version), append(found.Rules, f.Rule)
			found.Subjects, found.Expecteds, found.Founds = append(found.Subjects, f.Subject), append(found.Expecteds, f.Expected), append(found.Founds, f.Found)
		}
	}
	err := postgres.InTx(ctx, s.pool, func(tx Tx) error {
		if err := s.q.DeleteFindings(ctx, tx, ids); err != nil {
			return err
		}
		if len(found.Ids) > 0 {
			if err := s.q.InsertFindings(ctx, tx, found); err != nil {
				return err
			}
		}
		return s.q.WeighConversations(ctx, tx, health)
	})
	if err != nil {
		return postgres.Translate(fmt.Errorf("keep findings: %w", err))
	}
	return nil
}
