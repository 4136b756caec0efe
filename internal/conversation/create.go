package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// CreateInput is what a learner chooses.
type CreateInput struct {
	UserID         uuid.UUID
	PartnerID      string
	SituationID    string
	Title          string // empty: made from situation and partner
	Tags           []string
	Context        Context
	Metadata       map[string]any
	TokenLimit     *int64 // nil: none
	IdempotencyKey string `json:"-"`
}

// Created is the conversation as it was made; Replayed when an earlier request
// with the same key made it.
type Created struct {
	Conversation
	Replayed bool
}

// Create starts a conversation with the partner's greeting as message 1, in one
// transaction. Faults: conversation.unknown_partner,
// conversation.unknown_situation, idempotency.*.
func (s *Service) Create(ctx context.Context, in CreateInput) (Created, error) {
	scene, err := s.scenes.Scene(in.PartnerID, in.SituationID)
	if err != nil {
		return Created{}, err
	}
	claim, err := s.once.Claim(in.UserID, "createConversation", in.IdempotencyKey, in)
	if err != nil {
		return Created{}, err
	}
	made, err := newConversation(in, scene, s.clock())
	if err != nil {
		return Created{}, err
	}
	greetingID, err := uuid.NewV7()
	if err != nil {
		return Created{}, err
	}
	var replay json.RawMessage
	err = postgres.InTx(ctx, s.store.pool, func(tx Tx) error {
		replay, err = s.once.Take(ctx, tx, claim, made)
		if err != nil || replay != nil {
			return err
		}
		return insertConversation(ctx, tx, made, greetingID, scene.Greeting+" "+scene.Opening)
	})
	return createdOr(made, replay, err)
}

// createdOr gives what was made, or what an idempotency key remembers.
func createdOr(made Conversation, replay json.RawMessage, err error) (Created, error) {
	switch {
	case err != nil:
		return Created{}, err
	case replay == nil:
		return Created{Conversation: made}, nil
	}
	first := Created{Replayed: true}
	if err := json.Unmarshal(replay, &first.Conversation); err != nil {
		return Created{}, fmt.Errorf("replay conversation: %w", err)
	}
	return first, nil
}

func newConversation(in CreateInput, scene Scene, now time.Time) (Conversation, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Conversation{}, err
	}
	c := Conversation{
		ID: id, UserID: in.UserID, PartnerID: scene.PartnerID, SituationID: scene.SituationID, Title: in.Title,
		Status: StatusActive, Version: 1, Tags: in.Tags, Context: in.Context.filled(), Metadata: in.Metadata,
		TokenLimit: in.TokenLimit, MessageCount: 1, CreatedAt: now, UpdatedAt: now, LastActivityAt: now,
	}
	if c.Title == "" {
		c.Title = scene.SituationName + " with " + scene.PartnerName
	}
	if c.Tags == nil {
		c.Tags = []string{}
	}
	if c.Metadata == nil {
		c.Metadata = map[string]any{}
	}
	return c, nil
}
