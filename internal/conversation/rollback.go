package conversation

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
)

var (
	errClosed         = fault.New(fault.Conflict, "conversation.closed", "The conversation is over; it does not go back. Fork it instead.")
	errUnknownVersion = fault.New(fault.Unprocessable, "conversation.unknown_version", "The conversation has no such version.").
				WithFields(fault.Field{Pointer: "/version", Code: "unknown", Detail: "must be a version of listVersions"})
)

// RollbackInput says to which version a conversation goes back.
type RollbackInput struct {
	UserID         uuid.UUID
	ConversationID uuid.UUID
	Version        int64
	Matches        func(Conversation) error // as of UpdateInput
}

// Rollback gives a conversation the content of an old version, as a new version: its
// messages, title, tags, context, metadata and token limit. Status and tokens used stay. A
// reply under way is cancelled first; one that was being written in the old version is
// cancelled in the new one. Where the conversation has that content already, nothing
// changes. Faults: resource.not_found, conversation.closed, conversation.unknown_version,
// those of in.Matches.
func (s *Service) Rollback(ctx context.Context, in RollbackInput) (Conversation, error) {
	var after Conversation
	err := s.change(ctx, changing{userID: in.UserID, id: in.ConversationID, cancels: anyReply,
		check: func(head Conversation) error {
			if in.Matches != nil {
				if err := in.Matches(head); err != nil {
					return err
				}
			}
			switch {
			case head.Status == StatusCompleted || head.Status == StatusArchived:
				return errClosed.WithDetail("status", head.Status)
			case in.Version > head.Version:
				return errUnknownVersion
			}
			return nil
		},
		act: func(tx Tx, head Conversation) (err error) {
			after, err = s.rollBackIn(ctx, tx, head, in.Version)
			return err
		},
	})
	return after, err
}

// rollBackIn does it in a transaction that has the head locked.
func (s *Service) rollBackIn(ctx context.Context, tx Tx, head Conversation, to int64) (Conversation, error) {
	old, err := s.store.headAt(ctx, tx, head, to)
	if errors.Is(err, errNoVersion) {
		return head, errUnknownVersion
	}
	if err != nil {
		return head, err
	}
	after := head
	after.Title, after.Tags, after.Context, after.Metadata, after.TokenLimit = old.Title, old.Tags, old.Context, old.Metadata, old.TokenLimit
	after.MessageCount = old.MessageCount
	if len(differences(head, after)) == 0 && head.MessageCount == after.MessageCount {
		differ, err := s.store.differ(ctx, tx, head.ID, to, head.Version)
		if err != nil || !differ {
			return head, err
		}
	}
	after.Version, after.UpdatedAt = head.Version+1, s.clock()
	after.LastActivityAt = after.UpdatedAt
	if err := s.store.rollBackMessages(ctx, tx, head.ID, to, after.Version, after.UpdatedAt); err != nil {
		return head, err
	}
	if err := s.store.update(ctx, tx, after, rolledBack(after, to)); err != nil {
		return head, err
	}
	return after, outbox.Write(ctx, tx, after.UpdatedAt, head.ID, events.ConversationRolledBack{
		ConversationID: head.ID, UserID: head.UserID, Version: after.Version, RestoredVersion: to,
	})
}
