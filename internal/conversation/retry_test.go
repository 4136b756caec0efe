package conversation_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

func (n *node) retry(m conversation.Message, key string) conversation.Retried {
	n.t.Helper()
	again, err := n.Retry(n.t.Context(), conversation.RetryInput{
		UserID: mei, ConversationID: m.ConversationID, MessageID: m.ID, IdempotencyKey: key,
	})
	require.NoError(n.t, err)
	return again
}

func TestAReplyIsWrittenAgainAndItsOldTextKept(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c, seen := n.talk(), memory{}
	n.model.Script(partner.Step{Text: "The first."}, partner.Step{Text: "The second."}, partner.Step{Text: "The third."})
	first := n.ended(n.say(c, "Good morning.").Reply)
	seen.see(n, c)
	used := n.head(c).TokensUsed
	reader := n.read(first, conversation.Position{})
	reader.untilEnd()
	last := reader.last()

	again := n.retry(first, "once")
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, []any{conversation.MessagePending, "", 2, int64(4)}, []any{again.Status, again.Content, again.Attempt, again.Version})
	second := n.ended(first)
	require.Equal(t, "The second.", second.Content)
	require.Greater(t, n.head(c).TokensUsed, used, "both have used tokens")
	seen.see(n, c)
	replay := n.retry(first, "once")
	require.True(t, replay.Replayed)
	require.Equal(t, second, replay.Message, "the key has it written once")

	resumed := n.read(first, last.Position)
	events := resumed.untilEnd()
	require.Equal(t, conversation.EventStarted, events[0].Type, "one who had read the first begins anew")
	require.Equal(t, "The second.", textOf(events))

	n.retry(first, "")
	n.ended(first)
	seen.see(n, c)
	n.rollback(c, 3)
	require.Equal(t, "The first.", n.message(first).Content)
	n.requireContent(c, 3)
	seen.see(n, c)
	behind := n.read(first, conversation.Position{})
	behind.untilEnd()
	require.Equal(t, "The first.", behind.last().Message.Content, "the log tells of a text that is no more")
	n.rollback(c, 5)
	require.Equal(t, "The second.", n.message(first).Content)
	seen.see(n, c)
	seen.require(n, c)
	require.Equal(t, []string{"create", "add_message", "complete_reply", "retry_reply", "complete_reply", "retry_reply", "complete_reply",
		"roll_back", "roll_back"}, n.requireChain(c))
}

func TestARetryThatIsCancelledCanBeTriedOnceMore(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c, seen := n.talk(), memory{}
	reply := n.say(c, "Good morning.").Reply
	for range 3 {
		seen.see(n, c)
		_, err := n.Cancel(t.Context(), mei, c.ID, reply.ID)
		require.NoError(t, err)
		seen.see(n, c)
		n.retry(reply, "")
	}
	seen.see(n, c)
	n.stage.node() // one that works
	require.Equal(t, conversation.MessageCompleted, n.ended(reply).Status)
	seen.see(n, c)
	seen.require(n, c)
	n.requireChain(c)
}

func TestOnlyTheNewestReplyIsWrittenAgain(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	greeting := n.visible(c)[0]
	in := conversation.RetryInput{UserID: mei, ConversationID: c.ID, MessageID: greeting.ID}
	_, err := n.Retry(t.Context(), in)
	requireFault(t, err, "message.not_a_reply")

	sent := n.say(c, "Good morning.")
	in.MessageID = sent.Reply.ID
	_, err = n.Retry(t.Context(), in)
	require.Equal(t, sent.Reply.ID, requireFault(t, err, "conversation.reply_in_flight").Details["reply_id"])
	_, err = n.Cancel(t.Context(), mei, c.ID, sent.Reply.ID)
	require.NoError(t, err)

	for _, other := range []conversation.Message{greeting, sent.Message} {
		in.MessageID = other.ID
		_, err = n.Retry(t.Context(), in)
		requireFault(t, err, "message.not_a_reply")
	}
	in.MessageID = uuid.New()
	_, err = n.Retry(t.Context(), in)
	requireFault(t, err, "resource.not_found")
	in.MessageID, in.UserID = sent.Reply.ID, mallet
	_, err = n.Retry(t.Context(), in)
	requireFault(t, err, "resource.not_found")

	in.UserID = mei
	newer := n.say(c, "Good evening.")
	_, err = n.Cancel(t.Context(), mei, c.ID, newer.Reply.ID)
	require.NoError(t, err)
	_, err = n.Retry(t.Context(), in)
	requireFault(t, err, "message.not_newest")

	in.MessageID = newer.Reply.ID
	n.exec("update conversations set token_limit = 1, tokens_used = 1 where id = '" + c.ID.String() + "'")
	_, err = n.Retry(t.Context(), in)
	requireFault(t, err, "conversation.token_limit_reached")
	paused := conversation.StatusPaused
	_, err = n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Status: &paused})
	require.NoError(t, err)
	_, err = n.Retry(t.Context(), in)
	requireFault(t, err, "conversation.not_active")
}
