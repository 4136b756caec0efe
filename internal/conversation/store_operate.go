package conversation

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

func (s *store) survey(ctx context.Context, in SurveyInput) ([]Overview, error) {
	before, status := in.Before, &in.Status
	if before.At.IsZero() {
		before.At = farFuture
	}
	if in.Status == "" {
		status = nil
	}
	rows, err := s.q.ConversationsOfAnyone(ctx, s.pool, db.ConversationsOfAnyoneParams{
		UserID: in.UserID, Status: status, Damaged: in.Damaged, BeforeAt: before.At, BeforeID: before.ID, MaxRows: in.Limit + 1,
	})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list conversations: %w", err))
	}
	return collect(rows, func(r db.ConversationsOfAnyoneRow) (Overview, error) {
		return Overview{r.ID, r.UserID, r.Title, r.Status, r.Version, r.MessageCount, r.LastActivityAt.UTC(), r.Score, r.Findings}, nil
	})
}

func (s *store) thatSay(ctx context.Context, user uuid.UUID, phrase, quoted string) ([]uuid.UUID, error) {
	ids, err := s.q.ConversationsThatSay(ctx, s.pool, db.ConversationsThatSayParams{UserID: user, Phrase: phrase, Quoted: quoted, MaxRows: maxSaying})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("search conversations: %w", err))
	}
	return ids, nil
}

func (s *store) stats(ctx context.Context, since time.Time) (Stats, error) {
	out := Stats{Conversations: map[string]int64{}, Days: []Day{}}
	counts, err := s.q.CountByStatus(ctx, s.pool)
	if err != nil {
		return out, postgres.Translate(fmt.Errorf("count conversations: %w", err))
	}
	for _, c := range counts {
		out.Conversations[c.Status] = c.Conversations
	}
	sizes, err := s.q.SizesOfState(ctx, s.pool)
	if err != nil {
		return out, postgres.Translate(fmt.Errorf("size of conversations: %w", err))
	}
	out.Messages, out.Versions, out.Bytes = sizes.Messages, sizes.Versions, sizes.Bytes
	days, err := s.q.VersionsByDay(ctx, s.pool, since)
	if err != nil {
		return out, postgres.Translate(fmt.Errorf("count versions: %w", err))
	}
	for _, d := range days {
		if out.Newest == nil {
			out.Newest = new(d.Newest.UTC())
		}
		out.Days = append(out.Days, Day{d.Day.UTC().Format(time.DateOnly), d.Versions, d.Conversations})
	}
	return out, s.verified(ctx, &out)
}

// verified adds what verification has found so far.
func (s *store) verified(ctx context.Context, out *Stats) error {
	found, err := s.q.CountFindings(ctx, s.pool)
	if err != nil {
		return postgres.Translate(fmt.Errorf("count findings: %w", err))
	}
	out.Damaged, out.Findings = found.Conversations, found.Findings
	last, err := s.q.LatestVerification(ctx, s.pool)
	if postgres.NoRows(err) {
		return nil
	}
	if err == nil {
		out.VerifiedAt = new(last.EndedAt.UTC())
		last, err = s.q.LatestWholeVerification(ctx, s.pool)
	}
	if postgres.NoRows(err) {
		return nil
	}
	if err != nil {
		return postgres.Translate(fmt.Errorf("read verifications: %w", err))
	}
	out.WholeAt = new(last.EndedAt.UTC())
	return nil
}
