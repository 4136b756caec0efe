package conversation_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestWhateverIsBrokenIsMadeGoodOrNamed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.eventful()
	whole := n.record(c)
	shown, head := contents(n.visible(c)), n.head(c)
	for _, b := range breakages {
		for _, backup := range []*record.Record{nil, &whole} {
			what := b.Name
			if backup != nil {
				what += ", with a backup"
			}
			broken := copied(t, whole)
			b.Break(&broken)
			n.plant(broken)
			planted := n.record(c)
			require.NotEmpty(t, planted.Verify(time.Now()), what)

			before := planted
			plan, err := n.Recover(t.Context(), conversation.RecoverInput{ConversationID: c.ID, Backup: backup, DryRun: true})
			require.NoError(t, err, what)
			require.Equal(t, before, n.record(c), "a dry run changes nothing")

			done, err := n.Recover(t.Context(), conversation.RecoverInput{ConversationID: c.ID, Backup: backup})
			require.NoError(t, err, what)
			require.Equal(t, plan.Healed, done.Healed, what)
			require.Equal(t, plan.Lost, done.Lost, what)
			require.True(t, done.Needed, what)
			require.Equal(t, backup != nil || b.Proven, done.IsComplete, "%s: %v", what, done.Lost)

			after := n.record(c)
			require.Empty(t, after.Verify(time.Now()), what)
			last := after.Versions[len(after.Versions)-1]
			require.Equal(t, "recover", last.Operation, what)
			require.Equal(t, shown, contents(n.visible(c)), what)
			now := n.head(c)
			require.Equal(t, []any{head.Title, head.Status, head.TokensUsed, head.MessageCount}, []any{now.Title, now.Status, now.TokensUsed, now.MessageCount}, what)

			again, err := n.Recover(t.Context(), conversation.RecoverInput{ConversationID: c.ID, Backup: backup})
			require.NoError(t, err, what)
			require.False(t, again.Needed, "%s: what is whole is left alone: %v", what, again)
		}
	}
}

// copied is a record of its own.
func copied(t *testing.T, r record.Record) (out record.Record) {
	t.Helper()
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

func TestOldVersionsStayReadableBehindARecovery(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.eventful()
	whole := n.record(c)
	told := map[int64]conversation.State{}
	state := func(version int64) conversation.State {
		st, err := n.State(t.Context(), conversation.StateInput{UserID: mei, ConversationID: c.ID, Version: version, Limit: 100})
		require.NoError(t, err, "version %d", version)
		return st
	}
	for _, version := range []int64{1, 3, 5, 8, 20, 55} {
		told[version] = state(version)
	}
	broken := copied(t, whole)
	broken.Messages, broken.Pasts = broken.Messages[:2], nil
	broken.Head.Title = "Broken"
	n.plant(broken)
	plan, err := n.Recover(t.Context(), conversation.RecoverInput{ConversationID: c.ID})
	require.NoError(t, err)
	require.True(t, plan.IsComplete)
	for version, was := range told {
		require.Equal(t, was, state(version), "version %d", version)
	}

	n.plant(broken)
	plan, err = n.Recover(t.Context(), conversation.RecoverInput{ConversationID: c.ID, Version: 3})
	require.NoError(t, err)
	require.True(t, plan.IsComplete)
	require.Equal(t, int64(3), plan.Target)
	n.requireContent(c, 3)
	require.Empty(t, n.verify(c))
	_, err = n.Recover(t.Context(), conversation.RecoverInput{ConversationID: c.ID, Version: n.head(c).Version + 1})
	require.True(t, fault.Is(err, "conversation.unknown_version"))
}

// verify gives what verification finds of a conversation.
func (n *node) verify(c conversation.Conversation) []record.Finding {
	r := n.record(c)
	return r.Verify(time.Now())
}
