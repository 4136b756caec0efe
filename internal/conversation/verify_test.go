package conversation_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/drill"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// eventful is a conversation in which everything has happened: it has a reply written anew,
// a step back with a hidden message, a failed reply and more than fifty versions.
func (n *node) eventful() conversation.Conversation {
	n.t.Helper()
	c := n.talk()
	n.model.Script(partner.Step{Text: ten}, partner.Step{Text: "Something else."}, partner.Step{Text: "Hidden later."}, partner.Step{Status: 400}, partner.Step{Text: "Here we are."})
	reply := n.ended(n.say(c, "We need better terms.").Reply)
	again, err := n.Retry(n.t.Context(), conversation.RetryInput{UserID: mei, ConversationID: c.ID, MessageID: reply.ID})
	require.NoError(n.t, err)
	n.ended(again.Message)
	before := n.head(c).Version
	n.ended(n.say(c, "I have changed my mind.").Reply)
	n.rollback(c, before)
	require.Equal(n.t, conversation.MessageFailed, n.ended(n.say(c, "This will fail.").Reply).Status)
	for n.head(c).Version < 55 {
		title := "Title " + uuid.NewString()
		_, err := n.Update(n.t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
		require.NoError(n.t, err)
	}
	n.ended(n.say(c, "And the last word.").Reply)
	return n.head(c)
}

// record reads all that is stored of a conversation.
func (n *node) record(c conversation.Conversation) record.Record {
	n.t.Helper()
	r, err := n.Record(n.t.Context(), c.ID)
	require.NoError(n.t, err)
	return r
}

// breakages are those of the drill, and one that needs another learner.
var breakages = append([]drill.Breakage{
	{Name: "the owner", Break: func(r *record.Record) { r.Head.UserID = mallet }, Rules: []string{record.RuleHeadState}, Proven: true},
}, drill.Breakages...)

func TestVerificationFindsWhateverIsBroken(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.eventful()
	whole := n.record(c)
	require.Empty(t, whole.Verify(time.Now()))
	text, err := json.Marshal(whole)
	require.NoError(t, err)
	for _, b := range breakages {
		var r record.Record
		require.NoError(t, json.Unmarshal(text, &r))
		again, err := json.Marshal(r)
		require.NoError(t, err)
		require.True(t, bytes.Equal(text, again), "what a backup keeps is all of it")
		b.Break(&r)
		found := r.Verify(time.Now())
		require.NotEmpty(t, found, b.Name)
		rules := map[string]bool{}
		for _, f := range found {
			rules[f.Rule] = true
			require.Equal(t, whole.Head.ID, f.ConversationID)
			require.NotContains(t, f.Expected+f.Found, "terms", "a finding says no text")
		}
		for _, rule := range b.Rules {
			require.True(t, rules[rule], "%s breaks %s: %v", b.Name, rule, found)
		}
	}
}
