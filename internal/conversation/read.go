package conversation

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// Get reads one of the user's conversations. Fault: resource.not_found.
func (s *Service) Get(ctx context.Context, userID, id uuid.UUID) (Conversation, error) {
	return s.store.conversation(ctx, userID, id)
}

// Place is a keyset position in a list of conversations: the last one seen.
type Place struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// ListInput asks for one page, newest activity first.
type ListInput struct {
	UserID uuid.UUID
	Status *string // nil: any
	Tag    *string // nil: any
	Query  *string // words that the title or a message has to have, by internal/platform/words; nil: any
	Before *Place  // nil: from the newest
	Limit  int     // 1-100
}

// List gives up to Limit conversations and whether there are more.
func (s *Service) List(ctx context.Context, in ListInput) ([]Conversation, bool, error) {
	list, err := s.store.conversations(ctx, in)
	list, more := page.Cut(list, in.Limit)
	return list, more, err
}

// Message reads one message of the user's conversation. Fault: resource.not_found.
func (s *Service) Message(ctx context.Context, userID, conversationID, id uuid.UUID) (Message, error) {
	return s.store.message(ctx, userID, conversationID, id, seen)
}

// MessagesInput asks for one page of messages.
type MessagesInput struct {
	UserID         uuid.UUID
	ConversationID uuid.UUID
	Descending     bool // from the latest back
	After          *int // the seq of the last message seen; nil: from the beginning
	Limit          int  // 1-100
}

// Messages gives up to Limit messages and whether there are more. Fault:
// resource.not_found.
func (s *Service) Messages(ctx context.Context, in MessagesInput) ([]Message, bool, error) {
	if _, err := s.store.conversation(ctx, in.UserID, in.ConversationID); err != nil {
		return nil, false, err
	}
	list, err := s.store.messages(ctx, in)
	list, more := page.Cut(list, in.Limit)
	return list, more, err
}
