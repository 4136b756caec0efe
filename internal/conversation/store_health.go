package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// weighed is how well a conversation was found to be.
func (s *store) worst(ctx context.Context, in WorstInput) ([]Weighed, error) {
	rows, err := s.q.WorstConversations(ctx, s.pool, db.WorstConversationsParams{AfterScore: in.AfterScore, AfterID: in.AfterID, MaxRows: in.Limit + 1})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list health: %w", err))
	}
	return collect(rows, func(r db.WorstConversationsRow) (Weighed, error) {
		w := Weighed{ConversationID: r.ConversationID, UserID: r.UserID, Status: r.Status, At: r.WeighedAt.UTC()}
		w.Health.Score = r.Score
		if err := json.Unmarshal(r.Reasons, &w.Health.Reasons); err != nil {
			return w, fmt.Errorf("health of %s: %w", r.ConversationID, err)
		}
		return w, nil
	})
}

// weighedBefore gives active conversations that were not weighed since.
func (s *store) weighedBefore(ctx context.Context, before time.Time, limit int) ([]sized, error) {
	rows, err := s.q.WeighedBefore(ctx, s.pool, db.WeighedBeforeParams{Before: before, MaxRows: limit})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list health: %w", err))
	}
	return collect(rows, func(r db.WeighedBeforeRow) (sized, error) { return sized{id: r.ID, version: r.Version}, nil })
}

func (s *store) forks(ctx context.Context, id uuid.UUID) ([]uuid.UUID, error) {
	ids, err := s.q.ForksOf(ctx, s.pool, db.ForksOfParams{ParentID: &id, MaxRows: maxForks})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list forks: %w", err))
	}
	return ids, nil
}

func (s *store) damage(ctx context.Context) (Damage, error) {
	n, err := s.q.CountFindings(ctx, s.pool)
	if err != nil {
		return Damage{}, postgres.Translate(fmt.Errorf("count findings: %w", err))
	}
	d := Damage{Conversations: n.Conversations, Findings: n.Findings}
	last, err := s.q.LatestVerification(ctx, s.pool)
	switch {
	case err == nil:
		d.VerifiedAt = &last.EndedAt
	case !postgres.NoRows(err):
		return Damage{}, postgres.Translate(fmt.Errorf("read verification: %w", err))
	}
	return d, nil
}
