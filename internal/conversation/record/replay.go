package record

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// Told is a conversation as its versions tell it.
type Told struct {
	Head     Head
	Messages []Message // by seq; the hidden ones too
	Pasts    []Past    // by message and since
	// Since is the version that the telling began with: 1, or a recovery, before which nothing
	// matters any more.
	Since int64
}

// A StepError is a version that does not fit what was before it, or cannot be read.
type StepError struct {
	Version int64
	Err     error
}

func (e *StepError) Error() string { return fmt.Sprintf("version %d: %v", e.Version, e.Err) }
func (e *StepError) Unwrap() error { return e.Err }

// Tell makes every step of the record up to a version; 0: all. It begins with the newest
// recovery, if there is one by then. What is told up to the step that fails is given with a
// StepError. Rows of messages are believed only where the history began after them.
func (r *Record) Tell(until int64) (Told, error) {
	if until == 0 {
		until = r.last()
	}
	return r.tell(until, r.readings(), func(Head) {})
}

// tell is Tell with all versions read, and shows the head after each step.
func (r *Record) tell(until int64, said []reading, each func(Head)) (Told, error) {
	t := Told{Head: Head{ID: r.Head.ID, UserID: r.Head.UserID, CreatedAt: r.Head.CreatedAt, ParentID: r.Head.ParentID, ParentVersion: r.Head.ParentVersion,
		PartnerID: r.Head.PartnerID, SituationID: r.Head.SituationID}}
	from := r.beginning(until)
	for i, v := range r.Versions[from:] {
		if v.Version > until {
			break
		}
		if t.Since == 0 {
			t.Since = v.Version
		}
		if err := t.step(r, v, said[from+i]); err != nil {
			return t.sorted(), &StepError{v.Version, err}
		}
		each(t.Head)
	}
	if t.Head.Version != until {
		return t.sorted(), &StepError{t.Head.Version + 1, errMissing}
	}
	return t.sorted(), nil
}

// last is the number of the newest version.
func (r *Record) last() int64 {
	if len(r.Versions) == 0 {
		return 0
	}
	return r.Versions[len(r.Versions)-1].Version
}

// beginning is the place of the newest recovery that was made by a version, else 0.
func (r *Record) beginning(until int64) int {
	for i, v := range slices.Backward(r.Versions) {
		if v.Operation == opRecover && v.Version <= until {
			return i
		}
	}
	return 0
}

func (t *Told) sorted() Told {
	slices.SortFunc(t.Messages, func(a, b Message) int { return cmp.Compare(a.Seq, b.Seq) })
	slices.SortFunc(t.Pasts, func(a, b Past) int {
		return cmp.Or(bytes.Compare(a.MessageID[:], b.MessageID[:]), cmp.Compare(a.Since, b.Since))
	})
	return *t
}

// message gives the message that a version speaks of. The pointer holds until another is added.
func (t *Told) message(id uuid.UUID) (*Message, error) {
	for i := range slices.Backward(t.Messages) {
		if t.Messages[i].ID == id {
			return &t.Messages[i], nil
		}
	}
	return nil, fmt.Errorf("there is no message %s by then", id)
}

// step makes one step.
func (t *Told) step(r *Record, v Version, e reading) error {
	if e.err != nil {
		return e.err
	}
	var said heard
	if text := r.text(v.Version); text != nil {
		if err := json.Unmarshal([]byte(text.Body), &said); err != nil {
			return fmt.Errorf("its text: %w", err)
		}
	} else if !e.Change.Adopted {
		return errNoText
	}
	begins := v.Operation == opCreate || v.Operation == opFork || v.Operation == opRecover
	if begins == (t.Head.Version > 0) || t.Head.Version > 0 && v.Version != t.Head.Version+1 {
		return errMissing
	}
	t.Head.Version, t.Head.UpdatedAt, t.Head.Checksum = v.Version, v.At, v.Checksum
	if v.Operation != opUpdateStatus && v.Operation != opUpdateContext && v.Operation != opUpdateMeta {
		t.Head.LastActivityAt = v.At
	}
	if err := t.act(r, v, e.Change, said); err != nil {
		return err
	}
	return t.describe(v.Operation, e.Change, said)
}

// act does what the operation does to messages and to the status.
func (t *Told) act(r *Record, v Version, c says, said heard) error {
	switch v.Operation {
	case opCreate:
		t.begin(v, c, 1)
		t.Messages = []Message{{ID: c.GreetingID, ConversationID: v.ConversationID, Seq: 1, Role: "assistant", Content: said.Greeting,
			Status: "completed", FinishReason: new("stop"), Metadata: json.RawMessage("{}"), Version: 1, Attempt: 1,
			CreatedAt: v.At, CompletedAt: &v.At, Added: 1}}
	case opFork:
		t.begin(v, c, c.MessageCount)
		return t.copied(v, said)
	case opAddMessage:
		t.say(v, c, said)
	case opCompleteReply:
		return t.complete(v, c, said)
	case opRetryReply:
		return t.retry(v, c)
	case opUpdateStatus:
		t.Head.Status = c.Status
	case opRollBack:
		t.rollBack(v, c)
	case opRecover:
		return t.recover(r, v, c, said)
	case opUpdateContext, opUpdateMeta:
	default:
		return fmt.Errorf("its operation %q is unknown", v.Operation)
	}
	return nil
}

// begin is what a first version says of the head.
func (t *Told) begin(v Version, c says, messages int) {
	t.Head.PartnerID, t.Head.SituationID, t.Head.ParentID, t.Head.ParentVersion = c.PartnerID, c.SituationID, c.ParentID, c.ParentVersion
	t.Head.Status, t.Head.CreatedAt, t.Head.MessageCount, t.Head.LastSeq = "active", v.At, messages, messages
	if v.ActorID != nil {
		t.Head.UserID = *v.ActorID
	}
}

// describe takes what all operations but those of messages may say of the head.
func (t *Told) describe(operation string, c says, said heard) error {
	if c.TokenLimit != nil {
		t.Head.TokenLimit = nil
		if err := json.Unmarshal(c.TokenLimit, &t.Head.TokenLimit); err != nil {
			return fmt.Errorf("its token limit: %w", err)
		}
	}
	if operation == opAddMessage || operation == opCompleteReply || operation == opRecover {
		return nil
	}
	if said.Title != nil {
		t.Head.Title = *said.Title
	}
	if said.Tags != nil {
		t.Head.Tags = *said.Tags
	}
	if said.Context != nil {
		t.Head.Context = said.Context
	}
	if said.Metadata != nil {
		t.Head.Metadata = said.Metadata
	}
	return nil
}
