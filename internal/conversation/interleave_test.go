package conversation_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
)

// client is a reader that comes and goes, and keeps its copy and its place.
type client struct {
	node *node
	at   conversation.Position
	text string
	last conversation.Event

	leave context.CancelFunc // nil while away
	gone  chan error         // how its reading ended
}

// join follows from where the client was.
func (c *client) join(m conversation.Message) {
	t := c.node.t
	feed, ended, err := c.node.Follow(t.Context(), conversation.FollowInput{
		UserID: mei, ConversationID: m.ConversationID, MessageID: m.ID, After: c.at})
	require.NoError(t, err)
	if ended {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	c.leave, c.gone = cancel, make(chan error, 1)
	go func() {
		defer feed.Close()
		c.gone <- c.readAll(ctx, feed)
	}()
}

func (c *client) readAll(ctx context.Context, feed *conversation.Feed) error {
	for {
		events, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, e := range events {
			c.text, c.at, c.last = apply(c.text, e), e.Position, e
			if !e.Terminal() && !strings.HasPrefix(interleaved, c.text) {
				return fmt.Errorf("a hole or a duplicate: %q", c.text)
			}
		}
	}
}

// depart leaves in the middle of whatever comes.
func (c *client) depart() error {
	c.leave()
	err := <-c.gone
	c.leave = nil
	if errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// interleaved is the reply of these tests: forty tokens, no two the same.
var interleaved = func() string {
	words := make([]string, 40)
	for i := range words {
		words[i] = fmt.Sprintf("w%d", i)
	}
	return strings.Join(words, " ")
}()

// Whatever readers do and whenever the log is lost: who resumes to the end holds
// exactly the stored text, and nobody's copy ever has a hole.
func TestEveryReaderThatResumesToTheEndHoldsTheStoredText(t *testing.T) {
	t.Parallel()
	here := setup(t)
	there := here.stage.node(idle)
	for seed := range int64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			interleave(t, rand.New(rand.NewSource(seed)), []*node{here, there})
		})
	}
}

func interleave(t *testing.T, chance *rand.Rand, nodes []*node) {
	speak, finish := nodes[0].gated(interleaved)
	reply := nodes[0].say(nodes[0].talk(), "Hello").Reply
	clients := make([]*client, 4)
	for i := range clients {
		clients[i] = &client{node: nodes[i%len(nodes)]}
	}
	for left := 40; left > 0; {
		c := clients[chance.Intn(len(clients))]
		switch act := chance.Intn(10); {
		case act < 4:
			said := min(1+chance.Intn(3), left)
			speak(said)
			left -= said
		case act < 9 && c.leave == nil:
			c.join(reply)
		case act < 9:
			require.NoError(t, c.depart())
		default:
			nodes[0].loseLogs()
		}
	}
	finish()
	stored := nodes[0].ended(reply)
	require.Equal(t, interleaved, stored.Content)
	var all sync.WaitGroup
	for i, c := range clients {
		if c.leave == nil {
			c.join(reply)
		}
		all.Go(func() {
			if c.leave != nil {
				if err := <-c.gone; !errors.Is(err, io.EOF) {
					t.Errorf("reader %d: %v", i, err)
				}
			}
		})
	}
	all.Wait()
	for i, c := range clients {
		require.Equal(t, interleaved, c.text, "reader %d", i)
		require.Equal(t, stored, *c.last.Message, "reader %d", i)
	}
}
