// Package room is group practice: whoever is in a room hears what its members say, and
// who comes and goes, on whichever node they are.
//
// It promises one order of events for all members, that each member's coming and going is
// told once however many devices they have and even when a node dies, and that whoever
// comes back within an hour hears what they have missed, up to the last 100 events, or is
// told that it is not known any more. Rooms are not kept: they live in Redis, and losing
// it empties them. A room is there while someone is in it; whoever knows its name may
// come in, so a name is the invitation.
package room

import (
	"encoding/json"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Bounds of a room.
const (
	MaxMembers = 50        // people, on any number of devices
	kept       = 100       // events that can be replayed
	keptFor    = time.Hour // after the last of them
	MaxData    = 16 << 10  // bytes of one message
)

// Types of events.
const (
	EventMessage = "room.message"
	EventJoined  = "presence.joined"
	EventLeft    = "presence.left"
)

var (
	errFull     = fault.New(fault.Conflict, "room.full", "The room has as many members as it may have.")
	errTooLarge = fault.New(fault.TooLarge, "request.too_large", "The data may have at most 16384 bytes.")
)

var name = regexp.MustCompile(`^[a-z0-9-]{3,64}$`)

// ValidName reports whether a room may have this name: 3 to 64 of a-z, 0-9 and -.
func ValidName(text string) bool { return name.MatchString(text) }

// Member is someone who is in a room.
type Member struct {
	UserID   uuid.UUID
	Name     string
	JoinedAt time.Time // with the first of their devices
}

// Event is one event of a room. Events of one entry are shared: read only.
type Event struct {
	Type      string
	Member    Member          // who joined, left or speaks
	MessageID uuid.UUID       // room.message
	Data      json.RawMessage // room.message: an object
	At        time.Time
	Position  eventlog.ID // where to resume after it

	entry eventlog.Entry
}

// Memo returns what compute made of the event, calling it once for all who hear it on this
// node: see eventlog.Entry.Memo.
func (e Event) Memo(compute func() any) any { return e.entry.Memo(compute) }

// stored is an event in the log; nodes of neighbouring releases read it.
type stored struct {
	Format    int             `json:"v"` // 1
	Type      string          `json:"type"`
	UserID    uuid.UUID       `json:"user_id"`
	Name      string          `json:"name"`
	JoinedAt  time.Time       `json:"joined_at,omitzero"`
	MessageID uuid.UUID       `json:"message_id,omitzero"`
	Data      json.RawMessage `json:"data,omitempty"`
	At        time.Time       `json:"at"`
}

const storedFormat = 1

// visitor is what presence keeps of a device in a room.
type visitor struct {
	UserID uuid.UUID `json:"user_id"`
	Name   string    `json:"name"`
}

func stream(room string) string { return "room:" + room }

func group(room string) string { return "room:" + room }
