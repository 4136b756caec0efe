package conversation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

var errNotNewest = fault.New(fault.Conflict, "message.not_newest", "Other messages follow this one, so it is not written again.")

// RetryInput names the reply that is to be written again.
type RetryInput struct {
	UserID         uuid.UUID
	ConversationID uuid.UUID
	MessageID      uuid.UUID
	IdempotencyKey string `json:"-"`
}

// Retried is the reply; Replayed when an earlier request with the same key had it written
// again: then it is given as it is now.
type Retried struct {
	Message
	Replayed bool
}

// Retry has the newest reply written again, in one transaction with the job that does it.
// What it was stays in the versions. Faults: resource.not_found, message.not_a_reply,
// message.not_newest, those of Send.
func (s *Service) Retry(ctx context.Context, in RetryInput) (Retried, error) {
	claim, err := s.once.Claim(in.UserID, "retryMessage", in.IdempotencyKey, in)
	if err != nil {
		return Retried{}, err
	}
	if _, err := s.store.message(ctx, in.UserID, in.ConversationID, in.MessageID, hiddenToo); err != nil {
		return Retried{}, err
	}
	spent := s.budgets.CheckService(ctx)
	var out Retried
	err = s.exclusively(ctx, in.ConversationID, func(fence *int64) error {
		return postgres.InTx(ctx, s.store.pool, func(tx Tx) error {
			replay, err := s.once.Take(ctx, tx, claim, json.RawMessage(`{}`))
			if err != nil || replay != nil {
				out.Replayed = replay != nil
				return err
			}
			head, reply, err := s.store.lockHead(ctx, tx, in.UserID, in.ConversationID, fence)
			if err != nil {
				return err
			}
			if err := cmp.Or(takes(head, reply), spent); err != nil {
				return err
			}
			if err := s.budgets.CheckLearner(ctx, tx, in.UserID); err != nil {
				return err
			}
			out.Message, err = s.retryIn(ctx, tx, head, in.MessageID)
			return err
		})
	})
	if err == nil && out.Replayed {
		out.Message, err = s.store.message(ctx, in.UserID, in.ConversationID, in.MessageID, hiddenToo)
	}
	return out, err
}

// retryIn does it in a transaction that has the head locked.
func (s *Service) retryIn(ctx context.Context, tx Tx, head Conversation, id uuid.UUID) (Message, error) {
	newest, err := s.store.newest(ctx, tx, head.ID)
	if err != nil {
		return Message{}, err
	}
	if newest.ID != id {
		m, err := s.store.messageIn(ctx, tx, head.UserID, head.ID, id, seen)
		switch {
		case err != nil:
			return m, err
		case m.Role != RoleAssistant || m.Seq == 1:
			return m, errNotAReply
		}
		return m, errNotNewest
	}
	if newest.Role != RoleAssistant || newest.Seq == 1 {
		return newest, errNotAReply
	}
	at := s.clock()
	m, err := s.store.retry(ctx, tx, head, id, at)
	if err != nil {
		return m, err
	}
	if err := s.jobs.Insert(ctx, tx, replyArgs{Format: 1, MessageID: id}); err != nil {
		return m, fmt.Errorf("retry reply: %w", err)
	}
	return m, outbox.Write(ctx, tx, at, head.ID, events.ConversationUpdated{
		ConversationID: head.ID, UserID: head.UserID, Version: m.Version, Fields: []events.ConversationField{events.ConversationFieldReply},
	})
}

// takes tells whether a reply can be written in a conversation now.
func takes(head Conversation, reply *uuid.UUID) error {
	switch {
	case head.Status != StatusActive:
		return errNotActive.WithDetail("status", head.Status)
	case reply != nil:
		return errReplyInFlight.WithDetail("reply_id", *reply)
	case head.TokenLimit != nil && head.TokensUsed >= *head.TokenLimit:
		return errTokenLimit
	}
	return nil
}
