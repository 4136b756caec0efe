package record

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"
)

// snapshot holds what was kept of a version against what the versions tell.
func (c *check) snapshot(told Head) {
	for _, s := range c.r.Snapshots {
		if s.Version != told.Version {
			continue
		}
		var kept Head
		if err := json.Unmarshal(s.State, &kept); err != nil {
			c.find(s.Version, RuleSnapshot, "", "JSON", err)
			return
		}
		for _, m := range members(told, kept) {
			if m.kept && !same(m.told, m.have) {
				c.find(s.Version, RuleSnapshot, m.name, m.show(c.salt(), m.told), m.show(c.salt(), m.have))
			}
		}
	}
}

// member is a member of the head, as told and as it is.
type member struct {
	name       string
	told, have any
	kept       bool // in snapshots
	written    bool // by a person: it is not shown
}

func members(told, have Head) []member {
	return []member{
		{name: "title", told: told.Title, have: have.Title, kept: true, written: true},
		{name: "status", told: told.Status, have: have.Status, kept: true},
		{name: "tags", told: told.Tags, have: have.Tags, kept: true, written: true},
		{name: "context", told: decoded(told.Context), have: decoded(have.Context), kept: true, written: true},
		{name: "metadata", told: decoded(told.Metadata), have: decoded(have.Metadata), kept: true, written: true},
		{name: "token_limit", told: number(told.TokenLimit), have: number(have.TokenLimit), kept: true},
		{name: "tokens_used", told: told.TokensUsed, have: have.TokensUsed, kept: true},
		{name: "message_count", told: told.MessageCount, have: have.MessageCount, kept: true},
		{name: "updated_at", told: stamp(told.UpdatedAt), have: stamp(have.UpdatedAt), kept: true},
		{name: "last_activity_at", told: stamp(told.LastActivityAt), have: stamp(have.LastActivityAt), kept: true},
		{name: "last_seq", told: told.LastSeq, have: have.LastSeq},
		{name: "reply_id", told: identity(told.ReplyID), have: identity(have.ReplyID)},
		{name: "user_id", told: told.UserID, have: have.UserID},
		{name: "partner_id", told: told.PartnerID, have: have.PartnerID},
		{name: "situation_id", told: told.SituationID, have: have.SituationID},
		{name: "created_at", told: stamp(told.CreatedAt), have: stamp(have.CreatedAt)},
		{name: "parent_id", told: identity(told.ParentID), have: identity(have.ParentID)},
		{name: "parent_version", told: number(told.ParentVersion), have: number(have.ParentVersion)},
	}
}

// show says a value, but of what was written only a hash.
func (m member) show(salt []byte, value any) string {
	if !m.written {
		return fmt.Sprint(value)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return shown(salt, string(text))
}

// shown names a text without saying it.
func shown(salt []byte, text string) string {
	return fmt.Sprintf("sha256:%s of %d bytes", Digest(salt, text)[:16], len(text))
}

// salt keeps a short text from being guessed by its hash: it is stored with the texts, and
// shown nowhere.
func (c *check) salt() []byte {
	if len(c.r.Texts) == 0 {
		return nil
	}
	return c.r.Texts[0].Salt
}

// same compares what JSON may hold; no list is an empty one.
func same(a, b any) bool {
	if x, ok := a.([]string); ok {
		y, _ := b.([]string)
		return slices.Equal(x, y)
	}
	return reflect.DeepEqual(a, b)
}

func decoded(text json.RawMessage) any {
	var value any
	if len(text) == 0 || json.Unmarshal(text, &value) != nil {
		return nil
	}
	return value
}

func identity(id *uuid.UUID) string {
	if id == nil {
		return "none"
	}
	return id.String()
}

// head holds the row against what the versions tell.
func (c *check) head(told Head) {
	for _, m := range members(told, c.r.Head) {
		rule := RuleHeadState
		if m.name == "tokens_used" {
			rule = RuleTokens
		}
		if !same(m.told, m.have) {
			c.find(0, rule, m.name, m.show(c.salt(), m.told), m.show(c.salt(), m.have))
		}
	}
}

// messages holds the rows of messages, and of their pasts, against what the versions tell.
func (c *check) messages(told Told) {
	have := make(map[uuid.UUID]*Message, len(c.r.Messages))
	for i := range c.r.Messages {
		have[c.r.Messages[i].ID] = &c.r.Messages[i]
	}
	for i := range told.Messages {
		want := &told.Messages[i]
		row := have[want.ID]
		if row == nil {
			c.find(want.Added, RuleMessage, want.ID.String(), "a message", "none")
			continue
		}
		delete(have, want.ID)
		c.message(want, row)
	}
	for _, m := range c.r.Messages {
		if have[m.ID] != nil {
			c.find(m.Added, RuleMessageMore, m.ID.String(), "no message", "one")
		}
	}
	c.pasts(told)
}

// message compares one message with its row.
func (c *check) message(told, row *Message) {
	subject := told.ID.String()
	if told.Seq != row.Seq {
		c.find(told.Added, RuleMessageOrder, subject, told.Seq, row.Seq)
	}
	if told.Content != row.Content {
		c.find(told.Version, RuleMessageText, subject, shown(c.salt(), told.Content), shown(c.salt(), row.Content))
	}
	for _, m := range []member{
		{name: "role", told: told.Role, have: row.Role},
		{name: "status", told: settled(told.Status), have: settled(row.Status)},
		{name: "finish_reason", told: value(told.FinishReason), have: value(row.FinishReason)},
		{name: "metadata", told: decoded(told.Metadata), have: decoded(row.Metadata), written: true},
		{name: "version", told: told.Version, have: row.Version},
		{name: "added", told: told.Added, have: row.Added},
		{name: "hidden", told: number(told.Hidden), have: number(row.Hidden)},
		{name: "attempt", told: told.Attempt, have: row.Attempt},
		{name: "created_at", told: stamp(told.CreatedAt), have: stamp(row.CreatedAt)},
		{name: "completed_at", told: moment(told.CompletedAt), have: moment(row.CompletedAt)},
		{name: "problem", told: code(told.Problem), have: code(row.Problem)},
	} {
		if !same(m.told, m.have) {
			c.find(told.Version, RuleMessageState, subject, m.name+" "+m.show(c.salt(), m.told), m.name+" "+m.show(c.salt(), m.have))
		}
	}
	if told.Tokens != nil && (row.Tokens == nil || *row.Tokens != *told.Tokens) {
		c.find(told.Version, RuleMessageState, subject, fmt.Sprintf("tokens %d", *told.Tokens), "tokens "+count(row.Tokens))
	}
}

// pasts compares the earlier states since the telling began.
func (c *check) pasts(told Told) {
	type place struct {
		id    uuid.UUID
		since int64
	}
	have := make(map[place]Past, len(c.r.Pasts))
	for _, p := range c.r.Pasts {
		have[place{p.MessageID, p.Since}] = p
	}
	for _, want := range told.Pasts {
		row, ok := have[place{want.MessageID, want.Since}]
		switch {
		case !ok:
			c.find(want.Since, RuleMessage, want.MessageID.String(), "an earlier state", "none")
		case row.Content != want.Content:
			c.find(want.Since, RuleMessageText, want.MessageID.String(), shown(c.salt(), want.Content), shown(c.salt(), row.Content))
		case row.Until != want.Until || settled(row.Status) != settled(want.Status) || row.Attempt != want.Attempt:
			c.find(want.Since, RuleMessageState, want.MessageID.String(),
				fmt.Sprintf("%s until %d, attempt %d", want.Status, want.Until, want.Attempt), fmt.Sprintf("%s until %d, attempt %d", row.Status, row.Until, row.Attempt))
		}
	}
}

// settled is a status as versions know it: that a reply is being written is none of theirs.
func settled(status string) string {
	if status == "streaming" {
		return "pending"
	}
	return status
}

func value(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

func count(n *int) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}

func moment(t *time.Time) string {
	if t == nil {
		return "none"
	}
	return stamp(*t)
}

// code is that of a problem: its sentence is no version's.
func code(problem json.RawMessage) string {
	var p struct {
		Code string `json:"code"`
	}
	if len(problem) == 0 || json.Unmarshal(problem, &p) != nil {
		return "none"
	}
	return p.Code
}
