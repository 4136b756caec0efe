package journey_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// heard is a conversation of one line, stored as it was streamed.
func heard() ([]client.Message, *journey.Reply) {
	stored := []client.Message{
		{ID: conversationID, Seq: 1, Role: client.MessageRoleAssistant, Content: "Hello.", Status: client.MessageStatusCompleted},
		{ID: saidID, Seq: 2, Role: client.MessageRoleUser, Content: "Good morning.", Status: client.MessageStatusCompleted},
		{ID: replyID, Seq: 3, Role: client.MessageRoleAssistant, Content: "How are you?", Status: client.MessageStatusCompleted},
	}
	said, final := stored[1], stored[2]
	return stored, &journey.Reply{ID: replyID, Line: "Good morning.", Said: &said, Text: "How are you?", Final: &final}
}

func TestEqualTextsPass(t *testing.T) {
	t.Parallel()
	stored, r := heard()
	require.NoError(t, journey.Compare(stored, []*journey.Reply{r}))
}

func TestEveryDifferenceIsFound(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(stored []client.Message, r *journey.Reply) []client.Message{
		"a message is missing": func(s []client.Message, _ *journey.Reply) []client.Message { return s[:2] },
		"a message is doubled": func(s []client.Message, _ *journey.Reply) []client.Message {
			s[2].ID = s[1].ID
			return s
		},
		"one message more": func(s []client.Message, _ *journey.Reply) []client.Message {
			extra := s[2]
			extra.ID, extra.Seq = uuid.New(), 4
			return append(s, extra)
		},
		"a place is left out": func(s []client.Message, _ *journey.Reply) []client.Message {
			s[2].Seq = 4
			return s
		},
		"the order is another": func(s []client.Message, _ *journey.Reply) []client.Message {
			s[1].ID, s[2].ID = s[2].ID, s[1].ID
			return s
		},
		"the greeting is missing": func(s []client.Message, _ *journey.Reply) []client.Message {
			s[0].Role = client.MessageRoleUser
			return s
		},
		"the line was changed": func(s []client.Message, _ *journey.Reply) []client.Message {
			s[1].Content = "Good evening."
			return s
		},
		"the reply failed": func(s []client.Message, _ *journey.Reply) []client.Message {
			s[2].Status = client.MessageStatusFailed
			return s
		},
		"a word was streamed twice": func(s []client.Message, r *journey.Reply) []client.Message {
			r.Text = "How are are you?"
			return s
		},
		"a word was not streamed": func(s []client.Message, r *journey.Reply) []client.Message {
			r.Text = "How you?"
			return s
		},
		"the last event said otherwise": func(s []client.Message, r *journey.Reply) []client.Message {
			r.Final.Content = "How do you do?"
			return s
		},
		"the last event never came": func(s []client.Message, r *journey.Reply) []client.Message {
			r.Final = nil
			return s
		},
		"the line's event never came": func(s []client.Message, r *journey.Reply) []client.Message {
			r.Said = nil
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stored, r := heard()
			require.Error(t, journey.Compare(damage(stored, r), []*journey.Reply{r}))
		})
	}
}
