package conversation_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
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
