package conversation

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// Types of events of a reply. The last three are terminal.
const (
	EventCreated   = "message.created"
	EventStarted   = "message.started"
	EventDelta     = "message.delta"
	EventCompleted = "message.completed"
	EventFailed    = "message.failed"
	EventCancelled = "message.cancelled"
)

// Event is one event of a reply. Its JSON is the form kept in the event log;
// nodes of neighbouring releases read each other's.
type Event struct {
	Type           string    `json:"type"`
	MessageID      uuid.UUID `json:"message_id"`
	ConversationID uuid.UUID `json:"conversation_id,omitzero"` // not in deltas, of which there are many
	Attempt        int       `json:"attempt"`
	Text           string    `json:"text,omitempty"`    // started: all so far; delta: what is new
	At             int       `json:"at,omitempty"`      // delta: how many bytes of the reply come before Text
	Message        *Message  `json:"message,omitempty"` // created and terminal: the whole message

	Position Position `json:"-"` // where to resume after it

	heard *heard // nil: it is PostgreSQL's
}

// Terminal reports whether no event of this attempt follows.
func (e Event) Terminal() bool {
	return e.Type == EventCompleted || e.Type == EventFailed || e.Type == EventCancelled
}

// terminalEvent is the last event of an ended message.
func terminalEvent(m Message) Event {
	kind := EventCompleted
	switch m.Status {
	case MessageFailed:
		kind = EventFailed
	case MessageCancelled:
		kind = EventCancelled
	}
	return Event{Type: kind, MessageID: m.ID, ConversationID: m.ConversationID, Attempt: m.Attempt, Message: &m}
}

// Position is a place in the events of one reply. The zero Position stands
// before all of them.
type Position struct {
	Entry   eventlog.ID
	Length  int // of the text so far, in bytes
	EndedAt int // the attempt whose terminal event was seen; 0: none
}

// positionFormat is the first byte of a stored position.
const positionFormat = 1

// positionBytes is the size of a stored position.
const positionBytes = 1 + 8 + 8 + 4 + 4

// MarshalBinary gives the 25 bytes that a cursor seals.
func (p Position) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, positionBytes)
	b = append(b, positionFormat)
	b = binary.BigEndian.AppendUint64(b, p.Entry.Ms)
	b = binary.BigEndian.AppendUint64(b, p.Entry.Seq)
	b = binary.BigEndian.AppendUint32(b, uint32(p.Length))
	return binary.BigEndian.AppendUint32(b, uint32(p.EndedAt)), nil
}

// UnmarshalBinary reads what MarshalBinary wrote; other bytes are an error.
func (p *Position) UnmarshalBinary(b []byte) error {
	if len(b) != positionBytes || b[0] != positionFormat {
		return fmt.Errorf("position: %d bytes of an unknown form", len(b))
	}
	p.Entry = eventlog.ID{Ms: binary.BigEndian.Uint64(b[1:]), Seq: binary.BigEndian.Uint64(b[9:])}
	p.Length = int(binary.BigEndian.Uint32(b[17:]))
	p.EndedAt = int(binary.BigEndian.Uint32(b[21:]))
	return nil
}

// streamOf names the log of a reply.
func streamOf(messageID uuid.UUID) string { return "message:" + messageID.String() }

// decode reads one entry of the log and sets the event's position.
func decode(entry eventlog.Entry) (Event, error) {
	var e Event
	if err := json.Unmarshal(entry.Data, &e); err != nil {
		return e, fmt.Errorf("event %s: %w", entry.ID, err)
	}
	if e.Terminal() && e.Message == nil {
		return e, fmt.Errorf("event %s: %s without its message", entry.ID, e.Type)
	}
	e.Position = Position{Entry: entry.ID, Length: e.At + len(e.Text)}
	if e.Terminal() {
		e.Position.EndedAt = e.Attempt
	}
	return e, nil
}
