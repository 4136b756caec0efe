package conversation

import (
	"context"

	"github.com/google/uuid"
)

// passage is a text by which a conversation is found: a message's, or its title under its
// own id. Whatever stores one indexes it in the same transaction.
type passage struct {
	id   uuid.UUID
	text string
}

// title is the passage of a conversation itself.
func (c Conversation) title() passage { return passage{c.ID, c.Title} }

// passages are those of a conversation with these messages.
func passages(c Conversation, messages []Message) []passage {
	all := []passage{c.title()}
	for _, m := range messages {
		all = append(all, passage{m.ID, m.Content})
	}
	return all
}

// IndexMissing makes the words of up to bite conversations that are listed as being without,
// and says how many there were: fewer than bite when no more are left. Until then these
// are found only by what is said in them anew. It holds a conversation up for some tens of
// messages at a time, several may run at once, and one that is cut short goes on where it
// was. Fault: server.unavailable.
func (s *Service) IndexMissing(ctx context.Context, bite int) (int64, error) {
	ids, err := s.store.unindexed(ctx, bite)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		for more := true; more; {
			if more, err = s.store.indexSome(ctx, id); err != nil {
				return 0, err
			}
		}
	}
	return int64(len(ids)), nil
}
