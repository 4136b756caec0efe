package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

var (
	errMissing = errors.New("the version is missing")
	errNoText  = errors.New("its text is missing")
)

// copied takes the messages of a fork.
func (t *Told) copied(v Version, said heard) error {
	for _, raw := range said.Messages {
		var m struct {
			ID           uuid.UUID       `json:"id"`
			Seq          int             `json:"seq"`
			Role         string          `json:"role"`
			Content      string          `json:"content"`
			Status       string          `json:"status"`
			FinishReason *string         `json:"finish_reason"`
			Tokens       *int            `json:"tokens"`
			Metadata     json.RawMessage `json:"metadata"`
			CreatedAt    time.Time       `json:"created_at"`
			CompletedAt  *time.Time      `json:"completed_at"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("its messages: %w", err)
		}
		t.Messages = append(t.Messages, Message{
			ID: m.ID, ConversationID: v.ConversationID, Seq: m.Seq, Role: m.Role, Content: m.Content, Status: m.Status, FinishReason: m.FinishReason,
			Tokens: m.Tokens, Metadata: m.Metadata, Version: 1, Attempt: 1, CreatedAt: m.CreatedAt, CompletedAt: m.CompletedAt, Added: 1,
		})
	}
	return nil
}

// say adds what the learner said, and the reply to come.
func (t *Told) say(v Version, c says, said heard) {
	metadata := said.Metadata
	if len(metadata) == 0 || string(metadata) == "null" {
		metadata = json.RawMessage("{}")
	}
	t.Messages = append(t.Messages,
		Message{ID: c.MessageID, ConversationID: v.ConversationID, Seq: t.Head.LastSeq + 1, Role: "user", Content: said.Content, Status: "completed",
			Metadata: metadata, Version: v.Version, Attempt: 1, CreatedAt: v.At, CompletedAt: &v.At, Added: v.Version},
		Message{ID: c.ReplyID, ConversationID: v.ConversationID, Seq: t.Head.LastSeq + 2, Role: "assistant", Status: "pending",
			Metadata: json.RawMessage("{}"), Version: v.Version, Attempt: 1, CreatedAt: v.At, Added: v.Version})
	t.Head.LastSeq += 2
	t.Head.MessageCount += 2
	t.Head.ReplyID = &c.ReplyID
}

// complete ends the reply under way.
func (t *Told) complete(v Version, c says, said heard) error {
	m, err := t.message(c.MessageID)
	if err != nil {
		return err
	}
	if m.Attempt > 1 { // that it was being written again is a past
		t.Pasts = append(t.Pasts, Past{MessageID: m.ID, Since: m.Version, Until: v.Version, Status: "pending", Attempt: m.Attempt})
	}
	m.Content, m.Status, m.FinishReason, m.Version, m.CompletedAt = said.Content, c.Status, &c.FinishReason, v.Version, &v.At
	m.Tokens, m.PromptTokens, m.TokensEstimated, m.Problem = c.Tokens, c.PromptTokens, c.TokensEstimated, nil
	if c.ProblemCode != "" {
		problem := map[string]string{"code": c.ProblemCode, "detail": said.ProblemDetail}
		if m.Problem, err = json.Marshal(problem); err != nil {
			return err
		}
	}
	t.Head.ReplyID = nil
	t.Head.TokensUsed += c.TokensUsed
	return nil
}

// retry makes a reply pending again; its text becomes a past.
func (t *Told) retry(v Version, c says) error {
	m, err := t.message(c.MessageID)
	if err != nil {
		return err
	}
	t.Pasts = append(t.Pasts, m.past(v.Version))
	m.Content, m.Status, m.FinishReason, m.Tokens, m.PromptTokens, m.TokensEstimated, m.Problem, m.CompletedAt = "", "pending", nil, nil, nil, false, nil, nil
	m.Attempt, m.Version = m.Attempt+1, v.Version
	t.Head.ReplyID = &m.ID
	return nil
}

// past is the state that another takes the place of.
func (m Message) past(until int64) Past {
	if m.Hidden != nil {
		until = *m.Hidden
	}
	return Past{MessageID: m.ID, Since: m.Version, Until: until, Content: m.Content, Status: m.Status, FinishReason: m.FinishReason,
		Tokens: m.Tokens, Attempt: m.Attempt, Problem: m.Problem, CompletedAt: m.CompletedAt}
}

// rollBack gives the messages their states of an old version: those that have it already are
// left, those that came later are hidden.
func (t *Told) rollBack(v Version, c says) {
	old := c.RestoredVersion
	pasts := t.Pasts
	for i := range t.Messages {
		m := &t.Messages[i]
		state, found := m.at(old, pasts)
		switch {
		case found && m.Version <= old && m.Hidden == nil:
		case found:
			t.Pasts = append(t.Pasts, m.past(v.Version))
			m.restore(state, v)
		case m.Hidden == nil:
			m.Hidden = &v.Version
		}
	}
	t.Head.MessageCount = c.MessageCount
}

// at gives the state of the message as of a version, if it was to be seen then.
func (m Message) at(version int64, pasts []Past) (Past, bool) {
	begun := false // whether a past says how it was, this early
	for _, p := range pasts {
		if p.MessageID != m.ID {
			continue
		}
		if p.Since <= version && p.Until > version {
			return p, true
		}
		begun = begun || p.Since <= version
	}
	switch {
	case m.Version <= version && (m.Hidden == nil || *m.Hidden > version):
		return m.past(version + 1), true
	case m.Added <= version && m.Version > version && !begun:
		return Past{MessageID: m.ID, Status: "pending"}, true
	}
	return Past{}, false
}

// restore gives the message an old state; a reply that was being written then is cancelled.
func (m *Message) restore(p Past, v Version) {
	m.Content, m.Status, m.FinishReason, m.Tokens, m.Problem, m.CompletedAt = p.Content, p.Status, p.FinishReason, p.Tokens, p.Problem, p.CompletedAt
	if p.Status == "pending" {
		m.Status, m.FinishReason, m.CompletedAt = "cancelled", new("cancelled"), &v.At
	}
	m.Attempt, m.Version, m.Hidden = m.Attempt+1, v.Version, nil
}

// recover begins anew with what a recovery found. One that was made for a conversation from
// before there were versions says nothing: its snapshot and its rows are believed.
func (t *Told) recover(r *Record, v Version, c says, said heard) error {
	if c.Adopted {
		return t.adopt(r, v)
	}
	if said.Head == nil {
		return errors.New("the recovery says nothing of the conversation")
	}
	keep := t.Head
	t.Head = *said.Head
	t.Head.Version, t.Head.UpdatedAt, t.Head.LastActivityAt, t.Head.Checksum = keep.Version, keep.UpdatedAt, keep.LastActivityAt, keep.Checksum
	for _, raw := range said.Messages {
		var m Message
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("its messages: %w", err)
		}
		t.Messages = append(t.Messages, m)
	}
	t.Pasts = append(t.Pasts, said.Pasts...)
	return nil
}

// adopt takes what there was when the history began.
func (t *Told) adopt(r *Record, v Version) error {
	for _, s := range r.Snapshots {
		if s.Version != v.Version {
			continue
		}
		if err := json.Unmarshal(s.State, &t.Head); err != nil {
			return fmt.Errorf("its snapshot: %w", err)
		}
		t.Head.Version, t.Head.Checksum = v.Version, v.Checksum
		for _, m := range r.Messages {
			if m.Added <= v.Version {
				t.take(m.as(v.Version, r.Pasts))
			}
		}
		return nil
	}
	return errors.New("the snapshot that it began with is missing")
}

func (t *Told) take(m Message) {
	t.Head.LastSeq = max(t.Head.LastSeq, m.Seq)
	if m.Status == "pending" {
		t.Head.ReplyID = &m.ID
	}
	t.Messages = append(t.Messages, m)
}

// as is the message as it was at a version that knows it.
func (m Message) as(version int64, pasts []Past) Message {
	if m.Version <= version && (m.Hidden == nil || *m.Hidden > version) {
		m.Hidden = nil
		if m.Status == "streaming" {
			m.Status = "pending"
		}
		return m
	}
	if m.Version <= version {
		return m
	}
	old, _ := m.at(version, pasts)
	m.Content, m.Status, m.FinishReason, m.Tokens, m.Problem, m.CompletedAt = old.Content, old.Status, old.FinishReason, old.Tokens, old.Problem, old.CompletedAt
	m.Version, m.Attempt, m.Hidden = max(old.Since, m.Added), max(old.Attempt, 1), nil
	return m
}
