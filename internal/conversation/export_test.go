package conversation

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
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

// WriteLog leaves in the log what a reply of these words leaves there when each comes by
// itself.
func (s *Service) WriteLog(ctx context.Context, m Message, words []string) error {
	if err := s.WriteDeltas(ctx, m, words); err != nil {
		return err
	}
	m.Status, m.Content = MessageCompleted, strings.Join(words, "")
	return s.publishEnd(ctx, m, 1)
}

// WriteDeltas is WriteLog of a reply that has not ended.
func (s *Service) WriteDeltas(ctx context.Context, m Message, words []string) error {
	begun := Event{Type: EventStarted, MessageID: m.ID, ConversationID: m.ConversationID, Attempt: m.Attempt}
	if _, err := appendEvent(ctx, s.log, begun, 1, eventlog.AnyID); err != nil {
		return err
	}
	at := 0
	for _, word := range words {
		delta := Event{Type: EventDelta, MessageID: m.ID, Attempt: m.Attempt, Text: word, At: at}
		if _, err := appendEvent(ctx, s.log, delta, 1, eventlog.AnyID); err != nil {
			return err
		}
		at += len(word)
	}
	return nil
}
