package conversation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// told gives the types of the events about a conversation, in order.
func (n *node) told(c conversation.Conversation) string {
	n.t.Helper()
	rows, err := n.pool.Query(n.t.Context(), "select type from outbox where aggregate_id = $1 order by position", c.ID)
	require.NoError(n.t, err)
	var types []string
	var one string
	for rows.Next() {
		require.NoError(n.t, rows.Scan(&one))
		types = append(types, strings.TrimPrefix(one, "conversation."))
	}
	require.NoError(n.t, rows.Err())
	return strings.Join(types, " ")
}

func TestEachStepOfAConversationIsAnEvent(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	require.Equal(t, "created", n.told(c))
	n.model.Script(partner.Step{Text: ten})
	sent := n.say(c, "Hello")
	reply := n.ended(sent.Reply)
	require.Equal(t, "created message_added reply_completed", n.told(c))
	var matching int
	n.scan(`select count(*) from outbox where aggregate_id = $1 and (
		type = 'conversation.message_added' and data->>'message_id' = $2 and data->>'reply_id' = $3 or
		type = 'conversation.reply_completed' and data->>'message_id' = $3 and (data->>'version')::int = $4 and occurred_at = $5)`,
		[]any{c.ID, sent.Message.ID.String(), reply.ID.String(), reply.Version, reply.CompletedAt}, &matching)
	require.Equal(t, 2, matching)
}

func TestAReplyThatFailedIsAnEventToo(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	n.model.Script(partner.Step{Status: 400})
	reply := n.ended(n.say(c, "Hello").Reply)
	require.Equal(t, conversation.MessageFailed, reply.Status)
	require.Equal(t, "created message_added reply_failed", n.told(c))
	var code string
	n.scan("select data->>'code' from outbox where aggregate_id = $1 and type = 'conversation.reply_failed'", []any{c.ID}, &code)
	require.Equal(t, reply.Problem.Code, code)
}

func TestNoEventTellsOfWhatWasRefusedOrRolledBack(t *testing.T) {
	t.Parallel()
	n := setup(t, func(s *settings) { s.workers = 0 })
	c := n.talk()
	n.say(c, "Hello")
	_, err := n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Too soon"})
	require.ErrorContains(t, err, "conversation.reply_in_flight")
	require.Equal(t, "created message_added", n.told(c))
}
