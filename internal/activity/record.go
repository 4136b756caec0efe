package activity

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// eventGroup is the group of this package's event handlers.
const eventGroup = "activity"

// entry is an event as the log of its user keeps it, ids and numbers alone: nodes of
// neighbouring releases read each other's.
type entry struct {
	Format          int       `json:"v"` // 1
	Type            string    `json:"type"`
	ID              uuid.UUID `json:"id,omitzero"`
	RestoredVersion int64     `json:"restored_version,omitempty"`
}

// streamOf names the log of a user.
func streamOf(user uuid.UUID) string { return "user:" + user.String() }

// HandleEvents writes down which domain events concern whom. While Redis is away,
// nothing is: the group waits for the same Redis in its streams, and an event that was
// read before is tried five times in more than a minute, then kept as a dead letter.
func (s *Service) HandleEvents(h *outbox.Handlers) {
	on(s, h, func(e events.ConversationCreated) (uuid.UUID, entry) {
		return e.UserID, entry{Type: ConversationCreated, ID: e.ConversationID}
	})
	on(s, h, func(e events.ConversationForked) (uuid.UUID, entry) {
		return e.UserID, entry{Type: ConversationCreated, ID: e.ConversationID}
	})
	on(s, h, func(e events.ConversationUpdated) (uuid.UUID, entry) { return e.UserID, updated(e.ConversationID) })
	on(s, h, func(e events.ConversationCompleted) (uuid.UUID, entry) { return e.UserID, updated(e.ConversationID) })
	on(s, h, func(e events.ConversationMessageAdded) (uuid.UUID, entry) { return e.UserID, updated(e.ConversationID) })
	on(s, h, func(e events.ConversationReplyCompleted) (uuid.UUID, entry) {
		return valueOf(e.UserID), updated(e.ConversationID)
	})
	on(s, h, func(e events.ConversationReplyFailed) (uuid.UUID, entry) {
		return valueOf(e.UserID), updated(e.ConversationID)
	})
	on(s, h, func(e events.ConversationRecovered) (uuid.UUID, entry) { return e.UserID, updated(e.ConversationID) })
	on(s, h, func(e events.ConversationRolledBack) (uuid.UUID, entry) {
		return e.UserID, entry{Type: ConversationRolledBack, ID: e.ConversationID, RestoredVersion: e.RestoredVersion}
	})
	on(s, h, func(e events.ConversationDeleted) (uuid.UUID, entry) {
		return e.UserID, entry{Type: ConversationDeleted, ID: e.ConversationID}
	})
	on(s, h, func(e events.TaskProgressed) (uuid.UUID, entry) {
		return e.UserID, entry{Type: TaskProgressed, ID: e.TaskID}
	})
	on(s, h, func(e events.TaskCompleted) (uuid.UUID, entry) {
		return e.UserID, entry{Type: TaskCompleted, ID: e.TaskID}
	})
	on(s, h, func(e events.TaskFailed) (uuid.UUID, entry) { return e.UserID, entry{Type: TaskFailed, ID: e.TaskID} })
	on(s, h, func(e events.TaskCancelled) (uuid.UUID, entry) {
		return e.UserID, entry{Type: TaskCancelled, ID: e.TaskID}
	})
	// Completing the onboarding is a step too.
	on(s, h, func(e events.OnboardingStepCompleted) (uuid.UUID, entry) {
		return e.UserID, entry{Type: OnboardingChanged}
	})
	on(s, h, func(e events.OnboardingReset) (uuid.UUID, entry) { return e.UserID, entry{Type: OnboardingChanged} })
	on(s, h, func(e events.SessionRevoked) (uuid.UUID, entry) {
		return e.UserID, entry{Type: SessionRevoked, ID: e.SessionID}
	})
}

// updated is the entry of a conversation that has changed.
func updated(conversation uuid.UUID) entry { return entry{Type: ConversationUpdated, ID: conversation} }

func valueOf(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

// on writes down what an event of type T tells to whom. Where the event names no user,
// as those of older nodes may not, it is whoever asked for the change.
func on[T outbox.Data](s *Service, h *outbox.Handlers, of func(T) (user uuid.UUID, what entry)) {
	outbox.On(h, eventGroup, func(ctx context.Context, _ postgres.Tx, e outbox.Event, data T) error {
		user, what := of(data)
		if user == uuid.Nil {
			user = valueOf(e.ActorID)
		}
		if user == uuid.Nil {
			return nil
		}
		return s.record(ctx, user, what)
	})
}

// record appends to the log of a user. An answer that was lost makes the same entry come
// twice, which readers stand.
func (s *Service) record(ctx context.Context, user uuid.UUID, what entry) error {
	_, err := s.append(ctx, user, eventlog.AnyID, what)
	return err
}

func (s *Service) append(ctx context.Context, user uuid.UUID, after eventlog.ID, what entry) (eventlog.ID, error) {
	what.Format = 1
	text, err := json.Marshal(what)
	if err != nil {
		return eventlog.ID{}, fmt.Errorf("write event of a user: %w", err)
	}
	return s.Log.Append(ctx, eventlog.AppendInput{Stream: streamOf(user), After: after, Entry: text, Cap: logCap, Keep: logKeep})
}
