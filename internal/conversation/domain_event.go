package conversation

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
)

// written tells that a conversation was created, in the transaction that did it.
func written(ctx context.Context, tx Tx, c Conversation) error {
	return outbox.Write(ctx, tx, c.CreatedAt, c.ID, events.ConversationCreated{
		ConversationID: c.ID, UserID: c.UserID, PartnerID: c.PartnerID, SituationID: c.SituationID, Version: c.Version,
	})
}

// said is the event of a learner's message.
func said(in SendInput, sent *Sent) events.ConversationMessageAdded {
	return events.ConversationMessageAdded{
		ConversationID: in.ConversationID, UserID: in.UserID, MessageID: sent.Message.ID, ReplyID: sent.Reply.ID,
	}
}

// answered tells how a learner's reply ended, in the transaction that stored it.
func answered(ctx context.Context, tx Tx, learner uuid.UUID, m Message) error {
	if m.Status == MessageFailed {
		return outbox.Write(ctx, tx, *m.CompletedAt, m.ConversationID, events.ConversationReplyFailed{
			ConversationID: m.ConversationID, UserID: &learner, MessageID: m.ID, Attempt: m.Attempt, Code: m.Problem.Code, Version: m.Version,
		})
	}
	return outbox.Write(ctx, tx, *m.CompletedAt, m.ConversationID, events.ConversationReplyCompleted{
		ConversationID: m.ConversationID, UserID: &learner, MessageID: m.ID, Attempt: m.Attempt, Tokens: m.Tokens, Version: m.Version,
		FinishReason: events.ConversationReplyCompletedFinishReason(m.FinishReason),
	})
}
