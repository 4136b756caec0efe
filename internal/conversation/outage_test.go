package conversation_test

import (
	"context"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

// ownRedis is a Redis of one test, which may kill it.
type ownRedis struct {
	t      *testing.T
	config devstack.RedisConfig
	server *devstack.Redis
}

// startRedis starts one of the same kind as the tests share.
func startRedis(t *testing.T) *ownRedis {
	t.Helper()
	r := &ownRedis{t: t, config: devstack.RedisConfig{ForceInProcess: sharedIsInProcess(t)}}
	r.start()
	address, err := url.Parse(r.server.URL())
	require.NoError(t, err)
	r.config.Port, err = strconv.Atoi(address.Port()) // where it comes back
	require.NoError(t, err)
	t.Cleanup(r.kill)
	return r
}

// sharedIsInProcess knows the in-process Redis by a command that it lacks.
func sharedIsInProcess(t *testing.T) bool {
	return redistest.Shared(t).ConfigGet(t.Context(), "port").Err() != nil
}

func (r *ownRedis) start() {
	r.t.Helper()
	var err error
	r.server, err = devstack.StartRedis(r.t.Context(), r.config)
	require.NoError(r.t, err)
}

func (r *ownRedis) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(r.t, r.server.Stop(ctx))
}

// use makes a node use it, and notice soon when it is away.
func (r *ownRedis) use(s *settings) {
	s.redisURL = r.server.URL()
	s.log = func(c *eventlog.Config) { c.Block, c.CallTimeout = 200*time.Millisecond, 300*time.Millisecond }
}

// announced waits until the log of a reply tells of its end.
func (n *node) announced(m conversation.Message) {
	n.t.Helper()
	n.eventually("the log tells of the end", func() bool {
		resumed, err := n.log.Resume(n.t.Context(), stream(m), eventlog.ID{})
		if err != nil || len(resumed.Entries) == 0 {
			return false
		}
		events, _ := n.followFrom(m, conversation.Position{})
		return events[len(events)-1].Position.Entry == resumed.Entries[len(resumed.Entries)-1].ID
	})
}

func TestALogThatIsLostInMidReplyIsBegunAnewWithTheTextSoFar(t *testing.T) {
	t.Parallel()
	own := startRedis(t)
	n := setup(t, own.use)
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	speak(3)
	r.until("one two three")
	lost := r.last().Position
	require.NoError(t, n.redis.FlushAll(t.Context()).Err())
	speak(1)
	r.until("one two three four")
	require.Equal(t, conversation.EventStarted, r.last().Type, "it replaces what the reader has")

	resumed := n.read(sent.Reply, lost) // after an event that no log holds
	resumed.until("one two three four")
	require.Equal(t, "started", kinds(resumed.got))
	finish()
	require.Equal(t, "started delta started delta completed", kinds(r.untilEnd()))
	require.Equal(t, "started delta completed", kinds(resumed.untilEnd()))
	require.Equal(t, ten, n.message(sent.Reply).Content)
	require.Equal(t, ten, textOf(r.got))
	require.Equal(t, ten, textOf(resumed.got))
}

func TestAReplyWhoseLogIsLostAtTheEndIsCompletedAllTheSame(t *testing.T) {
	t.Parallel()
	n := setup(t)
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	speak(10)
	r.until(ten)
	n.loseLogs()
	finish()
	// A reader that came after the text was written finds it in message.started.
	require.Contains(t, []string{"started delta completed", "started completed"}, kinds(r.untilEnd()))
	require.Equal(t, ten, textOf(r.got))
	rest, _ := n.followFrom(sent.Reply, r.got[len(r.got)-2].Position)
	require.Equal(t, "completed", kinds(rest))
}

func TestARedisThatDiesDuringAReplyCostsNothingButTheDeltas(t *testing.T) {
	t.Parallel()
	own := startRedis(t)
	n := setup(t, own.use)
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	speak(3)
	r.until("one two three")
	own.kill()
	speak(2)
	finish()
	require.Equal(t, "started delta completed", kinds(r.untilEnd()))
	require.Equal(t, "one two three", textOf(r.got))
	stored := n.message(sent.Reply)
	require.Equal(t, ten, stored.Content)
	require.Equal(t, stored, *r.last().Message)
	n.requireFree(conversation.Conversation{ID: stored.ConversationID})

	got, ended := n.followFrom(sent.Reply, r.got[1].Position) // with Redis away still
	require.False(t, ended)
	require.Equal(t, "completed", kinds(got))
	_, ended = n.followFrom(sent.Reply, r.last().Position)
	require.True(t, ended)
	own.start()
	n.announced(sent.Reply)
}

func TestAReplyIsWrittenAndFollowedWithoutAnyRedis(t *testing.T) {
	t.Parallel()
	own := startRedis(t)
	n := setup(t, own.use)
	own.kill()
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	speak(1)
	finish()
	require.Equal(t, "completed", kinds(r.untilEnd()))
	require.Equal(t, ten, r.text)
	require.Equal(t, ten, n.message(sent.Reply).Content)
	own.start()
	n.announced(sent.Reply)
}

func TestARedisThatComesBackEmptyInMidReplyIsFilledAgain(t *testing.T) {
	t.Parallel()
	own := startRedis(t)
	n := setup(t, own.use)
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	before := n.read(sent.Reply, conversation.Position{})
	speak(2)
	before.until("one two")
	own.kill()
	during := n.read(sent.Reply, conversation.Position{})
	speak(2)
	own.start()
	for _, r := range []*reader{before, during} {
		r.until("one two three four")
		require.Equal(t, conversation.EventStarted, r.last().Type)
	}
	finish()
	for _, r := range []*reader{before, during} {
		r.untilEnd()
		require.Equal(t, ten, textOf(r.got))
	}
	require.Equal(t, ten, n.message(sent.Reply).Content)
}
