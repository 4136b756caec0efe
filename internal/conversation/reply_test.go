package conversation_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/job"
)

func TestAReplyIsStoredAsItWasStreamed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	n.model.Script(partner.Step{Text: ten})
	sent := n.say(c, "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	events := r.untilEnd()
	// A reader that came after the text was written finds it in message.started.
	require.Contains(t, []string{"started delta completed", "started completed"}, kinds(events))
	require.Equal(t, ten, textOf(events))

	stored := n.message(sent.Reply)
	require.Equal(t, *r.last().Message, stored)
	require.Equal(t, ten, stored.Content)
	require.Equal(t, conversation.MessageCompleted, stored.Status)
	require.Equal(t, "stop", stored.FinishReason)
	require.Equal(t, 10, *stored.Tokens)
	require.Nil(t, stored.Problem)
	require.NotNil(t, stored.CompletedAt)

	head := n.head(c)
	require.EqualValues(t, 3, head.Version)
	require.EqualValues(t, 3, stored.Version, "the version that the stored reply made")
	require.Equal(t, 3, head.MessageCount)
	require.Equal(t, *stored.CompletedAt, head.LastActivityAt)
	var prompt int64
	var estimated bool
	n.scan("select prompt_tokens, tokens_estimated from messages where id = $1", []any{stored.ID}, &prompt, &estimated)
	require.Positive(t, prompt)
	require.False(t, estimated, "the model has counted")
	require.Equal(t, prompt+10, head.TokensUsed)
	n.requireFree(c)
	n.say(c, "Go on")
}

// slowAppends holds every append back until it is let go.
type slowAppends struct{ release chan struct{} }

func (slowAppends) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h slowAppends) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if strings.HasPrefix(cmd.Name(), "eval") {
			<-h.release
		}
		return next(ctx, cmd)
	}
}

func (slowAppends) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestTokensThatArriveDuringAnAppendGoOutTogether(t *testing.T) {
	t.Parallel()
	slow := slowAppends{release: make(chan struct{})}
	n := setup(t, func(s *settings) {
		s.hook = slow
		s.log = func(c *eventlog.Config) { c.CallTimeout = patience }
	})
	text := strings.Repeat("word ", 100)
	n.model.Script(partner.Step{Text: text})
	sent := n.say(n.talk(), "Hello")
	n.eventually("the model has said all", func() bool {
		asked := n.model.Requests()
		return len(asked) == 1 && asked[0].Outcome == partner.OutcomeAnswered
	})
	close(slow.release)
	r := n.read(sent.Reply, conversation.Position{})
	r.untilEnd()
	require.Equal(t, text, r.text)
	entries := n.entries(sent.Reply)
	require.Less(t, len(entries), 50, "a hundred tokens")
	require.GreaterOrEqual(t, len(entries), 2)
}

func TestTheFirstTokensAreNotHeldBackForLaterOnes(t *testing.T) {
	t.Parallel()
	n := setup(t)
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	for _, so := range []string{"one", "one two", "one two three"} {
		speak(1)
		r.until(so) // before the model says anything more
	}
	require.Equal(t, conversation.MessageStreaming, n.message(sent.Reply).Status)
	require.Empty(t, n.message(sent.Reply).Content, "an unfinished reply is in the log alone")
	finish()
	r.untilEnd()
}

func TestAModelThatIsDownFailsTheReplyAfterItsRetries(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	n.model.Script(partner.Step{Status: 500}, partner.Step{Status: 503}, partner.Step{Status: 500})
	sent := n.say(c, "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	require.Equal(t, "started failed", kinds(r.untilEnd()))
	require.Len(t, n.model.Requests(), 3)

	stored := n.message(sent.Reply)
	require.Equal(t, *r.last().Message, stored)
	require.Equal(t, conversation.MessageFailed, stored.Status)
	require.Equal(t, conversation.FinishError, stored.FinishReason)
	require.Equal(t, "model.unavailable", stored.Problem.Code)
	require.NotEmpty(t, stored.Problem.Detail)
	require.Empty(t, stored.Content)
	require.Nil(t, stored.Tokens)
	require.Zero(t, n.head(c).TokensUsed)
	require.Equal(t, conversation.MessageCompleted, n.ended(n.say(c, "Hello again").Reply).Status)
}

func TestTriesBeforeTheFirstTokenAreNotSeen(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.model.Script(partner.Step{Status: 500}, partner.Step{BreakAfter: -1, Text: "lost"}, partner.Step{Text: ten})
	r := n.read(n.say(n.talk(), "Hello").Reply, conversation.Position{})
	require.Equal(t, "started delta completed", kinds(r.untilEnd()))
	require.Equal(t, ten, textOf(r.got))
	asked := n.model.Requests()
	require.Len(t, asked, 3)
	require.Equal(t, asked[0].Body, asked[2].Body)
}

func TestAReplyThatBreaksOffKeepsWhatThereIs(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	n.model.Script(partner.Step{Text: ten, BreakAfter: 3})
	sent := n.say(c, "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	require.Equal(t, "started delta failed", kinds(r.untilEnd()))
	require.Equal(t, "one two three", textOf(r.got))
	require.Len(t, n.model.Requests(), 1, "what was said is not said again")

	stored := n.message(sent.Reply)
	require.Equal(t, *r.last().Message, stored)
	require.Equal(t, conversation.MessageFailed, stored.Status)
	require.Equal(t, "one two three", stored.Content)
	require.Equal(t, "model.interrupted", stored.Problem.Code)
	var estimated bool
	n.scan("select tokens_estimated from messages where id = $1", []any{stored.ID}, &estimated)
	require.True(t, estimated)
	require.Positive(t, n.head(c).TokensUsed, "the provider wants to be paid for it")
	n.requireFree(c)
}

func TestTheReasonsForWhichAModelStopsAreKept(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	for _, reason := range []string{"length", "content_filter", "stop"} {
		n.model.Script(partner.Step{Text: ten, FinishReason: reason})
		stored := n.ended(n.say(c, "Hello").Reply)
		require.Equal(t, conversation.MessageCompleted, stored.Status)
		require.Equal(t, reason, stored.FinishReason)
		require.Equal(t, ten, stored.Content)
	}
}

func TestAnEndlessReplyIsCutAtALetterAndDeliveredWhole(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	// Each < takes six bytes in JSON; the last letter that fits must stay whole.
	n.model.Script(partner.Step{Text: "<<<ééé", Endless: true})
	r := n.read(n.say(c, "Hello").Reply, conversation.Position{})
	r.untilEnd()
	stored := *r.last().Message
	require.Equal(t, conversation.MessageCompleted, stored.Status)
	require.Equal(t, conversation.FinishLength, stored.FinishReason)
	require.True(t, utf8.ValidString(stored.Content))
	require.Len(t, stored.Content, 32<<10-1, "the last é would be cut in two")
	require.True(t, strings.HasPrefix(stored.Content, "<<<ééé<<<"))
	require.Equal(t, stored.Content, textOf(r.got))
	n.requireFree(c)
	n.eventually("the model is left", func() bool { return n.model.Requests()[0].Outcome == partner.OutcomeLeft })
}

// lastTry makes the next run of the one job there is its last.
func (s *stage) lastTry() {
	s.exec("update river_job set max_attempts = 1")
}

// broken is a conversation that no run can read, as after a bad restore.
const broken = `update conversations set context = '"no object"'`

func TestAReplyThatNoRunCanWriteFailsAndFreesTheConversation(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	sent := n.say(c, "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	n.exec(broken)
	n.lastTry()
	n.stage.node()
	require.Equal(t, "failed", kinds(r.untilEnd()))
	stored := n.message(sent.Reply)
	require.Equal(t, conversation.MessageFailed, stored.Status)
	require.Equal(t, &conversation.Problem{Code: "server.internal", Detail: "The reply could not be written."}, stored.Problem)
	require.Empty(t, n.model.Requests())
	n.requireFree(c)
	n.eventually("what could not be done is kept", func() bool { return n.count("dead_letters") == 1 })
	var kind, queue, subject string
	n.scan("select kind, queue, payload->>'message_id' from dead_letters", nil, &kind, &queue, &subject)
	require.Equal(t, []string{"conversation.reply", job.QueueConversation, sent.Reply.ID.String()}, []string{kind, queue, subject})
}

func TestAReplyIsCriticalWork(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	n.say(n.talk(), "Hello")
	var attempts int
	n.scan("select max_attempts from river_job", nil, &attempts)
	require.Equal(t, 6, attempts)
}

// A reply that takes its worker along must not keep the conversation for ever.
func TestAReplyThatKillsEachOfItsWorkersFreesTheConversation(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	sent := n.say(c, "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	n.exec("update river_job set state = 'running', attempt = max_attempts, attempted_at = now() - interval '1 minute', attempted_by = '{gone}'")
	n.exec("update messages set status = 'streaming', content = '', lease_number = 1 where id = $1", sent.Reply.ID)
	n.stage.node()
	require.Equal(t, "failed", kinds(r.untilEnd()))
	require.Equal(t, "server.internal", n.message(sent.Reply).Problem.Code)
	require.Empty(t, n.model.Requests())
	n.requireFree(c)
	n.eventually("what could not be done is kept", func() bool { return n.count("dead_letters") == 1 })
}

func TestALastRunThatFailsBeforeItBeginsFreesTheConversationToo(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	sent := n.say(c, "Hello")
	n.exec(`create sequence tries; -- a sequence remembers what is rolled back
		create function refuse() returns trigger language plpgsql as $$ begin
			if nextval('tries') = 1 then raise exception 'not now'; end if;
			return new;
		end $$;
		create trigger refuse before update on messages for each row execute function refuse()`)
	n.lastTry()
	n.stage.node()
	stored := n.ended(sent.Reply)
	require.Equal(t, conversation.MessageFailed, stored.Status)
	require.Equal(t, "server.internal", stored.Problem.Code)
	n.requireFree(c)
}

func TestARunThatFailsIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	sent := n.say(c, "Hello")
	n.exec(broken)
	n.stage.node()
	n.eventually("the first run has failed", func() bool {
		var failures int
		n.scan("select coalesce(array_length(errors, 1), 0) from river_job", nil, &failures)
		return failures == 1
	})
	require.False(t, n.message(sent.Reply).Ended())
	n.exec("update conversations set context = '{}'")
	n.exec("update river_job set scheduled_at = now(), state = 'available'")
	require.Equal(t, conversation.MessageCompleted, n.ended(sent.Reply).Status)
}

func TestTheReplyOfADeletedConversationIsNoFailure(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	n.say(n.talk(), "Hello")
	n.exec("delete from conversations")
	n.stage.node()
	n.eventually("the job is done", func() bool {
		var state string
		n.scan("select state from river_job", nil, &state)
		require.NotContains(t, []string{"retryable", "discarded"}, state)
		return state == "completed"
	})
	require.Empty(t, n.model.Requests())
}

func TestAConversationDeletedDuringItsReplyIsNoFailure(t *testing.T) {
	t.Parallel()
	n := setup(t)
	speak, finish := n.gated(ten)
	sent := n.say(n.talk(), "Hello")
	r := n.read(sent.Reply, conversation.Position{})
	speak(1)
	r.until("one")
	n.exec("delete from conversations")
	finish()
	n.eventually("the job is done", func() bool {
		var state string
		n.scan("select state from river_job", nil, &state)
		return state == "completed"
	})
	_, _, err := n.Follow(t.Context(), conversation.FollowInput{UserID: mei, ConversationID: sent.Reply.ConversationID, MessageID: sent.Reply.ID})
	requireFault(t, err, "resource.not_found")
}
