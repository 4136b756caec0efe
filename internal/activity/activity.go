// Package activity is what concerns one user, as all their devices see it: that a
// conversation, a task, the onboarding or a session of theirs has changed, whichever
// device, node or job did it.
//
// It promises that whoever follows hears of every change that was committed since
// they began, or since the Position they come with, at least once; and where that
// cannot be, that they hear so (Restarted) and of everything from then on. Changes of
// one thing come in the order in which they were committed.
//
// Its limits: an event says what has changed, not how it is now, which is to be read
// when it is told. The log of a user holds about 1,000 events for an hour after the
// newest. It lies in Redis, and is fed by domain events (docs/events.md): what PostgreSQL
// does not know has not happened. An event that cannot be written down for more than a
// minute is a dead letter, and comes when that is replayed. Between things there is no
// order.
package activity

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// Types of events.
const (
	ConversationCreated    = "conversation.created" // begun or forked
	ConversationUpdated    = "conversation.updated" // in whatever, also by a message
	ConversationRolledBack = "conversation.rolled_back"
	ConversationDeleted    = "conversation.deleted" // the last of a conversation
	TaskProgressed         = "task.progressed"
	TaskCompleted          = "task.completed" // this and the next two: the last of a task
	TaskFailed             = "task.failed"
	TaskCancelled          = "task.cancelled"
	OnboardingChanged      = "onboarding.step_completed" // or all of it was reset
	SessionRevoked         = "session.revoked"
	// Restarted: what happened before is not known any more; what is held may be old.
	Restarted = "stream.restarted"
)

// The log of one user.
const (
	logCap  = 1_000     // events that are kept at least
	logKeep = time.Hour // after the newest
)

// Deps is what a Service is made of.
type Deps struct {
	Log    *eventlog.Log
	Logger *slog.Logger
}

// Service writes down what concerns users and lets them follow it.
type Service struct{ Deps }

// New makes a Service of its parts.
func New(d Deps) *Service { return &Service{Deps: d} }

// Event is one thing that concerns a user.
type Event struct {
	Type            string
	ID              uuid.UUID // of the conversation, task or session; zero: the user's onboarding, or all of it
	RestoredVersion int64     // of ConversationRolledBack
	At              Position  // where to resume after it

	entry *eventlog.Entry // nil: it is in no log
}

// Memo gives what compute made of the event, calling it once for all readers of this
// node that got the event from the same read. All of them must pass the same function.
func (e Event) Memo(compute func() any) any {
	if e.entry == nil {
		return compute()
	}
	return e.entry.Memo(compute)
}

// Position is a place in what concerns one user. The zero Position means from now on.
type Position struct{ id eventlog.ID }

// nowhere is a place that no log holds, so that following it tells of the gap.
var nowhere = Position{eventlog.AnyID}

// IsZero reports whether p means from now on.
func (p Position) IsZero() bool { return p.id.IsZero() }

// positionFormat is the first byte of a stored position.
const positionFormat = 1

// positionBytes is the size of a stored position.
const positionBytes = 1 + 8 + 8

// MarshalBinary gives the 17 bytes that a cursor seals.
func (p Position) MarshalBinary() ([]byte, error) {
	b := append(make([]byte, 0, positionBytes), positionFormat)
	b = binary.BigEndian.AppendUint64(b, p.id.Ms)
	return binary.BigEndian.AppendUint64(b, p.id.Seq), nil
}

// UnmarshalBinary reads what MarshalBinary wrote; other bytes are an error.
func (p *Position) UnmarshalBinary(b []byte) error {
	if len(b) != positionBytes || b[0] != positionFormat {
		return fmt.Errorf("position of a user's events: %d bytes of an unknown form", len(b))
	}
	p.id = eventlog.ID{Ms: binary.BigEndian.Uint64(b[1:]), Seq: binary.BigEndian.Uint64(b[9:])}
	return nil
}
