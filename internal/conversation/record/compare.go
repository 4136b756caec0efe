package record

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// Difference is what two versions of a conversation differ in. Not a word of what was written is
// in it.
type Difference struct {
	Fields   []FieldChange
	Messages []MessageChange // by seq
}

// FieldChange is a member of the conversation that is another. Before and After are nil where
// a person wrote it.
type FieldChange struct {
	Name          string
	Before, After *string
}

// MessageChange is a message that came, went, or is another. Before is nil if it came, After if
// it went.
type MessageChange struct {
	ID            uuid.UUID
	Seq           int
	Role          string
	Changed       []string // members of it, "content" among them; empty if it came or went
	Before, After *MessageState
}

// MessageState is what can be said of a message without saying what it says.
type MessageState struct {
	Since        int64 // the version that made it so
	Status       string
	FinishReason *string
	Attempt      int
	Tokens       *int
	Bytes        int // of its text
	// Fingerprint is the same for the same text within the conversation. It is salted by what is
	// kept with the texts, so that nobody guesses a short one; "": no salt is left.
	Fingerprint string
}

// passing are members that differ between any two versions.
var passing = []string{"updated_at", "last_activity_at", "last_seq"}

// Has reports whether the conversation has a version, or should have it: one that is lost from
// the middle is its own still.
func (r *Record) Has(version int64) bool {
	first := int64(1)
	if len(r.Versions) > 0 {
		switch r.Versions[0].Operation { // what begins a history has nothing before it
		case opCreate, opFork, opRecover:
			first = r.Versions[0].Version
		}
	}
	return version >= first && version <= max(r.last(), r.Head.Version)
}

// Compare tells two versions from the versions alone, whatever has become of the rows, and what
// differs between them. What cannot be told is a StepError.
func (r *Record) Compare(before, after int64) (Difference, error) {
	was, err := r.Tell(before)
	if err != nil {
		return Difference{}, err
	}
	is, err := r.Tell(after)
	if err != nil {
		return Difference{}, err
	}
	var d Difference
	for _, m := range members(was.Head, is.Head) {
		if same(m.told, m.have) || slices.Contains(passing, m.name) {
			continue
		}
		f := FieldChange{Name: m.name}
		if !m.written {
			f.Before, f.After = new(fmt.Sprint(m.told)), new(fmt.Sprint(m.have))
		}
		d.Fields = append(d.Fields, f)
	}
	d.Messages = r.messageChanges(was.visible(), is.visible())
	return d, nil
}

// visible are the messages that are to be seen.
func (t *Told) visible() map[uuid.UUID]Message {
	out := make(map[uuid.UUID]Message, len(t.Messages))
	for _, m := range t.Messages {
		if m.Hidden == nil {
			out[m.ID] = m
		}
	}
	return out
}

func (r *Record) messageChanges(was, is map[uuid.UUID]Message) (out []MessageChange) {
	for id, m := range was {
		if _, stays := is[id]; !stays {
			out = append(out, MessageChange{ID: id, Seq: m.Seq, Role: m.Role, Before: r.state(m)})
		}
	}
	for id, m := range is {
		old, known := was[id]
		change := MessageChange{ID: id, Seq: m.Seq, Role: m.Role, After: r.state(m)}
		if known {
			if change.Changed = changed(old, m); len(change.Changed) == 0 {
				continue
			}
			change.Before = r.state(old)
		}
		out = append(out, change)
	}
	slices.SortFunc(out, func(a, b MessageChange) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), slices.Compare(a.ID[:], b.ID[:]))
	})
	return out
}

// changed names the members in which two states of a message differ.
func changed(was, is Message) (names []string) {
	for _, m := range []member{
		{name: "content", told: was.Content, have: is.Content},
		{name: "role", told: was.Role, have: is.Role},
		{name: "status", told: was.Status, have: is.Status},
		{name: "finish_reason", told: value(was.FinishReason), have: value(is.FinishReason)},
		{name: "attempt", told: was.Attempt, have: is.Attempt},
		{name: "tokens", told: count(was.Tokens), have: count(is.Tokens)},
		{name: "problem", told: code(was.Problem), have: code(is.Problem)},
		{name: "metadata", told: decoded(was.Metadata), have: decoded(is.Metadata)},
		{name: "seq", told: was.Seq, have: is.Seq},
	} {
		if !same(m.told, m.have) {
			names = append(names, m.name)
		}
	}
	return names
}

func (r *Record) state(m Message) *MessageState {
	s := MessageState{Since: m.Version, Status: m.Status, FinishReason: m.FinishReason, Attempt: m.Attempt, Tokens: m.Tokens, Bytes: len(m.Content)}
	if len(r.Texts) > 0 && len(r.Texts[0].Salt) > 0 {
		s.Fingerprint = Digest(r.Texts[0].Salt, m.Content)[:16]
	}
	return &s
}
