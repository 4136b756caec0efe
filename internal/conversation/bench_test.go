package conversation_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
)

// benched is a node for a benchmark; the helpers of tests take it for a test's.
func benched(b *testing.B, run func(t *testing.T, n *node)) {
	b.Helper()
	ok := testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{
		Name: b.Name(), F: func(t *testing.T) { run(t, setup(t, idle)) },
	}})
	require.True(b, ok)
}

// BenchmarkVersion is what it costs that a change is a sealed version under a lock: against
// the bare update of the same row, in turns.
func BenchmarkVersion(b *testing.B) {
	benched(b, func(t *testing.T, n *node) {
		c := n.talk()
		var bare, sealed time.Duration
		i := 0
		for b.Loop() {
			i++
			title := fmt.Sprint("Title ", i)
			began := time.Now()
			_, err := n.pool.Exec(t.Context(), "update conversations set title = $2, updated_at = now() where id = $1 and user_id = $3", uuid.New(), title, mei)
			require.NoError(t, err)
			_, err = n.pool.Exec(t.Context(), "update conversations set metadata = jsonb_build_object('n', $2::text) where id = $1", c.ID, title)
			require.NoError(t, err)
			bare += time.Since(began) / 2
			began = time.Now()
			_, err = n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
			require.NoError(t, err)
			sealed += time.Since(began)
		}
		b.ReportMetric(float64(bare.Microseconds())/float64(b.N), "bare-us/op")
		b.ReportMetric(float64(sealed.Microseconds())/float64(b.N), "version-us/op")
		var bytes float64
		n.scan(`select avg(pg_column_size(v.*) + pg_column_size(t.*)) from conversation_versions v join conversation_texts t
			using (conversation_id, version) where conversation_id = $1`, []any{c.ID}, &bytes)
		b.ReportMetric(bytes, "bytes/version")
	})
}

// BenchmarkRollback goes back and forth over ten thousand messages.
func BenchmarkRollback(b *testing.B) {
	benched(b, func(_ *testing.T, n *node) {
		c := n.talk()
		n.fill(c, 10_000)
		n.exec("analyze")
		version := n.head(c).Version
		to := []int64{version / 2, version, 2, version}
		i := 0
		for b.Loop() {
			n.rollback(c, to[i%len(to)])
			i++
		}
	})
}

// BenchmarkState reads a version of a conversation of ten thousand messages.
func BenchmarkState(b *testing.B) {
	benched(b, func(t *testing.T, n *node) {
		c := n.talk()
		n.fill(c, 10_000)
		for b.Loop() {
			_, err := n.State(t.Context(), conversation.StateInput{UserID: mei, ConversationID: c.ID, Version: 5_001, Limit: conversation.MaxStateMessages})
			require.NoError(t, err)
		}
	})
}

// fill adds messages and their replies with the statements of the service.
func (n *node) fill(c conversation.Conversation, messages int) {
	n.t.Helper()
	for range messages / 2 {
		sent := n.say(c, "We can talk about delivery in the second week of May, if that is early enough for you.")
		_, err := n.Cancel(n.t.Context(), mei, c.ID, sent.Reply.ID)
		require.NoError(n.t, err)
	}
}

// BenchmarkResume reads the thousand events that a reader has missed of a reply that goes on.
func BenchmarkResume(b *testing.B) {
	benched(b, func(t *testing.T, n *node) {
		m := n.say(n.talk(), "Hello").Reply
		words := strings.SplitAfter(strings.TrimSuffix(strings.Repeat("word ", 1_000), " "), " ")
		require.NoError(t, n.WriteDeltas(t.Context(), m, words))
		first := n.read(m, conversation.Position{})
		require.NoError(t, first.next())
		after := first.got[0].Position
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			feed, _, err := n.Follow(t.Context(), conversation.FollowInput{UserID: mei, ConversationID: m.ConversationID, MessageID: m.ID, After: after})
			require.NoError(t, err)
			for got := 0; got < len(words); {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				events, err := feed.Next(ctx)
				cancel()
				require.False(t, err != nil && !errors.Is(err, io.EOF), err)
				got += len(events)
			}
			took = append(took, time.Since(began))
			feed.Close()
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
	})
}
