package conversation

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// Operations that make a version.
const (
	OperationCreate         = "create"
	OperationAddMessage     = "add_message"
	OperationCompleteReply  = "complete_reply"
	OperationUpdateStatus   = "update_status"
	OperationUpdateContext  = "update_context"
	OperationUpdateMetadata = "update_metadata"
	OperationRetryReply     = "retry_reply"
	OperationRollBack       = "roll_back"
	OperationFork           = "fork"
	OperationRecover        = "recover"
)

// Version is one step in a conversation's history.
type Version struct {
	ConversationID uuid.UUID
	Version        int64
	Parent         *int64 // nil: the first
	Operation      string
	ActorID        *uuid.UUID // nil: the service itself
	At             time.Time
	Change         map[string]any // ids, numbers and names; a text only as its salted hash
	Checksum       []byte         // SHA-256 of the parent's and this version's entry
}

// A change is what a version says of itself, and the text that it does not say.
type change struct {
	operation string
	actor     *uuid.UUID // nil: the service itself
	at        time.Time
	says      map[string]any // ids, numbers and names, never what a person wrote
	text      any            // what a person or the model wrote, as JSON
}

// A sealed change is ready to be stored. The version's number is not known before, and
// comes last in the canonical order of the entry's members.
type sealed struct {
	head string // the entry up to "parent"
	salt []byte
	body string
}

// saltBytes make a text's hash useless to whoever guesses the text.
const saltBytes = 16

// seal gives the canonical form (RFC 8785) of a change. Its members are ASCII and its
// numbers are whole, so that sorting is all there is to it.
func (c change) seal(conversation uuid.UUID) (sealed, error) {
	body, err := json.Marshal(c.text)
	if err != nil {
		return sealed{}, fmt.Errorf("version of %s: %w", conversation, err)
	}
	s := sealed{salt: make([]byte, saltBytes), body: string(body)}
	_, _ = rand.Read(s.salt) // it never fails
	c.says["text_sha256"] = digest(s.salt, s.body)
	head, err := json.Marshal(map[string]any{
		"actor": c.actor, "at": c.at, "change": c.says, "conversation_id": conversation, "operation": c.operation,
	})
	if err != nil {
		return sealed{}, fmt.Errorf("version of %s: %w", conversation, err)
	}
	s.head = strings.TrimSuffix(string(head), "}") + ","
	return s, nil
}

// digest names a text without saying it.
func digest(salt []byte, body string) string {
	hash := sha256.New()
	_, _ = hash.Write(salt)         // a hash takes everything
	_, _ = hash.Write([]byte(body)) // the same
	return hex.EncodeToString(hash.Sum(nil))
}

// created is the first version.
func created(c Conversation, greetingID uuid.UUID, greeting string) change {
	says := map[string]any{"greeting_id": greetingID, "partner_id": c.PartnerID, "situation_id": c.SituationID}
	if c.TokenLimit != nil {
		says["token_limit"] = *c.TokenLimit
	}
	return change{OperationCreate, &c.UserID, c.CreatedAt, says, map[string]any{
		"title": c.Title, "tags": c.Tags, "context": c.Context, "metadata": c.Metadata, "greeting": greeting,
	}}
}

// added is the version of what the learner said.
func added(in SendInput, sent *Sent) change {
	return change{
		OperationAddMessage, &in.UserID, sent.Message.CreatedAt,
		map[string]any{"message_id": sent.Message.ID, "reply_id": sent.Reply.ID},
		map[string]any{"content": sent.Message.Content, "metadata": sent.Message.Metadata},
	}
}

// finished is the version of a reply that has ended, in a conversation as it was before;
// actor is who cancelled it, nil: nobody did.
func finished(before Conversation, m Message, actor *uuid.UUID, used int64, at time.Time) change {
	says := map[string]any{
		"message_id": m.ID, "attempt": m.Attempt, "status": m.Status, "finish_reason": m.FinishReason, "tokens_used": used,
	}
	text := map[string]any{"content": m.Content}
	if before.nears(before.TokensUsed + used) {
		says["token_warning"] = true
	}
	if m.Tokens != nil {
		says["tokens"] = *m.Tokens
	}
	if m.Problem != nil {
		says["problem_code"], text["problem_detail"] = m.Problem.Code, m.Problem.Detail
	}
	return change{OperationCompleteReply, actor, at, says, text}
}

// nears reports whether the conversation comes to 80 percent of its token limit with what
// it will have used.
func (c Conversation) nears(used int64) bool {
	if c.TokenLimit == nil {
		return false
	}
	warning := (*c.TokenLimit*8 + 9) / 10
	return c.TokensUsed < warning && used >= warning
}

// retried is the version of a reply that is written again.
func retried(m Message, actor uuid.UUID, at time.Time) change {
	return change{OperationRetryReply, &actor, at, map[string]any{"message_id": m.ID, "attempt": m.Attempt}, map[string]any{}}
}

// rolledBack is the version that has the content of an old one.
func rolledBack(c Conversation, to int64) change {
	says := map[string]any{"restored_version": to, "message_count": c.MessageCount, "token_limit": c.TokenLimit}
	return change{OperationRollBack, &c.UserID, c.UpdatedAt, says, map[string]any{
		"title": c.Title, "tags": c.Tags, "context": c.Context, "metadata": c.Metadata,
	}}
}

// forked is the first version of a copy.
func forked(c Conversation, messages []Message) change {
	says := map[string]any{
		"parent_id": c.Parent.ConversationID, "parent_version": c.Parent.Version, "message_count": c.MessageCount,
		"partner_id": c.PartnerID, "situation_id": c.SituationID, "token_limit": c.TokenLimit,
	}
	return change{OperationFork, &c.UserID, c.CreatedAt, says, map[string]any{
		"title": c.Title, "tags": c.Tags, "context": c.Context, "metadata": c.Metadata, "messages": messages,
	}}
}

// VersionsInput asks for one page of a conversation's history, the newest first.
type VersionsInput struct {
	UserID         uuid.UUID
	ConversationID uuid.UUID
	Before         *int64 // the version that was seen last; nil: from the newest
	Limit          int    // 1-100
}

// Versions gives up to Limit versions and whether there are more. Fault:
// resource.not_found.
func (s *Service) Versions(ctx context.Context, in VersionsInput) ([]Version, bool, error) {
	if _, err := s.store.conversation(ctx, in.UserID, in.ConversationID); err != nil {
		return nil, false, err
	}
	list, err := s.store.versions(ctx, in)
	list, more := page.Cut(list, in.Limit)
	return list, more, err
}

// altered is the version of a patch; fields are what it changed.
func altered(c Conversation, fields []events.ConversationField) change {
	says, text := map[string]any{"fields": fields}, map[string]any{}
	operation := OperationUpdateMetadata
	for _, field := range fields {
		switch field {
		case events.ConversationFieldStatus:
			operation, says["status"] = OperationUpdateStatus, c.Status
		case events.ConversationFieldTokenLimit:
			says["token_limit"] = c.TokenLimit
		case events.ConversationFieldContext:
			text["context"] = c.Context
		case events.ConversationFieldMetadata:
			text["metadata"] = c.Metadata
		case events.ConversationFieldTags:
			text["tags"] = c.Tags
		case events.ConversationFieldTitle:
			text["title"] = c.Title
		}
	}
	if operation == OperationUpdateMetadata && slices.Contains(fields, events.ConversationFieldContext) {
		operation = OperationUpdateContext
	}
	return change{operation, &c.UserID, c.UpdatedAt, says, text}
}
