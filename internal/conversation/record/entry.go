package record

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Operations, as versions have them.
const (
	opCreate        = "create"
	opAddMessage    = "add_message"
	opCompleteReply = "complete_reply"
	opUpdateStatus  = "update_status"
	opUpdateContext = "update_context"
	opUpdateMeta    = "update_metadata"
	opRetryReply    = "retry_reply"
	opRollBack      = "roll_back"
	opFork          = "fork"
	opRecover       = "recover"
)

// An entry is what the hashed bytes of a version say.
type entry struct {
	Actor          *uuid.UUID `json:"actor"`
	At             time.Time  `json:"at"`
	Change         says       `json:"change"`
	ConversationID uuid.UUID  `json:"conversation_id"`
	Operation      string     `json:"operation"`
	Parent         *int64     `json:"parent"`
	Version        int64      `json:"version"`
}

// says is what all operations may say of their change. Those from before a member was there
// lack it.
type says struct {
	TextSHA256      string          `json:"text_sha256"`
	PartnerID       string          `json:"partner_id"`
	SituationID     string          `json:"situation_id"`
	GreetingID      uuid.UUID       `json:"greeting_id"`
	MessageID       uuid.UUID       `json:"message_id"`
	ReplyID         uuid.UUID       `json:"reply_id"`
	ParentID        *uuid.UUID      `json:"parent_id"`
	ParentVersion   *int64          `json:"parent_version"`
	Status          string          `json:"status"`
	FinishReason    string          `json:"finish_reason"`
	Attempt         int             `json:"attempt"`
	ProblemCode     string          `json:"problem_code"`
	TokenLimit      json.RawMessage `json:"token_limit"`
	TokensUsed      int64           `json:"tokens_used"`
	Tokens          *int            `json:"tokens"`
	PromptTokens    *int            `json:"prompt_tokens"`
	TokensEstimated bool            `json:"tokens_estimated"`
	MessageCount    int             `json:"message_count"`
	RestoredVersion int64           `json:"restored_version"`
	Adopted         bool            `json:"adopted"`
	Operator        string          `json:"operator"`
}

// heard is what the texts of all operations may say.
type heard struct {
	Title         *string           `json:"title"`
	Tags          *[]string         `json:"tags"`
	Context       json.RawMessage   `json:"context"`
	Metadata      json.RawMessage   `json:"metadata"` // of the conversation, or of the message said
	Greeting      string            `json:"greeting"`
	Content       string            `json:"content"`
	ProblemDetail string            `json:"problem_detail"`
	Messages      []json.RawMessage `json:"messages"`
	Head          *Head             `json:"head"`  // of a recovery
	Pasts         []Past            `json:"pasts"` // the same
	Known         []Known           `json:"known"` // the same
}

// read parses the bytes of a version.
func (v Version) read() (entry, error) {
	var e entry
	if err := json.Unmarshal(v.Entry, &e); err != nil {
		return e, fmt.Errorf("version %d of %s: %w", v.Version, v.ConversationID, err)
	}
	return e, nil
}

// A reading is what came of parsing the bytes of a version.
type reading struct {
	entry
	err error
}

// readings parses the bytes of all versions, once for all that look at them.
func (r *Record) readings() []reading {
	out := make([]reading, len(r.Versions))
	for i := range r.Versions {
		out[i] = r.Versions[i].reading()
	}
	return out
}

func (v Version) reading() (said reading) {
	said.entry, said.err = v.read()
	return said
}

// adopted reports whether the history of a conversation from before there were versions begins
// with this one.
func (v Version) adopted() bool {
	e, err := v.read()
	return err == nil && e.Change.Adopted
}

// Sum is the checksum of a version whose parent has the checksum before; nil: it has none.
func Sum(before, entry []byte) []byte {
	hash := sha256.New()
	_, _ = hash.Write(before) // a hash takes everything
	_, _ = hash.Write(entry)  // the same
	return hash.Sum(nil)
}

// Digest names a text without saying it, in hex.
func Digest(salt []byte, body string) string { return hex.EncodeToString(Sum(salt, []byte(body))) }
