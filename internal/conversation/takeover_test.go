package conversation_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

// one is a node that writes one reply at a time, so that it cannot take its own
// lost job up again.
func one(s *settings) { s.workers = 1 }

// lapse lets the lease of the one running job run out, as if its worker had not
// been heard of, until another worker has it.
func (s *stage) lapse() {
	s.t.Helper()
	lease := func() (number int64) {
		s.scan("select coalesce(max(number), 0) from job_leases", nil, &number)
		return number
	}
	before := lease()
	s.eventually("another worker takes the job", func() bool {
		s.exec("update job_leases set expires_at = now() - interval '1 second' where number = $1", before)
		s.exec("update river_job set attempted_at = now() - interval '1 hour' where state = 'running' and attempt = 1")
		return lease() > before
	})
}

const eleven = "eleven twelve thirteen fourteen"

func TestTheWorkerThatTakesOverBeginsAnewAndTheOldOneHasNoEffect(t *testing.T) {
	t.Parallel()
	old := setup(t, one)
	c := old.talk()
	oldSpeaks, oldFinishes := old.gated(ten)
	sent := old.say(c, "Hello")
	r := old.read(sent.Reply, conversation.Position{})
	oldSpeaks(3)
	r.until("one two three")

	heir := old.stage.node(one)
	heirSpeaks, heirFinishes := old.gated(eleven)
	old.lapse()
	heirSpeaks(1)
	r.until("eleven")
	require.Equal(t, conversation.EventStarted, firstAfter(r.got, "one two three").Type)
	oldFinishes() // it does not know yet; its appends are refused
	old.eventually("the old worker has left the model", func() bool { return old.model.Requests()[0].Outcome != partner.OutcomePending })
	heirSpeaks(1)
	r.until("eleven twelve")
	heirFinishes()
	r.untilEnd()
	require.Equal(t, eleven, textOf(r.got))

	stored := heir.message(sent.Reply)
	require.Equal(t, eleven, stored.Content)
	require.Equal(t, *r.last().Message, stored)
	require.EqualValues(t, 3, heir.head(c).Version, "it was finished once")
	again, _ := heir.followFrom(sent.Reply, conversation.Position{})
	require.Equal(t, eleven, textOf(again))
	require.Equal(t, "started delta completed", kinds(again), "the log holds nothing of the old one after the new one began")
	require.Len(t, old.model.Requests(), 2)
}

// firstAfter gives the event after the one that made the text so.
func firstAfter(events []conversation.Event, text string) conversation.Event {
	so := ""
	for i, e := range events[:len(events)-1] {
		if so = apply(so, e); so == text {
			return events[i+1]
		}
	}
	return conversation.Event{}
}

func TestALateFinishIsRefusedByTheRowEvenWithoutTheLog(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	speak, finish := n.gated(ten)
	sent := n.say(c, "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	speak(1)
	r.until("one")
	n.exec("update messages set lease_number = lease_number + 1000 where id = $1", sent.Reply.ID) // another has begun
	finish()
	n.eventually("the run is over", func() bool { return n.count("job_leases") == 0 })
	stored := n.message(sent.Reply)
	require.Equal(t, conversation.MessageStreaming, stored.Status)
	require.Empty(t, stored.Content)
	head := n.head(c)
	require.EqualValues(t, 2, head.Version)
	require.Zero(t, head.TokensUsed)
	entries := n.entries(sent.Reply)
	require.NotContains(t, string(entries[len(entries)-1].Data), "completed")
}

func TestACrashBetweenTheCommitAndTheLastEventIsHealed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	reply, events := n.inTen()
	n.eventually("the job is done", func() bool { return n.count("job_leases") == 0 })
	// What a worker leaves that dies there: the row is whole, the log is not, the job has no end.
	last := events[len(events)-1].Position.Entry
	keys := redistest.Keys(t, n.redis, n.prefix+":*message:*")
	require.Len(t, keys, 1)
	require.NoError(t, n.redis.XDel(t.Context(), keys[0], last.String()).Err())
	stored, head := n.message(reply), n.head(conversation.Conversation{ID: reply.ConversationID})
	rest, _ := n.followFrom(reply, events[5].Position)
	require.Equal(t, "completed", kinds(rest), "PostgreSQL knows")
	n.exec("update river_job set state = 'available', finalized_at = null, scheduled_at = now()")

	n.announced(reply)
	rest, _ = n.followFrom(reply, events[5].Position)
	require.Equal(t, "delta completed", kinds(rest))
	require.Equal(t, stored, n.message(reply))
	require.Equal(t, head, n.head(head))
	require.Len(t, n.model.Requests(), 1, "nothing is written again")
}

func TestANodeThatStopsHandsItsReplyToAnother(t *testing.T) {
	t.Parallel()
	front := setup(t, idle)
	c := front.talk()
	sent := front.say(c, "Hello")
	front.lastTry() // that its node stops is no failure of the run: nothing is given up
	speak, _ := front.gated(ten)
	stopping := front.stage.node(one)
	r := front.read(sent.Reply, conversation.Position{})
	speak(3)
	r.until("one two three")
	other := front.stage.node(one)
	heirSpeaks, heirFinishes := stopping.gated(eleven)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, stopping.queue.Stop(ctx))
	heirSpeaks(1)
	r.until("eleven")
	heirFinishes()
	r.untilEnd()
	require.Equal(t, eleven, other.message(sent.Reply).Content)
	require.Equal(t, eleven, textOf(r.got))
	require.Equal(t, conversation.MessageCompleted, r.last().Message.Status)
	require.EqualValues(t, 3, other.head(c).Version)
}

func TestANodeThatStopsLetsAReplyFinishInTime(t *testing.T) {
	t.Parallel()
	n := setup(t, one)
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	speak(3)
	r.until("one two three")
	stopped := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		stopped <- n.queue.Stop(ctx)
	}()
	finish()
	require.NoError(t, <-stopped)
	require.Equal(t, ten, n.message(sent.Reply).Content)
	require.Equal(t, "started delta completed", kinds(r.untilEnd()))
}

func TestAWorkerWithAnOlderLeaseLeavesARunningReplyAlone(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	sent := n.say(n.talk(), "Hello")
	n.exec("update messages set status = 'streaming', lease_number = 1000000 where id = $1", sent.Reply.ID)
	working := n.stage.node()
	working.eventually("the run is over", func() bool {
		var state string
		n.scan("select state from river_job", nil, &state)
		return state == "completed"
	})
	require.Empty(t, n.model.Requests())
	require.Empty(t, n.entries(sent.Reply))
	require.Equal(t, conversation.MessageStreaming, n.message(sent.Reply).Status)
}

func TestALogThatANewerWorkerOwnsEndsTheOlderOne(t *testing.T) {
	t.Parallel()
	n := setup(t)
	gate := make(chan struct{})
	n.model.Script(partner.Step{Text: ten, Gate: gate, Endless: true})
	sent := n.say(n.talk(), "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	gate <- struct{}{}
	r.until("one")
	_, err := n.log.Append(t.Context(), eventlog.AppendInput{
		Stream: stream(sent.Reply), Fence: 1_000_000, After: eventlog.AnyID, Entry: []byte(`{"type":"message.started","attempt":1}`)})
	require.NoError(t, err)
	r.until("")
	n.eventually("the older one leaves the model", func() bool {
		select {
		case gate <- struct{}{}: // the next token, which it finds it may not tell
		default:
		}
		return n.model.Requests()[0].Outcome == partner.OutcomeLeft
	})
	n.eventually("the run is over", func() bool { return n.count("job_leases") == 0 })
	require.Len(t, n.entries(sent.Reply), 3, "started, a delta, and the newer one's start")
}
