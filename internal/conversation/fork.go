package conversation

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// maxCopies bounds the messages of a fork.
const maxCopies = 20_000

var errTooLong = fault.New(fault.Unprocessable, "conversation.too_long", "More than 20,000 messages cannot be copied.")

// ForkInput says from where a new conversation goes on.
type ForkInput struct {
	UserID         uuid.UUID
	ConversationID uuid.UUID
	Version        int64
	IdempotencyKey string `json:"-"`
}

// Fork makes an active conversation of its own from another as of a version, with copies
// of its completed messages. Faults: resource.not_found, conversation.unknown_version,
// conversation.too_long, idempotency.*.
func (s *Service) Fork(ctx context.Context, in ForkInput) (Created, error) {
	claim, err := s.once.Claim(in.UserID, "forkConversation", in.IdempotencyKey, in)
	if err != nil {
		return Created{}, err
	}
	made, copies, err := s.copyOf(ctx, in)
	if err != nil {
		return Created{}, err
	}
	var replay json.RawMessage
	err = postgres.InTx(ctx, s.store.pool, func(tx Tx) error {
		replay, err = s.once.Take(ctx, tx, claim, made)
		if err != nil || replay != nil {
			return err
		}
		if err := s.store.insertFork(ctx, tx, made, copies); err != nil {
			return err
		}
		return outbox.Write(ctx, tx, made.CreatedAt, made.ID, events.ConversationForked{
			ConversationID: made.ID, UserID: made.UserID, ParentID: in.ConversationID, ParentVersion: in.Version,
			PartnerID: made.PartnerID, SituationID: made.SituationID, Version: made.Version,
		})
	})
	return createdOr(made, replay, err)
}

// copyOf reads what the new conversation will be.
func (s *Service) copyOf(ctx context.Context, in ForkInput) (Conversation, []Message, error) {
	now, err := s.store.conversation(ctx, in.UserID, in.ConversationID)
	if err != nil {
		return now, nil, err
	}
	c, err := s.store.headAt(ctx, s.store.pool, now, in.Version)
	if errors.Is(err, errNoVersion) {
		return c, nil, errUnknownVersion
	}
	if err != nil {
		return c, nil, err
	}
	messages, err := s.store.messagesAt(ctx, messagesAtInput{conversation: in.ConversationID, version: in.Version, limit: 3 * maxCopies})
	if err != nil {
		return c, nil, err
	}
	if c.ID, err = uuid.NewV7(); err != nil {
		return c, nil, err
	}
	copies := messages[:0]
	for _, m := range messages {
		if m.Status != MessageCompleted {
			continue
		}
		if m.ID, err = uuid.NewV7(); err != nil {
			return c, nil, err
		}
		m.ConversationID, m.Seq, m.Version, m.Attempt = c.ID, len(copies)+1, 1, 1
		copies = append(copies, m)
	}
	if len(copies) > maxCopies {
		return c, nil, errTooLong
	}
	at := s.clock()
	c.Parent = &Parent{ConversationID: in.ConversationID, Version: in.Version}
	c.Status, c.Version, c.TokensUsed, c.MessageCount = StatusActive, 1, 0, len(copies)
	c.CreatedAt, c.UpdatedAt, c.LastActivityAt = at, at, at
	return c, copies, nil
}
