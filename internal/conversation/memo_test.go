package conversation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
)

func TestWatchersOfANodeShareWhatWasMadeOfAReplysEvents(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	speak, finish := n.gated(ten)
	watchers := make([]*watcher, 20)
	for i := range watchers {
		watchers[i] = n.watching(c)
	}
	n.say(c, "Good morning.")
	speak(2)
	for _, w := range watchers { // all have come to where the log goes on
		w.untilText("one two")
	}
	finish()
	made := map[conversation.WatchPosition]int{}
	for _, w := range watchers {
		text := "one two"
		for ended := false; !ended; {
			events, err := w.watch.Next(t.Context())
			require.NoError(t, err)
			for _, e := range events {
				got := e.Memo(func() any { made[e.At]++; return e.Type + e.Text })
				require.Equal(t, e.Type+e.Text, got)
				if ended = e.Type == conversation.EventCompleted; ended {
					require.Equal(t, ten, e.Message.Content)
					break
				}
				text += e.Text
				require.True(t, strings.HasPrefix(ten, text))
			}
		}
		require.Equal(t, ten, text)
	}
	require.NotEmpty(t, made)
	for at, times := range made {
		require.Equal(t, 1, times, "%+v", at)
	}
}

// Whoever stands elsewhere in the conversation gets a cursor of its own.
func TestWhatWasMadeForAnotherPlaceIsNotShared(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	speak, finish := n.gated(ten)
	w := n.watching(c)
	n.say(c, "Good morning.")
	speak(2)
	w.untilText("one two")
	finish()
	for {
		events, err := w.watch.Next(t.Context())
		require.NoError(t, err)
		for _, e := range events {
			at := func() any { return e.At }
			require.Equal(t, e.At, e.Memo(at))
			e.At.Version++
			require.Equal(t, e.At, e.Memo(at))
			if e.Type == conversation.EventCompleted {
				return
			}
		}
	}
}
