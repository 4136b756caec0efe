package conversation

import (
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
)

// Types of events of a conversation, beside those of its replies.
const (
	EventUpdated      = "conversation.updated"
	EventTokenWarning = "conversation.token_warning"
	EventRolledBack   = "conversation.rolled_back"
	EventDeleted      = "conversation.deleted"
)

// WatchEvent is one event of a conversation.
type WatchEvent struct {
	Event // of a reply, or its Type alone

	Conversation    *Conversation // updated, token_warning, rolled_back: as it is now
	RestoredVersion int64         // rolled_back
	At              WatchPosition // where to resume after it
}

// WatchPosition is a place in all that happens in a conversation. The zero WatchPosition
// means now.
type WatchPosition struct {
	Version int64     // all up to this one is told
	Reply   uuid.UUID // that is being written then; zero: none
	Within  Position  // what is told of that
}

// watchFormat is the first byte of a stored position.
const watchFormat = 1

// watchBytes is the size of a stored position.
const watchBytes = 1 + 8 + 16 + positionBytes

// MarshalBinary gives the 50 bytes that a cursor seals.
func (p WatchPosition) MarshalBinary() ([]byte, error) {
	within, err := p.Within.MarshalBinary()
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, watchBytes)
	b = append(b, watchFormat)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Version)) //nolint:gosec // never negative
	b = append(b, p.Reply[:]...)
	return append(b, within...), nil
}

// UnmarshalBinary reads what MarshalBinary wrote; other bytes are an error.
func (p *WatchPosition) UnmarshalBinary(b []byte) error {
	if len(b) != watchBytes || b[0] != watchFormat {
		return fmt.Errorf("watch position: %d bytes of an unknown form", len(b))
	}
	p.Version = int64(binary.BigEndian.Uint64(b[1:])) //nolint:gosec // MarshalBinary wrote it
	p.Reply = uuid.UUID(b[9:25])
	return p.Within.UnmarshalBinary(b[25:])
}

// watchStream names the log whose entries say no more than that there is news.
func watchStream(conversation uuid.UUID) string { return "conversation:" + conversation.String() }
