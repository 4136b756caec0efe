package conversation_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestEachStepIsAVersionThatSealsThoseBeforeIt(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	n.model.Script(partner.Step{Text: ten})
	n.ended(n.say(c, "Good morning. <&> 你好").Reply)
	title := "Prices"
	_, err := n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
	require.NoError(t, err)
	require.Equal(t, []string{"create", "add_message", "complete_reply", "update_metadata"}, n.requireChain(c))

	list, more, err := n.Versions(t.Context(), conversation.VersionsInput{UserID: mei, ConversationID: c.ID, Limit: 3})
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, []int64{4, 3, 2}, []int64{list[0].Version, list[1].Version, list[2].Version})
	require.Equal(t, mei, *list[0].ActorID)
	require.Nil(t, list[1].ActorID, "the service itself")
	require.Equal(t, []any{"title"}, list[0].Change["fields"])
	require.Len(t, list[0].Checksum, 32)
	list, more, err = n.Versions(t.Context(), conversation.VersionsInput{UserID: mei, ConversationID: c.ID, Before: &list[2].Version, Limit: 3})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, list, 1)
	require.Nil(t, list[0].Parent)
	_, _, err = n.Versions(t.Context(), conversation.VersionsInput{UserID: mallet, ConversationID: c.ID, Limit: 3})
	require.True(t, fault.Is(err, "resource.not_found"))
}

func TestAHistoryCannotBeChanged(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	for _, change := range []string{
		"update conversation_versions set operation = 'fork' where conversation_id = $1", "delete from conversation_versions where conversation_id = $1",
	} {
		_, err := n.stage.pool.Exec(t.Context(), change, c.ID)
		require.ErrorContains(t, err, "append only")
	}
	_, err := n.stage.pool.Exec(t.Context(), "truncate conversation_versions")
	require.ErrorContains(t, err, "append only")
}

// No text is in the history itself: when its texts are erased, nothing can be read from it,
// and it still verifies.
func TestAHistoryHoldsNoText(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	made, err := n.Create(t.Context(), conversation.CreateInput{
		UserID: mei, PartnerID: "suppliers", SituationID: "negotiations", Title: "secret-title", Tags: []string{"secret-tag"},
		Context:  conversation.Context{DomainContext: map[string]any{"secret-key": "secret-value"}},
		Metadata: map[string]any{"secret-note": 1},
	})
	require.NoError(t, err)
	n.say(made.Conversation, "secret-words")
	_, err = n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: made.ID, Metadata: []byte(`{"secret-note": 2}`)})
	require.NoError(t, err)
	require.Len(t, n.requireChain(made.Conversation), 3)
	var leaks int
	require.NoError(t, n.stage.pool.QueryRow(t.Context(),
		"select count(*) from conversation_versions where convert_from(entry, 'UTF8') like '%secret%'").Scan(&leaks))
	require.Zero(t, leaks)
	require.NoError(t, n.Delete(t.Context(), mei, made.ID, nil))
	var texts, versions int
	require.NoError(t, n.stage.pool.QueryRow(t.Context(), `select (select count(*) from conversation_texts where conversation_id = $1),
		(select count(*) from conversation_versions where conversation_id = $1)`, made.ID).Scan(&texts, &versions))
	require.Zero(t, texts)
	require.Equal(t, 4, versions, "with the reply that was cancelled")
}

func TestAHistoryHasNoGapUnderManyWriters(t *testing.T) {
	t.Parallel()
	n := setup(t)
	two := n.node()
	c := n.talk()
	for range 40 {
		n.model.Script(partner.Step{Text: ten})
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 10 {
				node := []*node{n, two}[j%2]
				title := uuid.NewString()
				_, err := node.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
				require.NoError(t, err)
				_, err = node.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Good morning."})
				require.True(t, err == nil || fault.Is(err, "conversation.reply_in_flight"), err)
				if i == 0 && j%3 == 0 {
					if err := node.cancelAny(c); err != nil {
						require.NoError(t, err)
					}
				}
			}
		})
	}
	all.Wait()
	n.eventually("the last reply ends", func() bool { return n.replyUnderWay(c) == nil })
	operations := n.requireChain(c)
	require.GreaterOrEqual(t, len(operations), 41)
	require.EqualValues(t, len(operations), n.head(c).Version)
}

// replyUnderWay names the reply under way; nil: none is.
func (s *stage) replyUnderWay(c conversation.Conversation) (reply *uuid.UUID) {
	s.t.Helper()
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), "select reply_id from conversations where id = $1", c.ID).Scan(&reply))
	return reply
}

// cancelAny cancels the reply under way, if one is.
func (n *node) cancelAny(c conversation.Conversation) error {
	reply := n.replyUnderWay(c)
	if reply == nil {
		return nil
	}
	_, err := n.Cancel(n.t.Context(), mei, c.ID, *reply)
	return err
}
