package conversation_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// inTen streams a reply of ten tokens, one event each, and gives its events.
func (n *node) inTen() (conversation.Message, []conversation.Event) {
	n.t.Helper()
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	for len(r.text) < len(ten) {
		before := len(r.text)
		speak(1)
		for len(r.text) == before {
			require.NoError(n.t, r.next())
		}
	}
	finish()
	return sent.Reply, r.untilEnd()
}

// followFrom tells whether anything follows a position, and what.
func (n *node) followFrom(m conversation.Message, after conversation.Position) (events []conversation.Event, ended bool) {
	n.t.Helper()
	feed, ended, err := n.Follow(n.t.Context(), conversation.FollowInput{
		UserID: mei, ConversationID: m.ConversationID, MessageID: m.ID, After: after})
	require.NoError(n.t, err)
	if ended {
		require.Nil(n.t, feed)
		return nil, true
	}
	defer feed.Close()
	r := &reader{t: n.t, feed: feed}
	return r.untilEnd(), false
}

func TestAReaderFromTheBeginningSeesAllInOrder(t *testing.T) {
	t.Parallel()
	n := setup(t)
	reply, events := n.inTen()
	require.Len(t, events, 12)
	require.Equal(t, "started delta completed", kinds(events))
	require.Equal(t, ten, textOf(events))
	for i, e := range events {
		require.Equal(t, reply.ID, e.MessageID)
		require.Equal(t, reply.ConversationID, e.ConversationID)
		require.Equal(t, 1, e.Attempt)
		if i > 0 {
			require.Positive(t, e.Position.Entry.Compare(events[i-1].Position.Entry))
		}
	}
	later, ended := n.followFrom(reply, conversation.Position{})
	require.False(t, ended)
	require.Equal(t, events, later, "who comes after the end sees the same")
}

func TestResumingAfterAnyEventGivesExactlyTheRest(t *testing.T) {
	t.Parallel()
	n := setup(t)
	reply, events := n.inTen()
	for i, e := range events[:len(events)-1] {
		rest, ended := n.followFrom(reply, e.Position)
		require.False(t, ended)
		require.Equal(t, events[i+1:], rest, "after event %d", i)
	}
	_, ended := n.followFrom(reply, events[len(events)-1].Position)
	require.True(t, ended, "nothing follows the last event")
}

func TestResumingInMidReplyGivesTheRestAsItComes(t *testing.T) {
	t.Parallel()
	n := setup(t)
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	first := n.read(sent.Reply, conversation.Position{})
	speak(2)
	first.until("one two")
	first.feed.Close()
	at := first.last().Position
	speak(2)
	resumed := n.read(sent.Reply, at)
	resumed.text = first.text
	resumed.until("one two three four")
	require.Equal(t, "delta", kinds(resumed.got), "the gap and nothing else")
	finish()
	require.Equal(t, "delta completed", kinds(resumed.untilEnd()))
	require.Equal(t, ten, first.text+textOf(resumed.got))
}

func TestTwoReadersOnTwoNodesSeeTheSame(t *testing.T) {
	t.Parallel()
	n := setup(t)
	other := n.stage.node(idle)
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	here, there := n.read(sent.Reply, conversation.Position{}), other.read(sent.Reply, conversation.Position{})
	for _, so := range []string{"one", "one two"} {
		speak(1)
		here.until(so)
		there.until(so)
	}
	late := other.read(sent.Reply, conversation.Position{}) // joins in the middle
	late.until("one two")
	finish()
	all := here.untilEnd()
	require.Equal(t, all, there.untilEnd())
	require.Equal(t, all, late.untilEnd())
}

func TestAReaderWhoLeavesChangesNothing(t *testing.T) {
	t.Parallel()
	n := setup(t)
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	stays, leaves := n.read(sent.Reply, conversation.Position{}), n.read(sent.Reply, conversation.Position{})
	speak(1)
	stays.until("one")
	leaves.until("one")
	ctx, cancel := context.WithCancelCause(t.Context())
	goodbye := errors.New("goodbye")
	left := make(chan error)
	go func() {
		_, err := leaves.feed.Next(ctx)
		left <- err
	}()
	cancel(goodbye)
	require.ErrorIs(t, <-left, goodbye)
	leaves.feed.Close()
	leaves.feed.Close()
	finish()
	stays.untilEnd()
	require.Equal(t, ten, n.message(sent.Reply).Content)
	require.Equal(t, partner.OutcomeAnswered, n.model.Requests()[0].Outcome)
}

func TestAReplyWhoseLogHasExpiredIsOneCompletedEvent(t *testing.T) {
	t.Parallel()
	n := setup(t)
	reply, events := n.inTen()
	n.loseLogs()
	stored := n.message(reply)
	for _, e := range append([]conversation.Event{{}}, events[:len(events)-1]...) {
		got, ended := n.followFrom(reply, e.Position)
		require.False(t, ended)
		require.Len(t, got, 1)
		require.Equal(t, conversation.EventCompleted, got[0].Type)
		require.Equal(t, stored, *got[0].Message)
		_, ended = n.followFrom(reply, got[0].Position)
		require.True(t, ended)
	}
	_, ended := n.followFrom(reply, events[len(events)-1].Position)
	require.True(t, ended)
}

func TestTheGreetingIsACompletedReply(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	page, _, err := n.Messages(t.Context(), conversation.MessagesInput{UserID: mei, ConversationID: n.talk().ID, Limit: 1})
	require.NoError(t, err)
	events, _ := n.followFrom(page[0], conversation.Position{})
	require.Equal(t, "completed", kinds(events))
	require.Equal(t, page[0], *events[0].Message)
}

func TestOnlyRepliesCanBeFollowed(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	sent := n.say(n.talk(), "Hello")
	in := conversation.FollowInput{UserID: mei, ConversationID: sent.Message.ConversationID, MessageID: sent.Message.ID}
	_, _, err := n.Follow(t.Context(), in)
	requireFault(t, err, "message.not_a_reply")
	in.MessageID = uuid.New()
	_, _, err = n.Follow(t.Context(), in)
	requireFault(t, err, "resource.not_found")
}

func TestAPositionThatNeverWasStartsFromTheBeginning(t *testing.T) {
	t.Parallel()
	n := setup(t)
	reply, events := n.inTen()
	speak, finish := n.gated(ten)
	live := n.say(n.talk(), "Hello").Reply
	speak(1)
	n.read(live, conversation.Position{}).until("one")
	for _, p := range []conversation.Position{
		{Entry: eventlog.AnyID},
		{Entry: eventlog.ID{Ms: 1}},
		{Entry: eventlog.ID{Ms: 1, Seq: 2}, EndedAt: 7},
		{Entry: events[3].Position.Entry, EndedAt: 1<<32 - 1},
	} {
		got, ended := n.followFrom(reply, p)
		require.False(t, ended)
		require.Equal(t, ten, apply("", got[len(got)-1]))
		if p.Entry != events[3].Position.Entry {
			require.Equal(t, events, got)
			n.read(live, p).until("one")
		}
	}
	finish()
	n.ended(live)
}

func TestAReaderLearnsOfAnEndThatNeverReachedTheLog(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	n.LookEvery(10*time.Millisecond, 10*time.Millisecond)
	reply := n.say(n.talk(), "Hello").Reply
	r := n.read(reply, conversation.Position{})
	n.write(reply, conversation.Event{Type: conversation.EventStarted, Attempt: 1, Text: "one"})
	r.until("one")
	n.exec("update messages set status = 'completed', content = 'one two', completed_at = now() where id = $1", reply.ID)
	require.Equal(t, "started completed", kinds(r.untilEnd()))
	require.Equal(t, "one two", r.text)
	got, ended := n.followFrom(reply, r.got[0].Position)
	require.False(t, ended)
	require.Equal(t, "completed", kinds(got))
	_, ended = n.followFrom(reply, r.last().Position)
	require.True(t, ended)
}

func TestACancelledReplySaysSo(t *testing.T) {
	t.Parallel()
	n := setup(t)
	reply, _ := n.inTen()
	n.loseLogs()
	n.exec("update messages set status = 'cancelled', finish_reason = 'cancelled' where id = $1", reply.ID)
	got, _ := n.followFrom(reply, conversation.Position{})
	require.Equal(t, "cancelled", kinds(got))
}

func TestAReaderOfADeletedReplyIsTold(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	n.LookEvery(10*time.Millisecond, 10*time.Millisecond)
	r := n.read(n.say(n.talk(), "Hello").Reply, conversation.Position{})
	n.exec("delete from conversations")
	requireFault(t, r.next(), "resource.not_found")
}

func TestAReaderWaitsForADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	n.LookEvery(10*time.Millisecond, 10*time.Millisecond)
	reply := n.say(n.talk(), "Hello").Reply
	r := n.read(reply, conversation.Position{})
	n.exec("alter table messages rename to elsewhere")
	looked := n.pool.Stat().AcquireCount()
	read := make(chan error, 1)
	go func() { read <- r.next() }()
	n.eventually("the reader has looked in vain", func() bool { return n.pool.Stat().AcquireCount() > looked+2 })
	n.exec("alter table elsewhere rename to messages")
	n.exec("update messages set status = 'failed' where id = $1", reply.ID)
	require.NoError(t, <-read)
	require.Equal(t, "failed", kinds(r.got))
	require.ErrorIs(t, r.next(), io.EOF)
}

func TestAReaderEndsWithTheLog(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	r := n.read(n.say(n.talk(), "Hello").Reply, conversation.Position{})
	require.NoError(t, n.log.Close())
	require.ErrorIs(t, r.next(), eventlog.ErrClosed)
}
