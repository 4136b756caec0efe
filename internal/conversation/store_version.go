package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// querier is a pool, or a transaction.
type querier = db.DBTX

// versions gives one more than the page.
func (s *store) versions(ctx context.Context, in VersionsInput) ([]Version, error) {
	before := int64(math.MaxInt64)
	if in.Before != nil {
		before = *in.Before
	}
	rows, err := s.q.VersionsByConversation(ctx, s.pool, db.VersionsByConversationParams{
		ConversationID: in.ConversationID, UserID: in.UserID, BeforeVersion: before, MaxRows: in.Limit + 1,
	})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list versions: %w", err))
	}
	return collect(rows, fromVersion)
}

func (s *store) version(ctx context.Context, userID, conversation uuid.UUID, version int64) (Version, error) {
	row, err := s.q.VersionByNumber(ctx, s.pool, db.VersionByNumberParams{ConversationID: conversation, UserID: userID, Version: version})
	if postgres.NoRows(err) {
		return Version{}, errNoVersion
	}
	if err != nil {
		return Version{}, postgres.Translate(fmt.Errorf("read version: %w", err))
	}
	return fromVersion(row)
}

func fromVersion(r db.ConversationVersion) (Version, error) {
	v := Version{
		ConversationID: r.ConversationID, Version: r.Version, Parent: r.Parent, Operation: r.Operation, ActorID: r.ActorID,
		At: r.At.UTC(), Checksum: r.Checksum,
	}
	var entry struct {
		Change map[string]any `json:"change"`
	}
	if err := json.Unmarshal(r.Entry, &entry); err != nil {
		return v, fmt.Errorf("version %d of %s: %w", r.Version, r.ConversationID, err)
	}
	v.Change = entry.Change
	return v, nil
}

// headAt gives the head as of a version, from the snapshot before it and the steps since.
// now is the same conversation as of any other version.
func (s *store) headAt(ctx context.Context, on querier, now Conversation, version int64) (Conversation, error) {
	c, err := s.snapshot(ctx, on, now, version)
	if err != nil {
		return c, err
	}
	rows, err := s.q.StepsBetween(ctx, on, db.StepsBetweenParams{ConversationID: now.ID, AfterVersion: c.Version, UntilVersion: version})
	if err != nil {
		return c, postgres.Translate(fmt.Errorf("read steps: %w", err))
	}
	for _, r := range rows {
		one := step{version: r.Version, operation: r.Operation, at: r.At.UTC(), entry: r.Entry, text: r.Body}
		if c.Version == 0 && !one.begins() {
			return c, errNoVersion // from before there were versions
		}
		if err := c.take(one); err != nil {
			return c, err
		}
	}
	if c.Version != version {
		return c, errNoVersion
	}
	return c, nil
}

// snapshot gives the newest head that was kept at a version or before; its version is 0 if
// there is none.
func (s *store) snapshot(ctx context.Context, on querier, now Conversation, version int64) (Conversation, error) {
	c := Conversation{
		ID: now.ID, UserID: now.UserID, PartnerID: now.PartnerID, SituationID: now.SituationID, Parent: now.Parent, CreatedAt: now.CreatedAt,
	}
	row, err := s.q.SnapshotAtOrBefore(ctx, on, db.SnapshotAtOrBeforeParams{ConversationID: now.ID, Version: version})
	if postgres.NoRows(err) {
		return c, nil
	}
	if err != nil {
		return c, postgres.Translate(fmt.Errorf("read snapshot: %w", err))
	}
	if err := json.Unmarshal(row.State, &c); err != nil {
		return c, fmt.Errorf("snapshot %d of %s: %w", row.Version, now.ID, err)
	}
	c.Version, c.Context, c.UpdatedAt, c.LastActivityAt = row.Version, c.Context.filled(), c.UpdatedAt.UTC(), c.LastActivityAt.UTC()
	return c, nil
}

// messagesAtInput asks for messages as of a version.
type messagesAtInput struct {
	conversation uuid.UUID
	version      int64
	afterSeq     int
	ids          []uuid.UUID // nil: all
	limit        int
}

func (s *store) messagesAt(ctx context.Context, in messagesAtInput) ([]Message, error) {
	rows, err := s.q.MessagesAtVersion(ctx, s.pool, db.MessagesAtVersionParams{
		ConversationID: in.conversation, Version: in.version, AfterSeq: in.afterSeq, Ids: in.ids, MaxRows: in.limit,
	})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read messages of version %d: %w", in.version, err))
	}
	return collect(rows, fromState)
}

func fromState(r db.MessageState) (Message, error) {
	return fromMessage(db.Message{
		ID: r.ID, ConversationID: r.ConversationID, Seq: r.Seq, Role: r.Role, Content: r.Content, Status: r.Status,
		FinishReason: r.FinishReason, Tokens: r.Tokens, Problem: r.Problem, Metadata: r.Metadata, Version: r.Since,
		Attempt: r.Attempt, CreatedAt: r.CreatedAt, CompletedAt: r.CompletedAt,
	})
}

// differ reports whether any message is another in one version than in another.
func (s *store) differ(ctx context.Context, on querier, conversation uuid.UUID, before, after int64) (bool, error) {
	rows, err := s.q.MessageDifferences(ctx, on, db.MessageDifferencesParams{
		ConversationID: conversation, FromVersion: before, ToVersion: after, MaxRows: 1,
	})
	if err != nil {
		return false, postgres.Translate(fmt.Errorf("compare versions: %w", err))
	}
	return len(rows) > 0, nil
}

// messageChanges gives the messages that are not the same in both versions.
func (s *store) messageChanges(ctx context.Context, in CompareInput) ([]MessageChange, error) {
	rows, err := s.q.MessageDifferences(ctx, s.pool, db.MessageDifferencesParams{
		ConversationID: in.ConversationID, FromVersion: in.Before, ToVersion: in.After, MaxRows: maxChanges + 1,
	})
	switch {
	case err != nil:
		return nil, postgres.Translate(fmt.Errorf("compare versions: %w", err))
	case len(rows) > maxChanges:
		return nil, errManyChanges
	case len(rows) == 0:
		return nil, nil
	}
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	before, err := s.messagesByID(ctx, in.ConversationID, in.Before, ids)
	if err != nil {
		return nil, err
	}
	after, err := s.messagesByID(ctx, in.ConversationID, in.After, ids)
	if err != nil {
		return nil, err
	}
	changes := make([]MessageChange, len(rows))
	for i, r := range rows {
		changes[i] = MessageChange{Before: before[r.ID], After: after[r.ID], BeforePlace: r.Before, AfterPlace: r.After}
	}
	return changes, nil
}

func (s *store) messagesByID(ctx context.Context, conversation uuid.UUID, version int64, ids []uuid.UUID) (map[uuid.UUID]*Message, error) {
	list, err := s.messagesAt(ctx, messagesAtInput{conversation: conversation, version: version, ids: ids, limit: len(ids)})
	byID := make(map[uuid.UUID]*Message, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	return byID, err
}

// stepsAfter gives what happened after a version, the oldest first.
func (s *store) stepsAfter(ctx context.Context, conversation uuid.UUID, version int64, limit int) ([]newsStep, error) {
	rows, err := s.q.StepsAfter(ctx, s.pool, db.StepsAfterParams{ConversationID: conversation, AfterVersion: version, MaxRows: limit})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read steps: %w", err))
	}
	return collect(rows, func(r db.StepsAfterRow) (newsStep, error) { return readNews(r.Version, r.Operation, r.Entry) })
}

// messagesMade gives the messages of steps as they were made there.
func (s *store) messagesMade(ctx context.Context, steps []newsStep) (map[madeBy]Message, error) {
	var in db.MessagesMadeByParams
	for _, st := range steps {
		if st.change.MessageID != uuid.Nil {
			in.Ids, in.Versions = append(in.Ids, st.change.MessageID), append(in.Versions, st.version)
		}
	}
	if len(in.Ids) == 0 {
		return map[madeBy]Message{}, nil
	}
	rows, err := s.q.MessagesMadeBy(ctx, s.pool, in)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read messages: %w", err))
	}
	made := make(map[madeBy]Message, len(rows))
	for _, r := range rows {
		if made[madeBy{r.ID, r.Since}], err = fromState(r); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// rollBackMessages gives the messages the states of an old version, as part of a new one.
func (s *store) rollBackMessages(ctx context.Context, tx Tx, conversation uuid.UUID, to, version int64, at time.Time) error {
	err := s.q.RollBackMessages(ctx, tx, db.RollBackMessagesParams{ConversationID: conversation, Restored: to, Version: version, At: &at})
	if err != nil {
		return fmt.Errorf("roll back messages: %w", err)
	}
	return s.reindex(ctx, tx, conversation, version)
}

// insertFork stores a conversation with copies of messages.
func (s *store) insertFork(ctx context.Context, tx Tx, c Conversation, copies []Message) error {
	if err := insertHead(ctx, tx, c, forked(c, copies)); err != nil {
		return err
	}
	rows := make([]db.CopyMessagesParams, len(copies))
	for i, m := range copies {
		metadata, err := json.Marshal(m.Metadata)
		if err != nil {
			return fmt.Errorf("copy message: %w", err)
		}
		rows[i] = db.CopyMessagesParams{
			ID: m.ID, ConversationID: c.ID, Seq: m.Seq, Role: m.Role, Content: m.Content, Status: m.Status, Tokens: m.Tokens,
			Metadata: metadata, Version: m.Version, Added: m.Version, CreatedAt: m.CreatedAt, CompletedAt: m.CompletedAt,
		}
		if m.FinishReason != "" {
			rows[i].FinishReason = &m.FinishReason
		}
	}
	if _, err := s.q.CopyMessages(ctx, tx, rows); err != nil {
		return fmt.Errorf("copy messages: %w", err)
	}
	return index(ctx, tx, c.ID, passages(c, copies)...)
}

// newest gives the last message that is to be seen.
func (s *store) newest(ctx context.Context, tx Tx, conversation uuid.UUID) (Message, error) {
	row, err := s.q.NewestMessage(ctx, tx, conversation)
	if err != nil {
		return Message{}, fmt.Errorf("read newest message: %w", err)
	}
	return fromMessage(row)
}

// retry makes a reply pending again, as the conversation's next version.
func (s *store) retry(ctx context.Context, tx Tx, head Conversation, reply uuid.UUID, at time.Time) (Message, error) {
	row, err := s.q.RetryReply(ctx, tx, db.RetryReplyParams{ID: reply, Version: head.Version + 1})
	if err != nil {
		return Message{}, fmt.Errorf("retry reply: %w", err)
	}
	m, err := fromMessage(row)
	if err != nil {
		return m, err
	}
	if err := index(ctx, tx, head.ID, passage{m.ID, m.Content}); err != nil { // which is empty now
		return m, err
	}
	return m, s.advance(ctx, tx, advance{
		conversation: head.ID, version: head.Version, reply: &m.ID, step: retried(m, head.UserID, at),
	})
}
