package conversation

import (
	"context"

	"github.com/google/uuid"
)

// eraseBite is how many conversations are erased in one statement.
const eraseBite = 50

// Export gives up to limit of a user's conversations after an id, in the order of
// their ids.
func (s *Service) Export(ctx context.Context, user, after uuid.UUID, limit int) ([]Conversation, error) {
	return s.store.export(ctx, user, after, limit)
}

// MessagePlace is where a message stands among all of its user.
type MessagePlace struct {
	ConversationID uuid.UUID
	Seq            int
}

// ExportMessages gives up to limit of a user's messages after a place, each
// conversation's in order.
func (s *Service) ExportMessages(ctx context.Context, user uuid.UUID, after MessagePlace, limit int) ([]Message, error) {
	return s.store.exportMessages(ctx, user, after, limit)
}

// Erase deletes all conversations of a user for ever, some at a time, and says how
// many. What is live of them in Redis goes with its time to live. A second run is harmless.
func (s *Service) Erase(ctx context.Context, user uuid.UUID) (int64, error) {
	var all int64
	for {
		n, err := s.store.erase(ctx, user, eraseBite)
		if all += n; err != nil || n < eraseBite {
			return all, err
		}
	}
}
