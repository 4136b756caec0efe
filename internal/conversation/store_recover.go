package conversation

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// lockDamaged is lockHead of a head that may not be readable.
func (s *store) lockDamaged(ctx context.Context, tx Tx, id uuid.UUID, fence *int64) error {
	row, err := s.q.ConversationForUpdate(ctx, tx, id)
	if postgres.NoRows(err) {
		return errNotFound
	}
	if err == nil && fence != nil {
		var n int64
		if n, err = s.q.FenceAnyConversation(ctx, tx, db.FenceAnyConversationParams{ID: id, Fence: *fence}); err == nil && n == 0 {
			return overtakenError{row.Fence}
		}
	}
	if err != nil {
		return fmt.Errorf("lock conversation: %w", err)
	}
	return nil
}

// put stores the rows of a record in the place of those that are there.
func (s *store) put(ctx context.Context, tx Tx, r record.Record) error {
	for _, step := range []func(context.Context, Tx, record.Record) error{s.putHistory, s.putHead, s.putMessages} {
		if err := step(ctx, tx, r); err != nil {
			return fmt.Errorf("put record of %s: %w", r.Head.ID, err)
		}
	}
	return nil
}

func (s *store) putHistory(ctx context.Context, tx Tx, r record.Record) error {
	for _, v := range r.Versions {
		if err := s.q.PutVersion(ctx, tx, db.PutVersionParams(v)); err != nil {
			return err
		}
	}
	for _, t := range r.Texts {
		if err := s.q.PutText(ctx, tx, db.PutTextParams(t)); err != nil {
			return err
		}
	}
	for _, kept := range r.Snapshots {
		if err := s.q.PutSnapshot(ctx, tx, db.PutSnapshotParams(kept)); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) putHead(ctx context.Context, tx Tx, r record.Record) error {
	h := r.Head
	return s.q.PutHead(ctx, tx, db.PutHeadParams{
		UserID: h.UserID, PartnerID: h.PartnerID, SituationID: h.SituationID, Title: h.Title, Status: h.Status, Version: h.Version, Tags: h.Tags,
		Context: h.Context, Metadata: h.Metadata, TokenLimit: h.TokenLimit, TokensUsed: h.TokensUsed, MessageCount: h.MessageCount, LastSeq: h.LastSeq,
		ReplyID: h.ReplyID, CreatedAt: h.CreatedAt, Checksum: h.Checksum, ParentID: h.ParentID, ParentVersion: h.ParentVersion, ID: h.ID,
	})
}

func (s *store) putMessages(ctx context.Context, tx Tx, r record.Record) error {
	if err := s.q.LiftMessages(ctx, tx, r.Head.ID); err != nil {
		return err
	}
	for _, m := range r.Messages {
		if err := s.q.PutMessage(ctx, tx, db.PutMessageParams(m)); err != nil {
			return err
		}
	}
	for _, p := range r.Pasts {
		if err := s.q.PutPast(ctx, tx, db.PutPastParams(p)); err != nil {
			return err
		}
	}
	return nil
}

// afterRecovery keeps the head, so that no version need be told from before the recovery, and
// has the words of the conversation made anew.
func (s *store) afterRecovery(ctx context.Context, tx Tx, id uuid.UUID) error {
	if err := s.q.KeepHead(ctx, tx, id); err != nil {
		return fmt.Errorf("keep the head of %s: %w", id, err)
	}
	if err := s.q.ForgetWords(ctx, tx, id); err != nil {
		return fmt.Errorf("index %s: %w", id, err)
	}
	if err := s.q.AskWords(ctx, tx, id); err != nil {
		return fmt.Errorf("index %s: %w", id, err)
	}
	return nil
}
