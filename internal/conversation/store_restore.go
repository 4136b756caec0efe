package conversation

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// standing is what there is of conversations that are to be restored.
type standing struct {
	there      map[uuid.UUID]bool
	left       map[uuid.UUID]map[int64]string // of those that are not: checksums of the versions that are kept
	owners     map[uuid.UUID]bool
	partners   map[string]bool
	situations map[string]bool
}

func (s *store) countIn(ctx context.Context, tx Tx) (int64, error) {
	n, err := s.q.CountConversations(ctx, tx)
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("count conversations: %w", err))
	}
	return n, nil
}

func (s *store) standing(ctx context.Context, list []record.Record) (standing, error) {
	now := standing{left: map[uuid.UUID]map[int64]string{}}
	ids, owners := make([]uuid.UUID, len(list)), make([]uuid.UUID, len(list))
	for i, r := range list {
		ids[i], owners[i] = r.Head.ID, r.Head.UserID
	}
	err := func() (err error) {
		if now.there, err = set(s.q.ConversationsThere(ctx, s.pool, ids)); err != nil {
			return err
		}
		if now.owners, err = set(s.q.OwnersThere(ctx, s.pool, owners)); err != nil {
			return err
		}
		if now.partners, err = set(s.q.PartnersThere(ctx, s.pool)); err != nil {
			return err
		}
		now.situations, err = set(s.q.SituationsThere(ctx, s.pool))
		return err
	}()
	if err == nil {
		err = s.left(ctx, ids, now)
	}
	if err != nil {
		return now, postgres.Translate(fmt.Errorf("look what is there: %w", err))
	}
	return now, nil
}

// left reads what is kept of conversations that were deleted.
func (s *store) left(ctx context.Context, ids []uuid.UUID, now standing) error {
	var gone []uuid.UUID
	for _, id := range ids {
		if !now.there[id] {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	rows, err := s.q.VersionsLeft(ctx, s.pool, gone)
	for _, v := range rows {
		if now.left[v.ConversationID] == nil {
			now.left[v.ConversationID] = map[int64]string{}
		}
		now.left[v.ConversationID][v.Version] = string(v.Checksum)
	}
	return err
}

func set[T comparable](list []T, err error) (map[T]bool, error) {
	out := make(map[T]bool, len(list))
	for _, one := range list {
		out[one] = true
	}
	return out, err
}

// insert puts conversations where there are none, gives replies that were being written their
// jobs, and proves that everything is as in the backup before it commits.
func (r *restoring) insert(ctx context.Context, list []record.Record, now standing) error {
	return postgres.InTx(ctx, r.store.pool, func(tx Tx) error {
		if err := r.store.copyIn(ctx, tx, list, now); err != nil {
			return err
		}
		if err := r.store.same(ctx, tx, list); err != nil {
			return err
		}
		for _, one := range list {
			if one.Head.ReplyID == nil {
				continue
			}
			if err := r.jobs.Insert(ctx, tx, replyArgs{Format: 1, MessageID: *one.Head.ReplyID}); err != nil {
				return fmt.Errorf("restore conversations: %w", err)
			}
		}
		return nil
	})
}

// restoredRows are those of some records, table by table.
type restoredRows struct {
	ids       []uuid.UUID
	versions  []db.RestoreVersionsParams
	heads     []db.RestoreHeadsParams
	texts     []db.RestoreTextsParams
	messages  []db.RestoreMessagesParams
	pasts     []db.RestorePastsParams
	snapshots []db.RestoreSnapshotsParams
	kept      []db.PutVersionParams // versions that are there already
}

func rowsOf(list []record.Record, now standing) (out restoredRows) {
	for _, r := range list {
		out.ids, out.heads = append(out.ids, r.Head.ID), append(out.heads, db.RestoreHeadsParams(r.Head))
		for _, v := range r.Versions {
			if _, left := now.left[r.Head.ID][v.Version]; left {
				out.kept = append(out.kept, db.PutVersionParams(v))
				continue
			}
			out.versions = append(out.versions, db.RestoreVersionsParams(v))
		}
		for _, t := range r.Texts {
			out.texts = append(out.texts, db.RestoreTextsParams(t))
		}
		for _, m := range r.Messages {
			out.messages = append(out.messages, db.RestoreMessagesParams(m))
		}
		for _, p := range r.Pasts {
			out.pasts = append(out.pasts, db.RestorePastsParams(p))
		}
		for _, kept := range r.Snapshots {
			out.snapshots = append(out.snapshots, db.RestoreSnapshotsParams(kept))
		}
	}
	return out
}

// copyIn inserts rows in bulk. Versions that were kept are put once more, so that the next
// increment of a backup sees that they belong to something again.
func (s *store) copyIn(ctx context.Context, tx Tx, list []record.Record, now standing) error {
	in := rowsOf(list, now)
	for _, v := range in.kept {
		if err := s.q.PutVersion(ctx, tx, v); err != nil {
			return fmt.Errorf("restore versions: %w", err)
		}
	}
	for _, table := range []struct {
		name string
		copy func() (int64, error)
	}{
		{"versions", func() (int64, error) { return s.q.RestoreVersions(ctx, tx, in.versions) }},
		{"conversations", func() (int64, error) { return s.q.RestoreHeads(ctx, tx, in.heads) }},
		{"texts", func() (int64, error) { return s.q.RestoreTexts(ctx, tx, in.texts) }},
		{"messages", func() (int64, error) { return s.q.RestoreMessages(ctx, tx, in.messages) }},
		{"states of messages", func() (int64, error) { return s.q.RestorePasts(ctx, tx, in.pasts) }},
		{"snapshots", func() (int64, error) { return s.q.RestoreSnapshots(ctx, tx, in.snapshots) }},
	} {
		if _, err := table.copy(); err != nil {
			return fmt.Errorf("restore %s: %w", table.name, err)
		}
	}
	if err := s.q.AskWordsOf(ctx, tx, in.ids); err != nil {
		return fmt.Errorf("restore words: %w", err)
	}
	return nil
}

// same compares what the tables hold now with what they should.
func (s *store) same(ctx context.Context, tx Tx, list []record.Record) error {
	want := make([]wanted, len(list))
	expected := make(map[uuid.UUID][32]byte, len(list))
	for i := range list {
		want[i] = wanted{id: list[i].Head.ID}
		sum, err := list[i].Fingerprint()
		if err != nil {
			return err
		}
		expected[list[i].Head.ID] = sum
	}
	have, err := s.records(ctx, tx, want)
	if err != nil {
		return err
	}
	if len(have) != len(list) {
		return fmt.Errorf("%d conversations were restored of %d", len(have), len(list))
	}
	for i := range have {
		have[i].Settle()
		have[i].Cut(have[i].Head.Version) // what was kept of later versions is no part of what was restored
		sum, err := have[i].Fingerprint()
		if err != nil {
			return err
		}
		if sum != expected[have[i].Head.ID] {
			return fmt.Errorf("conversation %s would not be as in the backup", have[i].Head.ID)
		}
	}
	return nil
}
