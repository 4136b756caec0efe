package conversation_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

func TestAForkGoesOnByItselfFromAnOldVersion(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made, err := n.Create(t.Context(), conversation.CreateInput{
		UserID: mei, PartnerID: "suppliers", SituationID: "negotiations", Title: "Prices", Tags: []string{"a"},
		Context: conversation.Context{DomainContext: map[string]any{"route": "Ningbo"}}, Metadata: map[string]any{"n": 1.0},
	})
	require.NoError(t, err)
	c := made.Conversation
	n.model.Script(partner.Step{Text: "The first."}, partner.Step{Text: "The second."})
	n.ended(n.say(c, "One.").Reply)
	at := n.head(c).Version
	title := "Later"
	_, err = n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
	require.NoError(t, err)
	n.ended(n.say(c, "Two.").Reply)
	before := n.head(c)

	in := conversation.ForkInput{UserID: mei, ConversationID: c.ID, Version: at, IdempotencyKey: "once"}
	fork, err := n.Fork(t.Context(), in)
	require.NoError(t, err)
	again, err := n.Fork(t.Context(), in)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, fork.Conversation, again.Conversation)

	f := n.head(fork.Conversation)
	require.Equal(t, fork.Conversation, f)
	require.NotEqual(t, c.ID, f.ID)
	require.Equal(t, &conversation.Parent{ConversationID: c.ID, Version: at}, f.Parent)
	require.Equal(t, []any{"Prices", []string{"a"}, c.Context, c.Metadata, "active", int64(1), 3, int64(0)},
		[]any{f.Title, f.Tags, f.Context, f.Metadata, f.Status, f.Version, f.MessageCount, f.TokensUsed})
	var texts []string
	for i, m := range n.visible(f) {
		require.Equal(t, []any{f.ID, i + 1, "completed", int64(1)}, []any{m.ConversationID, m.Seq, m.Status, m.Version})
		texts = append(texts, m.Content)
	}
	require.Equal(t, []string{"One.", "The first."}, texts[1:])
	require.Equal(t, before, n.head(c), "the other is as it was")

	seen := memory{}
	seen.see(n, f)
	n.model.Script(partner.Step{Text: "Elsewhere."})
	sent := n.say(f, "Three.")
	require.Equal(t, 4, sent.Message.Seq)
	require.Equal(t, "Elsewhere.", n.ended(sent.Reply).Content)
	request := n.model.Requests()
	require.Contains(t, string(request[len(request)-1].Body), "The first.", "the partner knows what was said before")
	seen.see(n, f)
	n.rollback(f, 1)
	seen.see(n, f)
	seen.require(n, f)
	require.Equal(t, []string{"fork", "add_message", "complete_reply", "roll_back"}, n.requireChain(f))

	require.NoError(t, n.Delete(t.Context(), mei, c.ID, nil))
	require.Equal(t, c.ID, n.head(f).Parent.ConversationID, "a fork outlives what it was made from")
}

func TestAForkCopiesWhatIsCompleted(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	cancelled := n.say(c, "One.")
	_, err := n.Cancel(t.Context(), mei, c.ID, cancelled.Reply.ID)
	require.NoError(t, err)
	n.say(c, "Two.")
	done := conversation.StatusCompleted
	_, err = n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Status: &done})
	require.NoError(t, err)
	for version, want := range map[int64]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 3} {
		fork, err := n.Fork(t.Context(), conversation.ForkInput{UserID: mei, ConversationID: c.ID, Version: version})
		require.NoError(t, err)
		require.Equal(t, conversation.StatusActive, fork.Status)
		require.Equal(t, want, fork.MessageCount)
		require.Len(t, n.visible(fork.Conversation), want)
		n.say(fork.Conversation, "It takes messages.")
	}
	in := conversation.ForkInput{UserID: mei, ConversationID: c.ID, Version: 7}
	_, err = n.Fork(t.Context(), in)
	requireFault(t, err, "conversation.unknown_version")
	in.UserID, in.Version = mallet, 1
	_, err = n.Fork(t.Context(), in)
	requireFault(t, err, "resource.not_found")
}
