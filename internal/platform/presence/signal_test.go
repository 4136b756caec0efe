package presence_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/presence"
)

// logged gives a node a log of its own.
func (w world) logged(c *presence.Config) {
	w.t.Helper()
	log, err := eventlog.New(eventlog.Config{Client: w.client, Prefix: w.prefix, Block: time.Second, CallTimeout: patience})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = log.Close() })
	c.Log = log
}

func TestWhatIsSentIsReceivedByThatNodeInItsOrder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b, c := w.node(w.logged), w.node(w.logged), w.node(w.logged)
	var want []string
	for i := range 50 {
		want = append(want, fmt.Sprint("close ", i))
		require.NoError(t, a.Send(t.Context(), b.Node(), []byte(want[i])))
	}
	b.eventually(func() bool { return slices.Equal(want, b.got()) }, "it is received")
	require.Empty(t, slices.Concat(a.got(), c.got()))

	require.NoError(t, c.Send(t.Context(), c.Node(), []byte("mine")))
	require.Equal(t, []string{"mine"}, c.got(), "one's own is there at once")
}

func TestWhatIsSentBeforeANodeListensIsReceived(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.node(w.logged)
	got := make(chan string, 1)
	config := presence.Config{Client: w.client, Prefix: w.prefix, Received: func(m []byte) { got <- string(m) }}
	w.logged(&config)
	late := presence.New(config)
	t.Cleanup(late.Stop)
	require.NoError(t, a.Send(t.Context(), late.Node(), []byte("early")))
	late.Start(t.Context())
	select {
	case message := <-got:
		require.Equal(t, "early", message)
	case <-time.After(patience):
		t.Fatal("it does not come")
	}
}

func TestSendingToAnotherNodeNeedsALogAndRedis(t *testing.T) {
	t.Parallel()
	n := setup(t).node()
	require.ErrorIs(t, n.Send(t.Context(), "other", nil), presence.ErrNoLog)

	w, _, stop := own(t)
	a := w.node(w.logged, func(c *presence.Config) { c.Timeout = time.Second })
	stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.ErrorIs(t, a.Send(ctx, "other", nil), presence.ErrUnavailable)
}
