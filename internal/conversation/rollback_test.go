package conversation_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

func TestARollbackIsANewVersionThatCanBeTakenBack(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c, seen := n.talk(), memory{}
	limit := int64(5000)
	limited := &limit
	for i := range 3 {
		n.model.Script(partner.Step{Text: fmt.Sprintf("Reply %d.", i)})
		n.ended(n.say(c, fmt.Sprintf("Message %d.", i)).Reply)
		seen.see(n, c)
	}
	title, tags := "Prices", []string{"b", "a"}
	_, err := n.Update(t.Context(), conversation.UpdateInput{
		UserID: mei, ConversationID: c.ID, Title: &title, Tags: &tags, TokenLimit: &limited,
		Context: []byte(`{"domain_context": {"route": "Ningbo"}}`), Metadata: []byte(`{"n": 1}`),
	})
	require.NoError(t, err)
	before := seen.see(n, c)

	back := n.rollback(c, 3)
	require.Equal(t, before+1, back.Version)
	require.Equal(t, n.head(c), back)
	require.Equal(t, 3, back.MessageCount)
	require.Nil(t, back.TokenLimit)
	require.Equal(t, seen[before].Conversation.TokensUsed, back.TokensUsed, "what is used is used")
	n.requireContent(c, 3)
	seen.see(n, c)

	hidden := seen[before].Messages[6]
	_, err = n.Message(t.Context(), mei, c.ID, hidden.ID)
	requireFault(t, err, "resource.not_found")
	require.Equal(t, back, n.rollback(c, 3), "going back to what it is makes no version")

	n.model.Script(partner.Step{Text: "Another reply."})
	sent := n.say(c, "Another message.")
	require.Equal(t, 8, sent.Message.Seq, "a place in the conversation is never given twice")
	n.ended(sent.Reply)
	other := seen.see(n, c)

	n.rollback(c, before)
	n.requireContent(c, before)
	require.Equal(t, hidden.Content, n.message(hidden).Content)
	seen.see(n, c)
	n.rollback(c, other)
	n.requireContent(c, other)
	seen.see(n, c)
	n.rollback(c, 1)
	require.Equal(t, 1, n.head(c).MessageCount)
	seen.see(n, c)
	seen.require(n, c)
	n.requireChain(c)
}

func TestARollbackCancelsTheReplyUnderWay(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c, seen := n.talk(), memory{}
	seen.see(n, c)
	reply := n.say(c, "Good morning.").Reply
	seen.see(n, c)
	back := n.rollback(c, 1)
	require.EqualValues(t, 4, back.Version, "the reply's end is one of its own")
	require.Nil(t, n.replyUnderWay(c))
	n.requireContent(c, 1)
	seen.see(n, c)

	n.rollback(c, 2)
	n.requireContent(c, 2)
	require.Equal(t, conversation.MessageCancelled, n.message(reply).Status, "nobody writes it any more")
	require.Empty(t, n.message(reply).Content)
	seen.see(n, c)
	seen.require(n, c)
	require.Equal(t, []string{"create", "add_message", "complete_reply", "roll_back", "roll_back"}, n.requireChain(c))
}

func TestWhatCannotGoBackStaysAsItIs(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	in := conversation.RollbackInput{UserID: mei, ConversationID: c.ID, Version: 2}
	_, err := n.Rollback(t.Context(), in)
	f := requireFault(t, err, "conversation.unknown_version")
	require.Equal(t, "/version", f.Fields[0].Pointer)
	in.UserID = mallet
	_, err = n.Rollback(t.Context(), in)
	requireFault(t, err, "resource.not_found")
	in.UserID, in.ConversationID = mei, uuid.New()
	_, err = n.Rollback(t.Context(), in)
	requireFault(t, err, "resource.not_found")

	in.ConversationID, in.Version = c.ID, 1
	stale := errors.New("stale")
	in.Matches = func(conversation.Conversation) error { return stale }
	_, err = n.Rollback(t.Context(), in)
	require.ErrorIs(t, err, stale)
	in.Matches = nil
	for _, status := range []string{"completed", "archived"} {
		_, err = n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Status: &status})
		require.NoError(t, err)
		_, err = n.Rollback(t.Context(), in)
		require.Equal(t, status, requireFault(t, err, "conversation.closed").Details["status"])
	}
	require.Len(t, n.requireChain(c), 3)
}

// Each version beyond the first fifty is told from a snapshot, and the steps since.
func TestVersionsOfALongHistoryAreToldFromSnapshots(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c, seen := n.talk(), memory{}
	for i := range 120 {
		title := fmt.Sprint("Title ", i)
		_, err := n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
		require.NoError(t, err)
		seen.see(n, c)
	}
	var snapshots []int64
	n.scan("select array_agg(version order by version) from conversation_snapshots where conversation_id = $1", []any{c.ID}, &snapshots)
	require.Equal(t, []int64{50, 100}, snapshots)
	seen.require(n, c)
	n.exec("delete from conversation_texts where version < 50 and conversation_id = '" + c.ID.String() + "'")
	for version := range seen {
		if version < 50 {
			delete(seen, version)
		}
	}
	seen.require(n, c)
	n.rollback(c, 70)
	n.requireContent(c, 70)
}
