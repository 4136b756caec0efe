package conversation_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// write puts an event into a reply's log as some worker would.
func (n *node) write(m conversation.Message, e conversation.Event) conversation.Position {
	n.t.Helper()
	e.MessageID, e.ConversationID = m.ID, m.ConversationID
	data, err := json.Marshal(e)
	require.NoError(n.t, err)
	return n.writeRaw(m, string(data))
}

func (n *node) writeRaw(m conversation.Message, data string) conversation.Position {
	n.t.Helper()
	id, err := n.log.Append(n.t.Context(), eventlog.AppendInput{Stream: stream(m), After: eventlog.AnyID, Entry: []byte(data)})
	require.NoError(n.t, err)
	return conversation.Position{Entry: id}
}

func TestWhatAnEarlierAttemptLeftInTheLogIsSkipped(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	reply := n.say(n.talk(), "Hello").Reply
	failed := reply
	failed.Status, failed.Content = conversation.MessageFailed, "old"
	n.write(reply, conversation.Event{Type: conversation.EventStarted, Attempt: 1})
	old := n.write(reply, conversation.Event{Type: conversation.EventDelta, Attempt: 1, Text: "old"})
	n.write(reply, conversation.Event{Type: conversation.EventFailed, Attempt: 1, Message: &failed})
	n.exec("update messages set attempt = 2 where id = $1", reply.ID)
	n.write(reply, conversation.Event{Type: conversation.EventStarted, Attempt: 2, Text: "new"})

	fromStart, resumed := n.read(reply, conversation.Position{}), n.read(reply, old)
	afterEnd := n.read(reply, conversation.Position{EndedAt: 1}) // saw the end of the first, from PostgreSQL
	for _, r := range []*reader{fromStart, resumed, afterEnd} {
		r.until("new")
		require.Equal(t, "started", kinds(r.got))
	}
	done := reply
	done.Status, done.Content, done.Attempt = conversation.MessageCompleted, "newer", 2
	n.write(reply, conversation.Event{Type: conversation.EventDelta, Attempt: 1, Text: " ghost", At: 3})
	n.write(reply, conversation.Event{Type: conversation.EventDelta, Attempt: 2, Text: "er", At: 3})
	n.write(reply, conversation.Event{Type: conversation.EventCompleted, Attempt: 2, Message: &done})
	n.write(reply, conversation.Event{Type: conversation.EventCompleted, Attempt: 2, Message: &done}) // said twice
	for _, r := range []*reader{fromStart, resumed, afterEnd} {
		require.Equal(t, "started delta completed", kinds(r.untilEnd()))
		require.Equal(t, "newer", r.text)
	}
	n.exec("update messages set status = 'completed', content = 'newer' where id = $1", reply.ID)
	got, _ := n.followFrom(reply, conversation.Position{EndedAt: 1})
	require.Equal(t, "started delta completed", kinds(got))
}

func TestWhatDoesNotContinueTheTextIsLeftOut(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	reply := n.say(n.talk(), "Hello").Reply
	// A log that has lost its beginning.
	n.write(reply, conversation.Event{Type: conversation.EventDelta, Attempt: 1, Text: "lost", At: 10})
	r := n.read(reply, conversation.Position{})
	n.write(reply, conversation.Event{Type: conversation.EventStarted, Attempt: 1, Text: "one"})
	n.write(reply, conversation.Event{Type: conversation.EventDelta, Attempt: 1, Text: " two", At: 3})
	r.until("one two")
	// What cannot be read, and what a newer release may have to say.
	n.writeRaw(reply, "{")
	n.writeRaw(reply, `{"type":"message.completed","attempt":1}`)
	n.writeRaw(reply, `{"type":"message.applauded","attempt":1}`)
	n.write(reply, conversation.Event{Type: conversation.EventDelta, Attempt: 1, Text: " three", At: 7})
	r.until("one two three")
	// A hole, and what follows it.
	hole := n.write(reply, conversation.Event{Type: conversation.EventDelta, Attempt: 1, Text: " five", At: 18})
	n.write(reply, conversation.Event{Type: conversation.EventDelta, Attempt: 1, Text: " six", At: 23})
	done := reply
	done.Status, done.Content = conversation.MessageCompleted, "one two three four five six"
	n.write(reply, conversation.Event{Type: conversation.EventCompleted, Attempt: 1, Message: &done})
	require.Equal(t, "started delta completed", kinds(r.untilEnd()))
	require.Equal(t, "one two three", textOf(r.got))
	require.Equal(t, done.Content, r.text)
	// A place that another entry has taken, in a log under a clock that went back.
	hole.Length = 13
	resumed := n.read(reply, hole)
	require.Equal(t, "completed", kinds(resumed.untilEnd()))
}
