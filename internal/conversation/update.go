package conversation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/mergepatch"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Bounds of what merge patches may add up to.
const (
	maxMembers = 50      // of a map
	maxMaps    = 1 << 20 // of all context maps, or of the metadata, in bytes of JSON
)

// successors says which statuses may follow which.
var successors = map[string][]string{
	StatusActive:    {StatusPaused, StatusCompleted, StatusArchived},
	StatusPaused:    {StatusActive, StatusCompleted, StatusArchived},
	StatusCompleted: {StatusArchived},
	StatusFailed:    {StatusActive, StatusArchived},
}

var errTransition = fault.New(fault.Conflict, "conversation.status_not_allowed", "This status cannot follow the one that the conversation has.")

// UpdateInput is a merge patch of a conversation (RFC 7396).
type UpdateInput struct {
	UserID         uuid.UUID
	ConversationID uuid.UUID
	Title          *string         // nil: as it is
	Tags           *[]string       // nil: as they are
	Status         *string         // nil: as it is
	TokenLimit     **int64         // nil: as it is; to nil: none
	Context        json.RawMessage // empty: as it is; null, or null for a map, empties
	Metadata       json.RawMessage // empty: as it is; null empties
	// Matches gives an error if the conversation is not the one that the client knows.
	Matches func(Conversation) error
}

// Update changes a conversation. A patch that changes nothing makes no version. With a
// status in which no reply can be under way, the one that is gets cancelled first, in the
// same transaction, with the text so far. Faults: resource.not_found, those of
// in.Matches, conversation.status_not_allowed, conversation.context_too_large.
func (s *Service) Update(ctx context.Context, in UpdateInput) (Conversation, error) {
	var after Conversation
	step := changing{userID: in.UserID, id: in.ConversationID}
	if in.Status != nil && *in.Status != StatusActive && *in.Status != StatusPaused {
		step.cancels = anyReply
	}
	step.check = func(before Conversation) error {
		if in.Matches != nil {
			if err := in.Matches(before); err != nil {
				return err
			}
		}
		var err error
		after, err = in.apply(before)
		return err
	}
	step.act = func(tx Tx, before Conversation) error {
		fields := differences(before, after)
		if len(fields) == 0 {
			after = before
			return nil
		}
		after.Version, after.UpdatedAt = before.Version+1, s.clock()
		after.TokensUsed, after.LastActivityAt = before.TokensUsed, before.LastActivityAt
		if err := s.store.update(ctx, tx, after, altered(after, fields)); err != nil {
			return err
		}
		return updated(ctx, tx, after, fields)
	}
	err := s.change(ctx, step)
	return after, err
}

// apply gives the conversation as it shall be.
func (in UpdateInput) apply(c Conversation) (Conversation, error) {
	if in.Status != nil && *in.Status != c.Status {
		if !slices.Contains(successors[c.Status], *in.Status) {
			return c, errTransition.WithDetail("from", c.Status).WithDetail("to", *in.Status)
		}
		c.Status = *in.Status
	}
	if in.Title != nil {
		c.Title = *in.Title
	}
	if in.Tags != nil {
		c.Tags = *in.Tags
	}
	if in.TokenLimit != nil {
		c.TokenLimit = *in.TokenLimit
	}
	if len(in.Context) > 0 {
		var maps Context
		if err := patched(c.Context, in.Context, "/context", &maps); err != nil {
			return c, err
		}
		c.Context = maps.filled()
	}
	if len(in.Metadata) > 0 {
		var notes map[string]any
		if err := patched(c.Metadata, in.Metadata, "/metadata", &notes); err != nil {
			return c, err
		}
		c.Metadata = notes
	}
	return c, c.bounded()
}

// patched reads into out what a patch makes of a value; pointer names it to the client.
func patched(value any, patch json.RawMessage, pointer string, out any) error {
	if string(patch) == "null" {
		return json.Unmarshal([]byte("{}"), out)
	}
	old, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("patch %s: %w", pointer, err)
	}
	merged, err := mergepatch.Apply(old, patch)
	if err != nil {
		return fmt.Errorf("patch %s: %w", pointer, err)
	}
	if len(merged) > maxMaps {
		return tooLarge(pointer, "too_large", "would have more than 1 MiB of JSON")
	}
	return json.Unmarshal(merged, out)
}

// bounded checks what patch after patch could add up to.
func (c Conversation) bounded() error {
	for pointer, m := range map[string]map[string]any{
		"/context/user_preferences": c.Context.UserPreferences, "/context/conversation_settings": c.Context.ConversationSettings,
		"/context/domain_context": c.Context.DomainContext, "/context/session_metadata": c.Context.SessionMetadata, "/metadata": c.Metadata,
	} {
		if len(m) > maxMembers {
			return tooLarge(pointer, "too_many", "would have more than 50 members")
		}
	}
	return nil
}

func tooLarge(pointer, code, detail string) error {
	return fault.New(fault.Unprocessable, "conversation.context_too_large", "With this change the conversation would hold too much.").
		WithFields(fault.Field{Pointer: pointer, Code: code, Detail: detail})
}

// differences names the parts in which two states differ, sorted.
func differences(before, after Conversation) []events.ConversationField {
	var fields []events.ConversationField
	for _, part := range []struct {
		field         events.ConversationField
		before, after any
	}{
		{events.ConversationFieldContext, before.Context, after.Context},
		{events.ConversationFieldMetadata, before.Metadata, after.Metadata},
		{events.ConversationFieldStatus, before.Status, after.Status},
		{events.ConversationFieldTags, before.Tags, after.Tags},
		{events.ConversationFieldTitle, before.Title, after.Title},
		{events.ConversationFieldTokenLimit, before.TokenLimit, after.TokenLimit},
	} {
		if !reflect.DeepEqual(part.before, part.after) {
			fields = append(fields, part.field)
		}
	}
	return fields
}

// updated tells of a change, in its transaction.
func updated(ctx context.Context, tx Tx, c Conversation, fields []events.ConversationField) error {
	if slices.Contains(fields, events.ConversationFieldStatus) && c.Status == StatusCompleted {
		if err := outbox.Write(ctx, tx, c.UpdatedAt, c.ID, events.ConversationCompleted{
			ConversationID: c.ID, UserID: c.UserID, Version: c.Version,
		}); err != nil {
			return err
		}
		fields = slices.DeleteFunc(slices.Clone(fields), func(f events.ConversationField) bool { return f == events.ConversationFieldStatus })
	}
	if len(fields) == 0 {
		return nil
	}
	told := events.ConversationUpdated{ConversationID: c.ID, UserID: c.UserID, Version: c.Version, Fields: fields}
	if slices.Contains(fields, events.ConversationFieldStatus) {
		told.Status = (*events.ConversationUpdatedStatus)(&c.Status)
	}
	return outbox.Write(ctx, tx, c.UpdatedAt, c.ID, told)
}

// Delete removes a conversation with all its texts; a reply under way is cancelled
// first. What is left of its history holds no text. Faults: resource.not_found, those of
// matches.
func (s *Service) Delete(ctx context.Context, userID, id uuid.UUID, matches func(Conversation) error) error {
	return s.change(ctx, changing{userID: userID, id: id, cancels: anyReply, check: matches, act: func(tx Tx, c Conversation) error {
		if err := s.store.remove(ctx, tx, c.ID); err != nil {
			return err
		}
		return outbox.Write(ctx, tx, s.clock(), c.ID, events.ConversationDeleted{ConversationID: c.ID, UserID: userID})
	}})
}

// changeTries is how often a change is tried that finds another reply under way than the
// one whose text it has read.
const changeTries = 3

// changing is something that is done with the locked head of a conversation.
type changing struct {
	userID, id uuid.UUID
	check      func(Conversation) error     // before anything is done; nil: all is well
	cancels    func(reply uuid.UUID) bool   // whether the reply under way must end; nil: it goes on
	act        func(Tx, Conversation) error // on the head as that left it; nil: that was all
}

// anyReply is that of a change which no reply outlives.
func anyReply(uuid.UUID) bool { return true }

// change checks, has the reply under way cancelled if it must end, and acts, under the
// conversation's lock.
func (s *Service) change(ctx context.Context, in changing) error {
	for range changeTries {
		var ended *cancelled
		err := s.exclusively(ctx, in.id, func(fence *int64) (err error) {
			ended, err = s.changeUnder(ctx, fence, in)
			return err
		})
		if errors.Is(err, errMoved) {
			continue
		}
		if err == nil && ended != nil {
			s.announceCancelled(ctx, *ended)
		}
		if err == nil {
			s.wake(ctx, in.id)
		}
		return err
	}
	return errReplyInFlight.WithRetryAfter(time.Second)
}

// changeUnder makes one try, and gives the reply that it has cancelled. errMoved: another
// reply is under way than the one whose text it has read.
func (s *Service) changeUnder(ctx context.Context, fence *int64, in changing) (ended *cancelled, err error) {
	var so soFar
	if in.cancels != nil {
		if so, err = s.soFar(ctx, in.userID, in.id); err != nil {
			return nil, err
		}
	}
	err = postgres.InTx(ctx, s.store.pool, func(tx Tx) error {
		head, reply, err := s.store.lockHead(ctx, tx, in.userID, in.id, fence)
		if err != nil {
			return err
		}
		if in.check != nil {
			if err := in.check(head); err != nil {
				return err
			}
		}
		if in.cancels != nil && reply != nil && in.cancels(*reply) {
			if head, ended, err = s.cancelIn(ctx, tx, head, *reply, so); err != nil {
				return err
			}
		}
		if in.act == nil {
			return nil
		}
		return in.act(tx, head)
	})
	return ended, err
}
