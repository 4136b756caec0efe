package conversation_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// frugal is a node with budgets, at a time that the test sets.
func frugal(learner, service int64, at *atomic.Pointer[time.Time]) func(*settings) {
	if at.Load() == nil {
		noon := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
		at.Store(&noon)
	}
	return func(s *settings) {
		s.budgets = budget.Deps{Learner: learner, Service: service, Now: func() time.Time { return *at.Load() }}
	}
}

func pass(at *atomic.Pointer[time.Time], d time.Duration) {
	later := at.Load().Add(d)
	at.Store(&later)
}

// spent is what Mei has spent on a day.
func (s *stage) spent(day string) (tokens int64) {
	s.t.Helper()
	s.scan("select coalesce(sum(tokens), 0) from token_days where user_id = $1 and day = $2::date", []any{mei, day}, &tokens)
	return tokens
}

func TestAReplySpendsItsPromptAndItsTextWhenItEnds(t *testing.T) {
	t.Parallel()
	var at atomic.Pointer[time.Time]
	n := setup(t, frugal(0, 0, &at))
	c := n.talk()
	n.model.Script(partner.Step{Text: ten}, partner.Step{Text: ten, OmitUsage: true}, partner.Step{Text: ten, BreakAfter: 4})
	for range 3 {
		n.ended(n.say(c, "Good morning.").Reply)
		used := n.head(c).TokensUsed
		require.Positive(t, used)
		require.Equal(t, used, n.spent("2026-11-30"), "counted, estimated, and cut")
	}
	used := n.head(c).TokensUsed
	speak, finish := n.gated(ten)
	reply := n.say(c, "Go on.").Reply
	speak(3)
	n.read(reply, conversation.Position{}).until("one two three")
	_, err := n.Cancel(t.Context(), mei, c.ID, reply.ID)
	require.NoError(t, err)
	finish()
	require.Equal(t, n.head(c).TokensUsed, n.spent("2026-11-30"))
	require.Greater(t, n.head(c).TokensUsed, used, "cancelled")
}

func TestALearnerWhoseDayIsSpentIsRefusedUntilMidnightUTC(t *testing.T) {
	t.Parallel()
	var at atomic.Pointer[time.Time]
	n := setup(t, frugal(50, 0, &at))
	c := n.talk()
	reply := n.ended(n.say(c, "Good morning.").Reply)
	require.GreaterOrEqual(t, n.spent("2026-11-30"), int64(50), "what is under way may go over")
	messages, jobs, head := n.count("messages"), n.count("river_job"), n.head(c)

	in := conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Another.", IdempotencyKey: "mine"}
	_, err := n.Send(t.Context(), in)
	require.Equal(t, 12*time.Hour, requireFault(t, err, "budget.learner_spent").RetryAfter)
	again := conversation.RetryInput{UserID: mei, ConversationID: c.ID, MessageID: reply.ID, IdempotencyKey: "again"}
	_, err = n.Retry(t.Context(), again)
	require.Equal(t, 12*time.Hour, requireFault(t, err, "budget.learner_spent").RetryAfter)
	require.Equal(t, []int{messages, jobs, 0}, []int{n.count("messages"), n.count("river_job"), n.count("idempotency_keys")})
	require.Equal(t, head, n.head(c))

	pass(&at, 12*time.Hour-time.Microsecond)
	_, err = n.Send(t.Context(), in)
	require.Equal(t, time.Microsecond, requireFault(t, err, "budget.learner_spent").RetryAfter)
	pass(&at, time.Microsecond)
	sent, err := n.Send(t.Context(), in)
	require.NoError(t, err, "the key is still free")
	n.ended(sent.Reply)
	replay, err := n.Send(t.Context(), in)
	require.NoError(t, err)
	require.True(t, replay.Replayed, "what was taken is told although the day is spent again")
	_, err = n.Retry(t.Context(), conversation.RetryInput{UserID: mei, ConversationID: c.ID, MessageID: sent.Reply.ID})
	requireFault(t, err, "budget.learner_spent")
	pass(&at, 24*time.Hour)
	n.retry(sent.Reply, "again")
	n.ended(sent.Reply)
	require.Positive(t, n.spent("2026-12-02"))
}

func TestWhatElseKeepsAMessageOutIsSaidFirst(t *testing.T) {
	t.Parallel()
	var at atomic.Pointer[time.Time]
	n := setup(t, idle, frugal(1, 1, &at))
	c := n.talk()
	n.exec("insert into token_days values ('2026-11-30', $1, 1)", mei)
	n.exec("update conversations set status = 'paused' where id = $1", c.ID)
	_, err := n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Hello"})
	requireFault(t, err, "conversation.not_active")
	_, err = n.Send(t.Context(), conversation.SendInput{UserID: mallet, ConversationID: c.ID, Content: "Hello"})
	requireFault(t, err, "resource.not_found")
}

func TestAServiceWhoseDayIsSpentRefusesEveryoneOnEveryNode(t *testing.T) {
	t.Parallel()
	var at atomic.Pointer[time.Time]
	n := setup(t, frugal(0, 50, &at))
	two := n.stage.node(idle, frugal(0, 50, &at))
	c := n.talk()
	reply := n.ended(n.say(c, "Good morning.").Reply)
	in := conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Another.", IdempotencyKey: "mine"}
	messages, jobs := n.count("messages"), n.count("river_job")
	for _, each := range []*node{n, two} {
		pass(&at, 5*time.Second)
		_, err := each.Send(t.Context(), in)
		require.Equal(t, time.Hour, requireFault(t, err, "budget.service_spent").RetryAfter)
		_, err = each.Retry(t.Context(), conversation.RetryInput{UserID: mei, ConversationID: c.ID, MessageID: reply.ID, IdempotencyKey: "again"})
		requireFault(t, err, "budget.service_spent")
	}
	require.Equal(t, []int{messages, jobs, 0}, []int{n.count("messages"), n.count("river_job"), n.count("idempotency_keys")})
	pass(&at, 12*time.Hour)
	sent, err := n.Send(t.Context(), in)
	require.NoError(t, err)
	n.ended(sent.Reply)
	pass(&at, 5*time.Second)
	replay, err := n.Send(t.Context(), in)
	require.NoError(t, err)
	require.True(t, replay.Replayed)
}

func TestABudgetCostsAMessageNoRoundTrip(t *testing.T) {
	t.Parallel()
	var at atomic.Pointer[time.Time]
	count := &trips{}
	n := setup(t, count.install, frugal(1000, 1000, &at))
	var talks []conversation.Conversation
	for range 10 {
		talks = append(talks, n.talk())
	}
	n.say(talks[0], "Hello") // prepares the statements, and reads the service's sum for five seconds
	for _, c := range talks[1:] {
		count.taken()
		n.say(c, "Hello")
		require.LessOrEqual(t, count.taken(), 4)
	}
}
