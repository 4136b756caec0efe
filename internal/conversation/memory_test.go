package conversation_test

import (
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
)

// A memory is what clients have seen of a conversation, by version.
type memory map[int64]conversation.State

// see remembers the conversation as it is now, and gives its version.
func (m memory) see(n *node, c conversation.Conversation) int64 {
	n.t.Helper()
	head := n.head(c)
	m[head.Version] = conversation.State{Conversation: head, Messages: n.visible(c)}
	return head.Version
}

// require fails unless each version is still what was seen.
func (m memory) require(n *node, c conversation.Conversation) {
	n.t.Helper()
	for version, seen := range m {
		state, err := n.State(n.t.Context(), conversation.StateInput{
			UserID: mei, ConversationID: c.ID, Version: version, Limit: conversation.MaxStateMessages,
		})
		require.NoError(n.t, err)
		require.Equal(n.t, version, state.Version.Version)
		require.Equal(n.t, seen.Conversation, state.Conversation, "version %d", version)
		require.Equal(n.t, seen.Messages, state.Messages, "version %d", version)
		require.Len(n.t, state.Messages, state.Conversation.MessageCount)
		require.False(n.t, state.More)
	}
}

// visible gives the messages that are to be seen.
func (n *node) visible(c conversation.Conversation) []conversation.Message {
	n.t.Helper()
	list, more, err := n.Messages(n.t.Context(), conversation.MessagesInput{UserID: mei, ConversationID: c.ID, Limit: 10_000})
	require.NoError(n.t, err)
	require.False(n.t, more)
	return list
}

// rollback goes back to a version.
func (n *node) rollback(c conversation.Conversation, version int64) conversation.Conversation {
	n.t.Helper()
	head, err := n.Rollback(n.t.Context(), conversation.RollbackInput{UserID: mei, ConversationID: c.ID, Version: version})
	require.NoError(n.t, err)
	return head
}

// requireContent fails unless both have the same content, whatever their numbers and times.
func (n *node) requireContent(c conversation.Conversation, as int64) {
	n.t.Helper()
	old, err := n.State(n.t.Context(), conversation.StateInput{UserID: mei, ConversationID: c.ID, Version: as, Limit: conversation.MaxStateMessages})
	require.NoError(n.t, err)
	head := n.head(c)
	require.Equal(n.t,
		[]any{old.Conversation.Title, old.Conversation.Tags, old.Conversation.Context, old.Conversation.Metadata, old.Conversation.TokenLimit, old.Conversation.MessageCount},
		[]any{head.Title, head.Tags, head.Context, head.Metadata, head.TokenLimit, head.MessageCount})
	require.Equal(n.t, contents(old.Messages), contents(n.visible(c)))
}

// contents is what messages say, whichever version they are of. A reply that is being
// written counts as cancelled.
func contents(list []conversation.Message) (all []conversation.Message) {
	for _, m := range list {
		m.Version, m.Attempt = 0, 0
		if m.Status == conversation.MessagePending {
			m.Status, m.FinishReason = conversation.MessageCancelled, conversation.FinishCancelled
		}
		if m.Status == conversation.MessageCancelled {
			m.CompletedAt = nil // of the rollback
		}
		all = append(all, m)
	}
	return all
}
