// Package record knows what is stored of one conversation, row by row, and what must hold
// of it. It tells the whole conversation again from its versions alone, so that what the
// tables say can be held against it, and be put right by it.
//
// It reads and writes nothing: rows come from the database or from a backup, whose lines are
// the JSON of a Record. So fields may be added to these types, never changed.
package record

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Record is all that is stored of one conversation, or, in an incremental backup, what has
// been added since.
type Record struct {
	Head      Head       `json:"head"`
	Versions  []Version  `json:"versions"` // by number
	Texts     []Text     `json:"texts"`    // by version
	Messages  []Message  `json:"messages"` // by seq
	Pasts     []Past     `json:"pasts"`    // by message and since
	Snapshots []Snapshot `json:"snapshots"`
}

// Head is the row of the conversation itself.
type Head struct {
	ID             uuid.UUID       `json:"id"`
	UserID         uuid.UUID       `json:"user_id"`
	PartnerID      string          `json:"partner_id"`
	SituationID    string          `json:"situation_id"`
	Title          string          `json:"title"`
	Status         string          `json:"status"`
	Version        int64           `json:"version"`
	Tags           []string        `json:"tags"`
	Context        json.RawMessage `json:"context"`
	Metadata       json.RawMessage `json:"metadata"`
	TokenLimit     *int64          `json:"token_limit"`
	TokensUsed     int64           `json:"tokens_used"`
	MessageCount   int             `json:"message_count"`
	LastSeq        int             `json:"last_seq"`
	ReplyID        *uuid.UUID      `json:"reply_id"` // under way; nil: none
	CreatedAt      time.Time       `json:"created_at"`
	UpdatedAt      time.Time       `json:"updated_at"`
	LastActivityAt time.Time       `json:"last_activity_at"`
	Checksum       []byte          `json:"checksum"` // of the newest version
	ParentID       *uuid.UUID      `json:"parent_id"`
	ParentVersion  *int64          `json:"parent_version"`
	Fence          int64           `json:"fence"`
}

// Version is one step of the history: the bytes that are hashed, and the columns that say
// the same.
type Version struct {
	ConversationID uuid.UUID  `json:"conversation_id"`
	Version        int64      `json:"version"`
	Parent         *int64     `json:"parent"`
	Operation      string     `json:"operation"`
	ActorID        *uuid.UUID `json:"actor_id"`
	At             time.Time  `json:"at"`
	Entry          []byte     `json:"entry"`
	Checksum       []byte     `json:"checksum"`
}

// Text is what a person or the model wrote in a version, as JSON, and the salt of its hash.
type Text struct {
	ConversationID uuid.UUID `json:"conversation_id"`
	Version        int64     `json:"version"`
	Salt           []byte    `json:"salt"`
	Body           string    `json:"body"`
}

// Message is the newest state of a message.
type Message struct {
	ID              uuid.UUID       `json:"id"`
	ConversationID  uuid.UUID       `json:"conversation_id"`
	Seq             int             `json:"seq"`
	Role            string          `json:"role"`
	Content         string          `json:"content"`
	Status          string          `json:"status"`
	FinishReason    *string         `json:"finish_reason"`
	Tokens          *int            `json:"tokens"`
	PromptTokens    *int            `json:"prompt_tokens"`
	TokensEstimated bool            `json:"tokens_estimated"`
	Problem         json.RawMessage `json:"problem,omitempty"`
	Metadata        json.RawMessage `json:"metadata"`
	Version         int64           `json:"version"` // since which it is so
	Attempt         int             `json:"attempt"`
	LeaseNumber     int64           `json:"lease_number"`
	CreatedAt       time.Time       `json:"created_at"`
	CompletedAt     *time.Time      `json:"completed_at"`
	Added           int64           `json:"added"`
	Hidden          *int64          `json:"hidden"`
}

// Past is a state of a message that another has taken the place of.
type Past struct {
	MessageID    uuid.UUID       `json:"message_id"`
	Since        int64           `json:"since"`
	Until        int64           `json:"until"`
	Content      string          `json:"content"`
	Status       string          `json:"status"`
	FinishReason *string         `json:"finish_reason"`
	Tokens       *int            `json:"tokens"`
	Attempt      int             `json:"attempt"`
	Problem      json.RawMessage `json:"problem,omitempty"`
	CompletedAt  *time.Time      `json:"completed_at"`
}

// Snapshot is the head as of a version, kept so that no version takes long to be told.
type Snapshot struct {
	ConversationID uuid.UUID       `json:"conversation_id"`
	Version        int64           `json:"version"`
	State          json.RawMessage `json:"state"`
}

// text gives the text of a version.
func (r *Record) text(version int64) *Text {
	i, found := slices.BinarySearchFunc(r.Texts, version, func(t Text, version int64) int { return cmp.Compare(t.Version, version) })
	if !found {
		return nil
	}
	return &r.Texts[i]
}
