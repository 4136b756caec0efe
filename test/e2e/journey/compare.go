package journey

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/client"
)

// Compare holds a conversation, the greeting first, against what was said and
// streamed in it: the same messages in the same order, each once, each with the
// text that its stream had before its last event, and that its last event had.
func Compare(stored []client.Message, replies []*Reply) error {
	if want := 1 + 2*len(replies); len(stored) != want {
		return fmt.Errorf("%d messages are stored, %d were said and heard", len(stored), want)
	}
	seen := map[uuid.UUID]bool{}
	for i, m := range stored {
		switch {
		case m.Seq != i+1:
			return fmt.Errorf("message %d has the place %d", i+1, m.Seq)
		case seen[m.ID]:
			return fmt.Errorf("message %s is stored twice", m.ID)
		case m.Status != client.MessageStatusCompleted:
			return fmt.Errorf("message %s (%s) is %s", m.ID, m.Role, m.Status)
		}
		seen[m.ID] = true
	}
	if greeting := stored[0]; greeting.Role != client.MessageRoleAssistant || greeting.Content == "" {
		return fmt.Errorf("the conversation does not begin with a greeting but with %q of %s", greeting.Content, greeting.Role)
	}
	for i, r := range replies {
		if err := r.compare(stored[1+2*i], stored[2+2*i]); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return nil
}

func (r *Reply) compare(said, heard client.Message) error {
	switch {
	case r.Said == nil || r.Final == nil:
		return fmt.Errorf("the stream of reply %s lacked its first or its last event", r.ID)
	case said.ID != r.Said.ID || said.Role != client.MessageRoleUser || said.Content != r.Line:
		return fmt.Errorf("said was %q, stored is %q (%s, %s)", r.Line, said.Content, said.Role, said.ID)
	case heard.ID != r.ID || heard.Role != client.MessageRoleAssistant:
		return fmt.Errorf("the reply is %s, stored is %s of %s", r.ID, heard.ID, heard.Role)
	case heard.Content != r.Text:
		return fmt.Errorf("reply %s: streamed was %q, stored is %q", r.ID, r.Text, heard.Content)
	case heard.Content != r.Final.Content:
		return fmt.Errorf("reply %s: its last event said %q, stored is %q", r.ID, r.Final.Content, heard.Content)
	}
	return nil
}
