package conversation

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// LookEvery sets how often waiting readers ask PostgreSQL: while the log is well,
// and while it is out of reach. It is for before the first reader.
func (s *Service) LookEvery(healthy, outage time.Duration) {
	s.looks = looks{healthy: healthy, outage: outage}
}

// SystemPrompt gives the orders for a conversation with this title.
func SystemPrompt(t *testing.T, title string) string {
	t.Helper()
	text, err := systemPrompt(Scene{Persona: "a partner.", Brief: "A talk."}, facts{Title: title})
	require.NoError(t, err)
	return text
}

// SoFar is the text of the reply under way, as its log tells it.
func (s *Service) SoFar(ctx context.Context, userID, conversationID uuid.UUID) (string, error) {
	so, err := s.soFar(ctx, userID, conversationID)
	return so.text, err
}

// CancelOnly is Cancel after it has read the reply.
func (s *Service) CancelOnly(ctx context.Context, userID, conversationID, id uuid.UUID) error {
	return s.cancelOnly(ctx, userID, conversationID, id)
}
