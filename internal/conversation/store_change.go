package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// lockHead gives the head and the reply under way, and keeps other writers waiting until
// the transaction ends. With a fencing number it gives an overtakenError where the head was
// changed under one as high; nil: it does without.
func (s *store) lockHead(ctx context.Context, tx Tx, userID, id uuid.UUID, fence *int64) (Conversation, *uuid.UUID, error) {
	var row db.Conversation
	var err error
	if fence == nil {
		row, err = s.q.ConversationForUpdate(ctx, tx, id)
	} else {
		row, err = s.q.FenceConversation(ctx, tx, db.FenceConversationParams{Fence: *fence, ID: id, UserID: userID})
		if postgres.NoRows(err) {
			if row, err = s.q.ConversationForUpdate(ctx, tx, id); err == nil && row.UserID == userID {
				return Conversation{}, nil, overtakenError{row.Fence}
			}
		}
	}
	if postgres.NoRows(err) || err == nil && row.UserID != userID {
		return Conversation{}, nil, errNotFound
	}
	if err != nil {
		return Conversation{}, nil, fmt.Errorf("lock conversation: %w", err)
	}
	c, err := fromHead(row)
	return c, row.ReplyID, err
}

// update stores what may change of a conversation, as its next version, whose number c has.
func (s *store) update(ctx context.Context, tx Tx, c Conversation, step change) error {
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
	n, err := s.q.UpdateConversation(ctx, tx, db.UpdateConversationParams{
		ID: c.ID, Version: c.Version - 1, Title: c.Title, Tags: c.Tags, Context: contextText, Metadata: metadata, Status: c.Status,
		TokenLimit: c.TokenLimit, MessageCount: c.MessageCount, At: c.UpdatedAt, LastActivityAt: c.LastActivityAt,
		Operation: step.operation, EntryHead: version.head, Salt: version.salt, Body: version.body,
	})
	if err := guarded("update conversation", n, err); err != nil {
		return err
	}
	return index(ctx, tx, c.ID, c.title())
}

// guarded gives errMoved where a statement has found another version than the one it was for.
func guarded(what string, n int64, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case n == 0:
		return fmt.Errorf("%s: %w", what, errMoved)
	}
	return nil
}

// cancelInput is a reply to be cancelled, whose conversation's head is locked.
type cancelInput struct {
	head  Conversation
	reply uuid.UUID
	text  string
	usage llm.Usage // of the model
	at    time.Time
}

// cancelReply ends a reply under way, as the conversation's next version.
func (s *store) cancelReply(ctx context.Context, tx Tx, in cancelInput) (cancelled, error) {
	used := int64(in.usage.Prompt + in.usage.Completion)
	row, err := s.q.CancelReply(ctx, tx, db.CancelReplyParams{
		ID: in.reply, Content: in.text, Tokens: &in.usage.Completion, PromptTokens: &in.usage.Prompt, Version: in.head.Version + 1, At: &in.at,
	})
	if err != nil {
		return cancelled{}, fmt.Errorf("cancel reply: %w", err)
	}
	m, err := fromMessage(row)
	if err != nil {
		return cancelled{}, err
	}
	if err := index(ctx, tx, m.ConversationID, passage{m.ID, m.Content}); err != nil {
		return cancelled{}, err
	}
	if err := s.advance(ctx, tx, advance{
		conversation: m.ConversationID, version: in.head.Version, used: used,
		step: finished(in.head, m, &in.head.UserID, used, in.at),
	}); err != nil {
		return cancelled{}, err
	}
	return cancelled{m, row.LeaseNumber}, s.budgets.Spend(ctx, tx, in.head.UserID, used)
}

// advance is a step of a conversation's reply.
type advance struct {
	conversation uuid.UUID
	version      int64      // the one it comes after
	reply        *uuid.UUID // that is under way from now on; nil: none
	used         int64      // tokens
	step         change
}

// advance stores that a reply begins again or is over, as the conversation's next version.
func (s *store) advance(ctx context.Context, tx Tx, in advance) error {
	version, err := in.step.seal(in.conversation)
	if err != nil {
		return err
	}
	n, err := s.q.AdvanceConversation(ctx, tx, db.AdvanceConversationParams{
		ID: in.conversation, Version: in.version, ReplyID: in.reply, Tokens: in.used, At: in.step.at, Operation: in.step.operation,
		ActorID: in.step.actor, EntryHead: version.head, Salt: version.salt, Body: version.body,
	})
	return guarded("advance conversation", n, err)
}

func (s *store) remove(ctx context.Context, tx Tx, id uuid.UUID) error {
	if err := s.q.DeleteConversation(ctx, tx, id); err != nil {
		return fmt.Errorf("delete conversation: %w", err)
	}
	return nil
}
