package conversation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// SendInput is what the learner says.
type SendInput struct {
	UserID         uuid.UUID
	ConversationID uuid.UUID
	Content        string // 1-8,000 characters
	Metadata       map[string]any
	IdempotencyKey string `json:"-"`
}

// Sent is the learner's message and the partner's reply.
type Sent struct {
	Message  Message
	Reply    Message
	Replayed bool // an earlier request with the same key sent it; both as they are now
}

// sendResult is what an idempotency key remembers of a message.
type sendResult struct {
	MessageID uuid.UUID `json:"message_id"`
	ReplyID   uuid.UUID `json:"reply_id"`
}

// sendTries is how often a message is tried that finds the rule which kept it
// out no longer in force.
const sendTries = 3

// Why a try is rolled back without being refused.
var (
	errMoved    = errors.New("the conversation has moved on")
	errReplayed = errors.New("the key's first use has done it all")
)

// Send stores the learner's message, the pending reply and the job that writes
// it, in one transaction of four round trips at most. When it returns, all are
// committed. Faults: resource.not_found, conversation.not_active,
// conversation.reply_in_flight (with reply_id),
// conversation.token_limit_reached, those of Budgets, idempotency.*.
func (s *Service) Send(ctx context.Context, in SendInput) (Sent, error) {
	claim, err := s.once.Claim(in.UserID, "createMessage", in.IdempotencyKey, in)
	if err != nil {
		return Sent{}, err
	}
	for range sendTries {
		sent, err := s.send(ctx, in, claim)
		if !errors.Is(err, errMoved) {
			return sent, err
		}
	}
	return Sent{}, errReplyInFlight.WithRetryAfter(time.Second)
}

// send makes one try.
func (s *Service) send(ctx context.Context, in SendInput, claim *once.Claim) (Sent, error) {
	sent, err := newExchange(in, s.clock())
	if err != nil {
		return Sent{}, err
	}
	spent := s.budgets.CheckService(ctx)
	var replay json.RawMessage
	err = postgres.InTx(ctx, s.store.pool, func(tx Tx) error {
		out, err := s.store.send(ctx, tx, in, claim, &sent, func(tx Tx) error {
			return s.jobs.Insert(ctx, tx, replyArgs{Format: 1, MessageID: sent.Reply.ID})
		})
		switch {
		case err != nil:
			return err
		case !out.claimed:
			if replay, err = s.once.Replay(ctx, tx, claim); err == nil {
				err = errReplayed
			}
			return err
		case !out.stored:
			return s.whyNot(ctx, tx, in)
		}
		return spent // of which a repeat with the same key hears nothing
	})
	switch {
	case errors.Is(err, errReplayed):
		return s.replaySend(ctx, in, replay)
	case err != nil:
		return Sent{}, err
	}
	return sent, nil
}

// whyNot tells which rule kept a message out.
func (s *Service) whyNot(ctx context.Context, tx Tx, in SendInput) error {
	row, err := headIn(ctx, tx, in.UserID, in.ConversationID)
	if err != nil {
		return err
	}
	head, err := fromHead(row)
	if err != nil {
		return err
	}
	if err := takes(head, row.ReplyID); err != nil {
		return err
	}
	if err := s.budgets.CheckLearner(ctx, tx, in.UserID); err != nil {
		return err
	}
	return errMoved
}

func (s *Service) replaySend(ctx context.Context, in SendInput, replay json.RawMessage) (Sent, error) {
	var made sendResult
	if err := json.Unmarshal(replay, &made); err != nil {
		return Sent{}, fmt.Errorf("replay message: %w", err)
	}
	message, err := s.store.message(ctx, in.UserID, in.ConversationID, made.MessageID, hiddenToo)
	if err != nil {
		return Sent{}, err
	}
	reply, err := s.store.message(ctx, in.UserID, in.ConversationID, made.ReplyID, hiddenToo)
	if err != nil {
		return Sent{}, err
	}
	return Sent{Message: message, Reply: reply, Replayed: true}, nil
}

// newExchange prepares both messages; seq and version are known once stored.
func newExchange(in SendInput, now time.Time) (Sent, error) {
	said, err := uuid.NewV7()
	if err != nil {
		return Sent{}, err
	}
	reply, err := uuid.NewV7()
	if err != nil {
		return Sent{}, err
	}
	if in.Metadata == nil {
		in.Metadata = map[string]any{}
	}
	return Sent{
		Message: Message{ID: said, ConversationID: in.ConversationID, Role: RoleUser, Content: in.Content,
			Status: MessageCompleted, Metadata: in.Metadata, Attempt: 1, CreatedAt: now, CompletedAt: &now},
		Reply: Message{ID: reply, ConversationID: in.ConversationID, Role: RoleAssistant,
			Status: MessagePending, Metadata: map[string]any{}, Attempt: 1, CreatedAt: now},
	}, nil
}
