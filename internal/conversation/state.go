package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// MaxStateMessages bounds the messages of one State.
const MaxStateMessages = 1000

// maxChanges bounds the messages in which the versions of one Comparison differ.
const maxChanges = 1000

var (
	errNoVersion   = fault.New(fault.NotFound, "resource.not_found", "The conversation has no such version.")
	errManyChanges = fault.New(fault.Unprocessable, "version.too_many_changes", "More than 1,000 messages differ between these versions.")
)

// StateInput asks for a conversation as of a version.
type StateInput struct {
	UserID         uuid.UUID
	ConversationID uuid.UUID
	Version        int64
	AfterSeq       int // of the message that was seen last; 0: from the first
	Limit          int // of messages, 1-MaxStateMessages
}

// State is a conversation as it was.
type State struct {
	Version      Version
	Conversation Conversation
	Messages     []Message // in the order said
	More         bool      // there are more messages
}

// State gives a conversation as of a version. Fault: resource.not_found.
func (s *Service) State(ctx context.Context, in StateInput) (State, error) {
	now, err := s.store.conversation(ctx, in.UserID, in.ConversationID)
	if err != nil {
		return State{}, err
	}
	version, err := s.store.version(ctx, in.UserID, in.ConversationID, in.Version)
	if err != nil {
		return State{}, err
	}
	head, err := s.store.headAt(ctx, s.store.pool, now, in.Version)
	if err != nil {
		return State{}, err
	}
	messages, err := s.store.messagesAt(ctx, messagesAtInput{
		conversation: in.ConversationID, version: in.Version, afterSeq: in.AfterSeq, limit: in.Limit + 1,
	})
	messages, more := page.Cut(messages, in.Limit)
	return State{Version: version, Conversation: head, Messages: messages, More: more}, err
}

// CompareInput names two versions; either may be the older.
type CompareInput struct {
	UserID         uuid.UUID
	ConversationID uuid.UUID
	Before, After  int64
}

// MessageChange is a message whose state is another in one version than in another.
type MessageChange struct {
	Before, After           *Message // nil: it is not in that version
	BeforePlace, AfterPlace int      // among the version's messages, from 0
}

// Comparison is what differs between two versions.
type Comparison struct {
	Before, After Conversation
	Messages      []MessageChange // in the order said
}

// Compare tells what differs between two versions. Faults: resource.not_found,
// version.too_many_changes.
func (s *Service) Compare(ctx context.Context, in CompareInput) (Comparison, error) {
	now, err := s.store.conversation(ctx, in.UserID, in.ConversationID)
	if err != nil {
		return Comparison{}, err
	}
	var c Comparison
	if c.Before, err = s.store.headAt(ctx, s.store.pool, now, in.Before); err != nil {
		return Comparison{}, err
	}
	if c.After, err = s.store.headAt(ctx, s.store.pool, now, in.After); err != nil {
		return Comparison{}, err
	}
	c.Messages, err = s.store.messageChanges(ctx, in)
	return c, err
}

// A step is what a version did to the head.
type step struct {
	version   int64
	operation string
	at        time.Time
	entry     []byte
	text      string
}

// begins reports whether nothing need be known of what was before.
func (st step) begins() bool { return st.operation == OperationCreate || st.operation == OperationFork }

// take makes the step.
func (c *Conversation) take(st step) error {
	var said struct {
		Change struct {
			Status       string          `json:"status"`
			TokenLimit   json.RawMessage `json:"token_limit"`
			TokensUsed   int64           `json:"tokens_used"`
			MessageCount int             `json:"message_count"`
		} `json:"change"`
	}
	if err := json.Unmarshal(st.entry, &said); err != nil {
		return fmt.Errorf("version %d of %s: %w", st.version, c.ID, err)
	}
	c.Version, c.UpdatedAt = st.version, st.at
	switch st.operation {
	case OperationCreate:
		c.Status, c.MessageCount = StatusActive, 1
	case OperationFork:
		c.Status, c.MessageCount = StatusActive, said.Change.MessageCount
	case OperationRollBack:
		c.MessageCount = said.Change.MessageCount
	case OperationAddMessage:
		c.MessageCount += 2
	case OperationCompleteReply:
		c.TokensUsed += said.Change.TokensUsed
	case OperationUpdateStatus:
		c.Status = said.Change.Status
	}
	if st.operation != OperationUpdateStatus && st.operation != OperationUpdateContext && st.operation != OperationUpdateMetadata {
		c.LastActivityAt = st.at
	}
	if limit := said.Change.TokenLimit; limit != nil {
		c.TokenLimit = nil
		if err := json.Unmarshal(limit, &c.TokenLimit); err != nil {
			return fmt.Errorf("version %d of %s: token limit: %w", st.version, c.ID, err)
		}
	}
	return c.hear(st)
}

// hear takes what the step's text says.
func (c *Conversation) hear(st step) error {
	var heard struct {
		Title    *string         `json:"title"`
		Tags     *[]string       `json:"tags"`
		Context  *Context        `json:"context"`
		Metadata *map[string]any `json:"metadata"`
	}
	if st.operation == OperationAddMessage || st.operation == OperationCompleteReply {
		return nil // theirs is a message's
	}
	if err := json.Unmarshal([]byte(st.text), &heard); err != nil {
		return fmt.Errorf("text of version %d of %s: %w", st.version, c.ID, err)
	}
	if heard.Title != nil {
		c.Title = *heard.Title
	}
	if heard.Tags != nil {
		c.Tags = *heard.Tags
	}
	if heard.Context != nil {
		c.Context = heard.Context.filled()
	}
	if heard.Metadata != nil {
		c.Metadata = *heard.Metadata
	}
	return nil
}
