package conversation_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestACancelledReplyKeepsItsTextAndItsWorkerStops(t *testing.T) {
	t.Parallel()
	n := setup(t)
	two := n.node(idle) // cancels what another node writes
	c := n.talk()
	speak, finish := n.gated(ten)
	defer finish()
	sent := n.say(c, "Good morning.")
	feed, ended, err := n.Follow(t.Context(), conversation.FollowInput{UserID: mei, ConversationID: c.ID, MessageID: sent.Reply.ID})
	require.NoError(t, err)
	require.False(t, ended)
	defer feed.Close()
	speak(3)
	n.eventually("the log has three words", func() bool {
		so, err := two.SoFar(t.Context(), mei, c.ID)
		return err == nil && so == "one two three"
	})
	m, err := two.Cancel(t.Context(), mei, c.ID, sent.Reply.ID)
	require.NoError(t, err)
	require.Equal(t, conversation.MessageCancelled, m.Status)
	require.Equal(t, "cancelled", m.FinishReason)
	require.Equal(t, "one two three", m.Content)
	require.NotNil(t, m.CompletedAt)
	require.Greater(t, n.head(c).TokensUsed, int64(200), "what the model was given counts too")
	again, err := n.Cancel(t.Context(), mei, c.ID, sent.Reply.ID)
	require.NoError(t, err)
	require.Equal(t, m, again, "a second call does nothing")

	var last conversation.Event
	for last.Message == nil {
		events, err := feed.Next(t.Context())
		require.NoError(t, err)
		last = events[len(events)-1]
	}
	require.Equal(t, conversation.EventCancelled, last.Type)
	require.Equal(t, "one two three", last.Message.Content)

	n.model.Script() // the next reply is in role
	require.Equal(t, "completed", n.ended(n.say(c, "Once more.").Reply).Status, "the conversation is free again")
	require.Equal(t, m, n.message(sent.Reply), "its worker wrote nothing more")
	require.Equal(t, []string{"create", "add_message", "complete_reply", "add_message", "complete_reply"}, n.requireChain(c))
}

func TestAReplyThatNobodyWritesYetIsCancelled(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	sent := n.say(c, "Good morning.")
	m, err := n.Cancel(t.Context(), mei, c.ID, sent.Reply.ID)
	require.NoError(t, err)
	require.Equal(t, conversation.MessageCancelled, m.Status)
	require.Empty(t, m.Content)
	require.Zero(t, n.head(c).TokensUsed, "no model was asked")
	worker := n.node()
	require.Equal(t, "completed", worker.ended(worker.say(c, "Once more.").Reply).Status)
	require.Equal(t, m, n.message(sent.Reply))
}

func TestOnlyOnesOwnRepliesAreCancelled(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	sent := n.say(c, "Good morning.")
	_, err := n.Cancel(t.Context(), mei, c.ID, sent.Message.ID)
	require.True(t, fault.Is(err, "message.not_a_reply"))
	_, err = n.Cancel(t.Context(), mallet, c.ID, sent.Reply.ID)
	require.True(t, fault.Is(err, "resource.not_found"))
	_, err = n.Cancel(t.Context(), mei, c.ID, uuid.New())
	require.True(t, fault.Is(err, "resource.not_found"))
	require.Equal(t, conversation.MessagePending, n.message(sent.Reply).Status)
}

// A reply that ends just before it would be cancelled does not take the next one along.
func TestCancellingAReplyLeavesTheNextOneAlone(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	n.model.Script(partner.Step{Text: ten})
	first := n.ended(n.say(c, "Good morning.").Reply)
	speak, finish := n.gated(ten)
	next := n.say(c, "And now?")
	speak(2)
	require.NoError(t, n.CancelOnly(t.Context(), mei, c.ID, first.ID))
	finish()
	require.Equal(t, conversation.MessageCompleted, n.ended(next.Reply).Status)
	require.Equal(t, first, n.message(first))
}

func TestWhatEndsAConversationCancelsItsReply(t *testing.T) {
	t.Parallel()
	n := setup(t)
	for _, status := range []string{"completed", "archived"} {
		c := n.talk()
		speak, finish := n.gated(ten)
		sent := n.say(c, "Good morning.")
		speak(2)
		require.NoError(t, n.become(c, status))
		finish()
		require.Equal(t, conversation.MessageCancelled, n.message(sent.Reply).Status)
		require.Equal(t, []string{"create", "add_message", "complete_reply", "update_status"}, n.requireChain(c))
	}
	c := n.talk()
	speak, finish := n.gated(ten)
	sent := n.say(c, "Good morning.")
	speak(2)
	require.NoError(t, n.become(c, "paused"))
	finish()
	require.Equal(t, conversation.MessageCompleted, n.ended(sent.Reply).Status, "pausing lets the reply end")
}

func TestADeletedConversationIsGoneWithItsReply(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	speak, finish := n.gated(ten)
	defer finish()
	sent := n.say(c, "Good morning.")
	speak(2)
	changed := fault.New(fault.Precondition, "request.precondition_failed", "It is another.")
	require.ErrorIs(t, n.Delete(t.Context(), mei, c.ID, func(conversation.Conversation) error { return changed }), changed)
	require.True(t, fault.Is(n.Delete(t.Context(), mallet, c.ID, nil), "resource.not_found"))
	require.False(t, n.message(sent.Reply).Ended(), "a refused request cancels nothing")
	require.NoError(t, n.Delete(t.Context(), mei, c.ID, nil))
	_, err := n.Get(t.Context(), mei, c.ID)
	require.True(t, fault.Is(err, "resource.not_found"))
	require.True(t, fault.Is(n.Delete(t.Context(), mei, c.ID, nil), "resource.not_found"))
}
