package conversation

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// Scopes of a verification.
const (
	VerifyChanged = "changed" // since the last one that came to its end
	VerifyAll     = "all"
)

// Bounds of a verification.
const (
	verifyVersions = 2_000 // versions that are read at once, unless one conversation has more
	verifyPage     = 200   // conversations, the same
	maxFindings    = 100   // that are kept of one conversation
	maxDamaged     = 100   // conversations that are named in the result
	maxWeighed     = 10_000
)

// Times of verification.
const (
	verifyEvery   = time.Hour // over what has changed
	verifyAll     = 7 * 24 * time.Hour
	weighEvery    = 24 * time.Hour // an active conversation, though it has not changed
	verifyTimeout = 6 * time.Hour
)

// VerifyInput says what is to be verified. It is the input of a task: fields may be added,
// never changed.
type VerifyInput struct {
	Format          int         `json:"v"` // 1
	Scope           string      `json:"scope,omitempty"`
	ConversationIDs []uuid.UUID `json:"conversation_ids,omitempty"` // instead of a scope

	// Look is told of each conversation with findings; nil: what is found is kept instead.
	Look func(record.Head, []record.Finding) `json:"-"`
}

// Verification is what came of one.
type Verification struct {
	Conversations int64       `json:"conversations"`
	Versions      int64       `json:"versions"`
	Findings      int64       `json:"findings"`
	Damaged       []uuid.UUID `json:"damaged"` // the first of them
}

// Progress takes how far long work has come, in conversations.
type Progress interface {
	Total(n int64)
	Add(n int64)
}

// Verify looks whether all that is stored of conversations holds together, each as of one
// moment, while they go on. What it finds is kept until the conversation is verified again,
// unless somebody only looks.
func (s *Service) Verify(ctx context.Context, p Progress, in VerifyInput) (Verification, error) {
	v := verification{Verification: Verification{Damaged: []uuid.UUID{}}, service: s, progress: p, look: in.Look, began: s.clock()}
	err := v.run(ctx, in)
	return v.Verification, err
}

// verification is one under way.
type verification struct {
	Verification
	service  *Service
	progress Progress
	look     func(record.Head, []record.Finding)
	began    time.Time
}

func (v *verification) run(ctx context.Context, in VerifyInput) error {
	store := v.service.store
	if len(in.ConversationIDs) > 0 {
		list, err := store.sizesOf(ctx, in.ConversationIDs)
		if err != nil {
			return err
		}
		return v.list(ctx, list)
	}
	last, err := store.lastHorizon(ctx)
	if err != nil {
		return err
	}
	horizon, err := store.horizon(ctx, store.pool)
	if err != nil {
		return err
	}
	whole := in.Scope != VerifyChanged || last == nil
	if whole {
		err = v.everything(ctx)
	} else {
		err = v.changes(ctx, *last)
	}
	if err != nil || v.look != nil {
		return err
	}
	return store.keepVerification(ctx, v, whole, horizon)
}

// changes goes over what has versions that were not there at a horizon, and what was weighed
// long ago.
func (v *verification) changes(ctx context.Context, horizon int64) error {
	list, err := v.service.store.changed(ctx, v.service.store.pool, horizon)
	if err != nil {
		return err
	}
	if err := v.list(ctx, list); err != nil {
		return err
	}
	stale, err := v.service.store.weighedBefore(ctx, v.began.Add(-weighEvery), maxWeighed)
	if err != nil {
		return err
	}
	return v.list(ctx, stale)
}

// everything goes over all conversations in the order of their ids.
func (v *verification) everything(ctx context.Context) error {
	total, err := v.service.store.countConversations(ctx)
	if err != nil {
		return err
	}
	v.progress.Total(total)
	var after uuid.UUID
	for {
		page, err := v.service.store.sizesAfter(ctx, v.service.store.pool, after, verifyPage)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := v.batches(ctx, page); err != nil {
			return err
		}
		after = page[len(page)-1].id
	}
}

func (v *verification) list(ctx context.Context, list []sized) error {
	v.progress.Total(int64(len(list)))
	for page := range slices.Chunk(list, verifyPage) {
		if err := v.batches(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

// batches verifies a page in bites that fit into memory.
func (v *verification) batches(ctx context.Context, page []sized) error {
	for len(page) > 0 {
		n, versions := 1, page[0].version
		for n < len(page) && versions+page[n].version <= verifyVersions {
			versions += page[n].version
			n++
		}
		if err := v.batch(ctx, page[:n]); err != nil {
			return err
		}
		page = page[n:]
	}
	return nil
}

// batch verifies some conversations at one moment, and keeps what it finds.
func (v *verification) batch(ctx context.Context, list []sized) error {
	all := make([]wanted, len(list))
	for i, c := range list {
		all[i] = wanted{id: c.id}
	}
	records, err := v.service.store.snapshotOf(ctx, all)
	if err != nil {
		return err
	}
	now := v.service.clock()
	weighed := make([]weighing, len(records))
	for i := range records {
		r := &records[i]
		found := r.Verify(now)
		v.Versions += int64(len(r.Versions))
		v.Findings += int64(len(found))
		if len(found) > 0 && len(v.Damaged) < maxDamaged {
			v.Damaged = append(v.Damaged, r.Head.ID)
		}
		if v.look != nil && len(found) > 0 {
			v.look(r.Head, found)
		}
		weighed[i] = weighing{r.Head.ID, found[:min(len(found), maxFindings)], r.Health(len(found), now)}
	}
	if v.look == nil {
		if err := v.service.store.keepFindings(ctx, weighed, now); err != nil {
			return err
		}
	}
	v.Conversations += int64(len(records))
	v.progress.Add(int64(len(list)))
	return nil
}

// snapshotOf reads records as of one moment.
func (s *store) snapshotOf(ctx context.Context, list []wanted) (records []record.Record, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, snapshotOptions, func(tx pgx.Tx) (err error) {
		records, err = s.records(ctx, tx, list)
		return err
	})
	return records, err
}
