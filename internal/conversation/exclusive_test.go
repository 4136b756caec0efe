package conversation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/lock"
)

// Of two that change the version they have both seen, one wins and the other is told.
func TestOfTwoWritersOnOneVersionOneWins(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	nodes := []*node{n, n.stage.node(idle)}
	c := n.talk()
	stale := errors.New("stale")
	const races = 1000
	for race := range int64(races) {
		var won, told atomic.Int64
		var both sync.WaitGroup
		for i, node := range nodes {
			both.Go(func() {
				title := fmt.Sprint("Title ", race, " by ", i)
				_, err := node.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title,
					Matches: func(now conversation.Conversation) error {
						if now.Version != race+1 {
							return stale
						}
						return nil
					}})
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, stale):
					told.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		both.Wait()
		require.Equal(t, []int64{1, 1}, []int64{won.Load(), told.Load()}, "race %d", race)
	}
	require.Len(t, n.requireChain(c), races+1)
}

// A holder that stops between taking the lock and writing finds, when it goes on, that
// another has come after it: it begins again, and neither change is lost.
func TestAHolderThatWasOvertakenBeginsAgain(t *testing.T) {
	t.Parallel()
	paused, resume := make(chan struct{}), make(chan struct{})
	var once sync.Once
	h := &tamper{before: func(sql string) {
		if strings.Contains(sql, "name: FenceConversation") {
			once.Do(func() { close(paused); <-resume })
		}
	}}
	n := setup(t, idle, h.install)
	there := n.stage.node(idle)
	c := n.talk()
	first := make(chan error, 1)
	tags := []string{"late"}
	go func() {
		_, err := n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Tags: &tags})
		first <- err
	}()
	<-paused
	require.NoError(t, n.redis.FlushDB(t.Context()).Err(), "its lock has run out")
	n.exec("update conversations set fence = 7") // Redis has forgotten the numbers too
	title := "In between"
	_, err := there.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
	require.NoError(t, err)
	close(resume)
	require.NoError(t, <-first)
	head := n.head(c)
	require.Equal(t, []any{title, tags, int64(3)}, []any{head.Title, head.Tags, head.Version})
	require.Len(t, n.requireChain(c), 3)
	var fence int64
	n.scan("select fence from conversations where id = $1", []any{c.ID}, &fence)
	require.EqualValues(t, 9, fence, "each change under a number of its own")
}

func TestChangesGoOnWithoutRedis(t *testing.T) {
	t.Parallel()
	n := setup(t, idle, func(s *settings) { s.redisURL = "redis://127.0.0.1:1" })
	c := n.talk()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			title := fmt.Sprint("Title ", i)
			_, err := n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	n.rollback(c, 1)
	require.Len(t, n.requireChain(c), 10)
}

func TestAConversationWithTooManyWritersSaysSo(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	one, err := lock.New(lock.Config{Client: n.redis, Prefix: n.prefix + "lock", MaxWaiters: 64})
	require.NoError(t, err)
	t.Cleanup(one.Close)
	held, err := one.Acquire(t.Context(), lock.AcquireInput{Name: c.ID.String()})
	require.NoError(t, err)
	ctx, leave := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range 64 {
		waiting.Go(func() { _, _ = one.Acquire(ctx, lock.AcquireInput{Name: c.ID.String(), Wait: patience}) })
	}
	queue := n.prefix + "lock:{" + c.ID.String() + "}:queue"
	n.eventually("all wait", func() bool { return n.redis.ZCard(t.Context(), queue).Val() == 64 })
	title := "Late"
	_, err = n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
	require.NotZero(t, requireFault(t, err, "conversation.busy").RetryAfter)
	n.say(c, "What is one statement needs no lock.")
	leave()
	waiting.Wait()
	require.NoError(t, held.Release(t.Context()))
	_, err = n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
	require.NoError(t, err)
}
