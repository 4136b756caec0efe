package conversation

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// snapshotOptions make all reads of a transaction see one moment.
var snapshotOptions = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// wanted names a conversation, and the version after which its record is wanted; 0: all of it.
type wanted struct {
	id    uuid.UUID
	after int64
}

// records reads conversations row by row, in the order of their ids; those that are not there
// are left out. on must be a transaction that sees one moment.
func (s *store) records(ctx context.Context, on querier, list []wanted) ([]record.Record, error) {
	ids, afters := make([]uuid.UUID, len(list)), make([]int64, len(list))
	for i, w := range list {
		ids[i], afters[i] = w.id, w.after
	}
	heads, err := s.q.HeadsOfRecords(ctx, on, ids)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read records: %w", err))
	}
	out := make([]record.Record, len(heads))
	at := make(map[uuid.UUID]*record.Record, len(heads))
	for i, h := range heads {
		h.CreatedAt, h.UpdatedAt, h.LastActivityAt = h.CreatedAt.UTC(), h.UpdatedAt.UTC(), h.LastActivityAt.UTC()
		out[i].Head = record.Head(h)
		at[h.ID] = &out[i]
	}
	if err := s.recordHistory(ctx, on, ids, afters, at); err != nil {
		return nil, postgres.Translate(fmt.Errorf("read records: %w", err))
	}
	if err := s.recordMessages(ctx, on, ids, afters, at); err != nil {
		return nil, postgres.Translate(fmt.Errorf("read records: %w", err))
	}
	return out, nil
}

// recordHistory reads versions, texts and snapshots. Those of a conversation that is not
// there, which are kept without their texts, are nobody's.
func (s *store) recordHistory(ctx context.Context, on querier, ids []uuid.UUID, afters []int64, at map[uuid.UUID]*record.Record) error {
	versions, err := s.q.VersionsOfRecords(ctx, on, db.VersionsOfRecordsParams{Ids: ids, Afters: afters})
	if err != nil {
		return err
	}
	for _, v := range versions {
		if r := at[v.ConversationID]; r != nil {
			v.At = v.At.UTC()
			r.Versions = append(r.Versions, record.Version(v))
		}
	}
	texts, err := s.q.TextsOfRecords(ctx, on, db.TextsOfRecordsParams{Ids: ids, Afters: afters})
	if err != nil {
		return err
	}
	for _, t := range texts {
		if r := at[t.ConversationID]; r != nil {
			r.Texts = append(r.Texts, record.Text(t))
		}
	}
	snapshots, err := s.q.SnapshotsOfRecords(ctx, on, db.SnapshotsOfRecordsParams{Ids: ids, Afters: afters})
	for _, kept := range snapshots {
		if r := at[kept.ConversationID]; r != nil {
			r.Snapshots = append(r.Snapshots, record.Snapshot(kept))
		}
	}
	return err
}

// recordMessages reads messages and their pasts.
func (s *store) recordMessages(ctx context.Context, on querier, ids []uuid.UUID, afters []int64, at map[uuid.UUID]*record.Record) error {
	messages, err := s.q.MessagesOfRecords(ctx, on, db.MessagesOfRecordsParams{Ids: ids, Afters: afters})
	if err != nil {
		return err
	}
	for _, m := range messages {
		if r := at[m.ConversationID]; r != nil {
			m.CreatedAt, m.CompletedAt = m.CreatedAt.UTC(), inUTC(m.CompletedAt)
			r.Messages = append(r.Messages, record.Message(m))
		}
	}
	pasts, err := s.q.PastsOfRecords(ctx, on, db.PastsOfRecordsParams{Ids: ids, Afters: afters})
	for _, p := range pasts {
		if r := at[p.ConversationID]; r != nil {
			r.Pasts = append(r.Pasts, record.Past{MessageID: p.MessageID, Since: p.Since, Until: p.Until, Content: p.Content, Status: p.Status,
				FinishReason: p.FinishReason, Tokens: p.Tokens, Attempt: p.Attempt, Problem: p.Problem, CompletedAt: inUTC(p.CompletedAt)})
		}
	}
	return err
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}
