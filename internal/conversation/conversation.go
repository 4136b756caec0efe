// Package conversation is the heart of the service: role-play conversations,
// their messages, and the partner's replies as they are written. It promises
// that an acknowledged message is stored together with its pending reply and the
// job that writes it; that a reply is finished once, by the worker with the
// newest lease; and that every reader of a reply sees the same events in the
// same order, can leave, and can resume without a hole or a duplicate.
//
// It knows neither HTTP nor how a stream is framed, and it reads a stream from
// the log, never from the generator.
package conversation

import (
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Statuses of a conversation. Only an active one takes messages.
const (
	StatusActive    = "active"
	StatusPaused    = "paused"
	StatusCompleted = "completed"
	StatusArchived  = "archived"
	StatusFailed    = "failed"
)

// Roles of a message.
const (
	RoleUser      = "user"
	RoleAssistant = "assistant"
)

// Statuses of a message. A reply goes from pending over streaming to one of the
// other three, which are terminal.
const (
	MessagePending   = "pending"
	MessageStreaming = "streaming"
	MessageCompleted = "completed"
	MessageFailed    = "failed"
	MessageCancelled = "cancelled"
)

// Finish reasons of replies that this package ends itself: one that failed, and
// one that became too long. The others (stop, length too, content_filter) are the
// model's own.
const (
	FinishError  = "error"
	FinishLength = "length"
	// FinishCancelled is that of a reply whose learner wanted no more of it.
	FinishCancelled = "cancelled"
)

var (
	errNotFound        = fault.New(fault.NotFound, "resource.not_found", "There is no such conversation.")
	errMessageNotFound = fault.New(fault.NotFound, "resource.not_found", "There is no such message in this conversation.")
	errNotActive       = fault.New(fault.Conflict, "conversation.not_active", "The conversation is not active, so it takes no messages.")
	errReplyInFlight   = fault.New(fault.Conflict, "conversation.reply_in_flight", "The partner is still answering; wait for that reply.")
	errTokenLimit      = fault.New(fault.Unprocessable, "conversation.token_limit_reached", "The conversation has used up its token limit.")
	errNotAReply       = fault.New(fault.Conflict, "message.not_a_reply", "Only the partner's messages have events.")
)

// Context is what the learner tells about this conversation, as data. All but
// SessionMetadata reach the model.
type Context struct {
	UserPreferences      map[string]any `json:"user_preferences"`
	ConversationSettings map[string]any `json:"conversation_settings"`
	DomainContext        map[string]any `json:"domain_context"`
	SessionMetadata      map[string]any `json:"session_metadata"`
}

// filled has no nil map, so that its JSON has none either.
func (c Context) filled() Context {
	for _, m := range []*map[string]any{&c.UserPreferences, &c.ConversationSettings, &c.DomainContext, &c.SessionMetadata} {
		if *m == nil {
			*m = map[string]any{}
		}
	}
	return c
}

// Conversation is the head of a conversation; its JSON is what an idempotency
// key remembers.
type Conversation struct {
	ID             uuid.UUID      `json:"id"`
	UserID         uuid.UUID      `json:"user_id"`
	PartnerID      string         `json:"partner_id"`
	SituationID    string         `json:"situation_id"`
	Title          string         `json:"title"`
	Status         string         `json:"status"`
	Version        int64          `json:"version"`
	Tags           []string       `json:"tags"`
	Context        Context        `json:"context"`
	Metadata       map[string]any `json:"metadata"`
	TokenLimit     *int64         `json:"token_limit"`
	TokensUsed     int64          `json:"tokens_used"`
	MessageCount   int            `json:"message_count"`
	Parent         *Parent        `json:"parent,omitempty"` // nil: it is no fork
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      time.Time      `json:"updated_at"`
	LastActivityAt time.Time      `json:"last_activity_at"`
}

// Parent is what a fork was made from.
type Parent struct {
	ConversationID uuid.UUID `json:"conversation_id"`
	Version        int64     `json:"version"`
}

// Problem is why a reply failed: a public code and a sentence.
type Problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Message is one turn. Its JSON form travels in the event log between nodes of
// neighbouring releases: fields may be added, never changed.
type Message struct {
	ID             uuid.UUID      `json:"id"`
	ConversationID uuid.UUID      `json:"conversation_id"`
	Seq            int            `json:"seq"`
	Role           string         `json:"role"`
	Content        string         `json:"content"`
	Status         string         `json:"status"`
	FinishReason   string         `json:"finish_reason,omitempty"`
	Tokens         *int           `json:"tokens,omitempty"`
	Metadata       map[string]any `json:"metadata"`
	Version        int64          `json:"version"`
	Attempt        int            `json:"attempt"`
	Problem        *Problem       `json:"problem,omitempty"`
	CreatedAt      time.Time      `json:"created_at"`
	CompletedAt    *time.Time     `json:"completed_at,omitempty"`
}

// Ended reports whether the message will not change by itself any more.
func (m Message) Ended() bool { return m.Status != MessagePending && m.Status != MessageStreaming }
