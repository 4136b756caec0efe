package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// replyUnderWay names the reply that is being written, or is to be; zero: none.
func (s *store) replyUnderWay(ctx context.Context, userID, id uuid.UUID) (uuid.UUID, error) {
	row, err := s.q.ConversationByID(ctx, s.pool, db.ConversationByIDParams{ID: id, UserID: userID})
	switch {
	case postgres.NoRows(err):
		return uuid.Nil, errNotFound
	case err != nil:
		return uuid.Nil, postgres.Translate(fmt.Errorf("read conversation: %w", err))
	case row.ReplyID == nil:
		return uuid.Nil, nil
	}
	return *row.ReplyID, nil
}

// lockHead gives the head and the reply under way, and keeps other writers waiting until
// the transaction ends.
func (s *store) lockHead(ctx context.Context, tx Tx, userID, id uuid.UUID) (Conversation, *uuid.UUID, error) {
	row, err := s.q.ConversationForUpdate(ctx, tx, id)
	if postgres.NoRows(err) || err == nil && row.UserID != userID {
		return Conversation{}, nil, errNotFound
	}
	if err != nil {
		return Conversation{}, nil, fmt.Errorf("lock conversation: %w", err)
	}
	c, err := fromHead(row)
	return c, row.ReplyID, err
}

// update stores what may change of a conversation, as its next version.
func (s *store) update(ctx context.Context, tx Tx, c Conversation, fields []events.ConversationField) error {
	step := altered(c, fields)
	version, err := step.seal(c.ID)
	if err != nil {
		return err
	}
	contextText, err := json.Marshal(c.Context)
	if err != nil {
		return fmt.Errorf("update conversation: %w", err)
	}
	metadata, err := json.Marshal(c.Metadata)
	if err != nil {
		return fmt.Errorf("update conversation: %w", err)
	}
	err = s.q.UpdateConversation(ctx, tx, db.UpdateConversationParams{
		ID: c.ID, Title: c.Title, Tags: c.Tags, Context: contextText, Metadata: metadata, Status: c.Status, TokenLimit: c.TokenLimit,
		At: c.UpdatedAt, Operation: step.operation, EntryHead: version.head, Salt: version.salt, Body: version.body,
	})
	if err != nil {
		return fmt.Errorf("update conversation: %w", err)
	}
	return nil
}

// cancelInput is a reply to be cancelled, whose conversation's head is locked.
type cancelInput struct {
	head   Conversation
	reply  uuid.UUID
	text   string
	tokens int // of text
	at     time.Time
}

// cancelReply ends a reply under way, as the conversation's next version.
func (s *store) cancelReply(ctx context.Context, tx Tx, in cancelInput) (cancelled, error) {
	row, err := s.q.CancelReply(ctx, tx, db.CancelReplyParams{
		ID: in.reply, Content: in.text, Tokens: &in.tokens, Version: in.head.Version + 1, At: &in.at,
	})
	if err != nil {
		return cancelled{}, fmt.Errorf("cancel reply: %w", err)
	}
	m, err := fromMessage(row)
	if err != nil {
		return cancelled{}, err
	}
	return cancelled{m, row.LeaseNumber}, s.endReply(ctx, tx, m.ConversationID, int64(in.tokens), finished(m, &in.head.UserID, int64(in.tokens), in.at))
}

// endReply frees the conversation of the reply under way, as its next version.
func (s *store) endReply(ctx context.Context, tx Tx, conversation uuid.UUID, used int64, step change) error {
	version, err := step.seal(conversation)
	if err != nil {
		return err
	}
	err = s.q.EndReply(ctx, tx, db.EndReplyParams{
		ID: conversation, Tokens: used, At: step.at, ActorID: step.actor, EntryHead: version.head, Salt: version.salt, Body: version.body,
	})
	if err != nil {
		return fmt.Errorf("end reply: %w", err)
	}
	return nil
}

func (s *store) remove(ctx context.Context, tx Tx, id uuid.UUID) error {
	if err := s.q.DeleteConversation(ctx, tx, id); err != nil {
		return fmt.Errorf("delete conversation: %w", err)
	}
	return nil
}
