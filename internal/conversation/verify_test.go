package conversation_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
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

// corruptions are ways in which a record of eventful may be broken, each with the rules that
// find it.
var corruptions = map[string]struct {
	breaks func(r *record.Record)
	rules  []string
}{
	"a bit of what was said":      {func(r *record.Record) { r.Messages[1].Content = "Ve need better terms." }, []string{record.RuleMessageText}},
	"a bit of an earlier reply":   {func(r *record.Record) { r.Pasts[0].Content += "!" }, []string{record.RuleMessageText}},
	"a bit of a text":             {func(r *record.Record) { r.Texts[1].Body = strings.ReplaceAll(r.Texts[1].Body, "better", "bitter") }, []string{record.RuleTextHash, record.RuleMessageText}},
	"a text":                      {func(r *record.Record) { r.Texts = slices.Delete(r.Texts, 5, 6) }, []string{record.RuleText}},
	"a bit of a version":          {func(r *record.Record) { r.Versions[3].Entry[20] ^= 1 }, []string{record.RuleChainChecksum}},
	"a bit of a checksum":         {func(r *record.Record) { r.Versions[3].Checksum[0] ^= 1 }, []string{record.RuleChainChecksum, record.RuleChainChecksum}},
	"a version":                   {func(r *record.Record) { r.Versions = slices.Delete(r.Versions, 6, 7) }, []string{record.RuleChainGap}},
	"the first version":           {func(r *record.Record) { r.Versions = r.Versions[1:] }, []string{record.RuleChainGap}},
	"the newest version":          {func(r *record.Record) { r.Versions = r.Versions[:len(r.Versions)-1] }, []string{record.RuleChainGap, record.RuleHeadVersion}},
	"every version":               {func(r *record.Record) { r.Versions = nil }, []string{record.RuleChainGap}},
	"two versions, swapped":       {func(r *record.Record) { swapVersions(r.Versions[20:22]) }, []string{record.RuleChainChecksum, record.RuleChainEntry}},
	"the column of an operation":  {func(r *record.Record) { r.Versions[8].Operation = "update_context" }, []string{record.RuleChainEntry}},
	"the date of a version":       {func(r *record.Record) { r.Versions[8].At = r.Versions[8].At.Add(-time.Hour) }, []string{record.RuleChainEntry, record.RuleDate}},
	"a date in the future":        {func(r *record.Record) { r.Versions[8].At = r.Versions[8].At.Add(time.Hour) }, []string{record.RuleDate}},
	"the head's number":           {func(r *record.Record) { r.Head.Version-- }, []string{record.RuleHeadVersion}},
	"the head's checksum":         {func(r *record.Record) { r.Head.Checksum[0] ^= 1 }, []string{record.RuleHeadChecksum}},
	"yesterday's head":            {func(r *record.Record) { r.Head.Version, r.Head.Title = 30, "Yesterday" }, []string{record.RuleHeadVersion, record.RuleHeadState}},
	"the title":                   {func(r *record.Record) { r.Head.Title = "Another" }, []string{record.RuleHeadState}},
	"the owner":                   {func(r *record.Record) { r.Head.UserID = mallet }, []string{record.RuleHeadState}},
	"the context":                 {func(r *record.Record) { r.Head.Context = json.RawMessage(`{"domain_context":{"budget":1}}`) }, []string{record.RuleHeadState}},
	"tokens used":                 {func(r *record.Record) { r.Head.TokensUsed += 5 }, []string{record.RuleTokens}},
	"a reply that is not written": {func(r *record.Record) { r.Head.ReplyID = &r.Messages[2].ID }, []string{record.RuleHeadState}},
	"a message":                   {func(r *record.Record) { r.Messages, r.Pasts = slices.Delete(r.Messages, 2, 3), nil }, []string{record.RuleMessage}},
	"a message from nowhere": {func(r *record.Record) {
		m := r.Messages[1]
		m.ID, m.Seq = uuid.New(), 100
		r.Messages = append(r.Messages, m)
	}, []string{record.RuleMessageMore}},
	"two messages, swapped": {func(r *record.Record) {
		a, b := &r.Messages[1], &r.Messages[2]
		a.Seq, b.Seq = b.Seq, a.Seq
		swap(r.Messages[1:3])
	}, []string{record.RuleMessageOrder}},
	"a hidden message":        {func(r *record.Record) { r.Messages[3].Hidden = nil }, []string{record.RuleMessageState}},
	"the status of a message": {func(r *record.Record) { r.Messages[2].Status = "failed" }, []string{record.RuleMessageState}},
	"an earlier state":        {func(r *record.Record) { r.Pasts = r.Pasts[1:] }, []string{record.RuleMessage}},
	"a snapshot":              {func(r *record.Record) { r.Snapshots[0].State = json.RawMessage(`{"title":"x"}`) }, []string{record.RuleSnapshot}},
}

// swapVersions gives each of two versions the other's number.
func swapVersions(two []record.Version) {
	two[0].Version, two[1].Version = two[1].Version, two[0].Version
	swap(two)
}

func swap[T any](two []T) { two[0], two[1] = two[1], two[0] }

func TestVerificationFindsWhateverIsBroken(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.eventful()
	whole := n.record(c)
	require.Empty(t, whole.Verify(time.Now()))
	text, err := json.Marshal(whole)
	require.NoError(t, err)
	for name, corruption := range corruptions {
		var r record.Record
		require.NoError(t, json.Unmarshal(text, &r))
		again, err := json.Marshal(r)
		require.NoError(t, err)
		require.True(t, bytes.Equal(text, again), "what a backup keeps is all of it")
		corruption.breaks(&r)
		found := r.Verify(time.Now())
		require.NotEmpty(t, found, name)
		rules := map[string]bool{}
		for _, f := range found {
			rules[f.Rule] = true
			require.Equal(t, whole.Head.ID, f.ConversationID)
			require.NotContains(t, f.Expected+f.Found, "terms", "a finding says no text")
		}
		for _, rule := range corruption.rules {
			require.True(t, rules[rule], "%s breaks %s: %v", name, rule, found)
		}
	}
}
