package conversation_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
)

func TestAMessageIsStoredWithItsReplyAndItsJob(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	before := n.talk()
	sent, err := n.Send(t.Context(), conversation.SendInput{
		UserID: mei, ConversationID: before.ID, Content: "你好，我们谈谈价格。", Metadata: map[string]any{"voice": true}})
	require.NoError(t, err)
	require.False(t, sent.Replayed)
	require.Equal(t, sent.Message, n.message(sent.Message))
	require.Equal(t, sent.Reply, n.message(sent.Reply))
	at := sent.Message.CreatedAt
	require.Equal(t, conversation.Message{
		ID: sent.Message.ID, ConversationID: before.ID, Seq: 2, Role: conversation.RoleUser, Content: "你好，我们谈谈价格。",
		Status: conversation.MessageCompleted, Metadata: map[string]any{"voice": true}, Version: 2, Attempt: 1,
		CreatedAt: at, CompletedAt: &at,
	}, sent.Message)
	require.Equal(t, conversation.Message{
		ID: sent.Reply.ID, ConversationID: before.ID, Seq: 3, Role: conversation.RoleAssistant,
		Status: conversation.MessagePending, Metadata: map[string]any{}, Version: 2, Attempt: 1, CreatedAt: at,
	}, sent.Reply)

	head := n.head(before)
	require.EqualValues(t, 2, head.Version)
	require.Equal(t, 3, head.MessageCount)
	require.Equal(t, at, head.LastActivityAt)
	var kind string
	var args struct {
		MessageID uuid.UUID `json:"message_id"`
	}
	var raw json.RawMessage
	n.scan("select kind, args from river_job", nil, &kind, &raw)
	require.NoError(t, json.Unmarshal(raw, &args))
	require.Equal(t, "conversation.reply", kind)
	require.Equal(t, sent.Reply.ID, args.MessageID)
}

func TestARefusedMessageLeavesNothing(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	for name, c := range map[string]struct {
		prepare string
		code    string
		detail  map[string]any
	}{
		"paused":      {"update conversations set status = 'paused' where id = $1", "conversation.not_active", map[string]any{"status": "paused"}},
		"completed":   {"update conversations set status = 'completed' where id = $1", "conversation.not_active", map[string]any{"status": "completed"}},
		"archived":    {"update conversations set status = 'archived' where id = $1", "conversation.not_active", map[string]any{"status": "archived"}},
		"failed":      {"update conversations set status = 'failed' where id = $1", "conversation.not_active", map[string]any{"status": "failed"}},
		"token limit": {"update conversations set token_limit = 500, tokens_used = 500 where id = $1", "conversation.token_limit_reached", nil},
		"in flight": {"update conversations set reply_id = '01900000-0000-7000-8000-00000000000f' where id = $1",
			"conversation.reply_in_flight", map[string]any{"reply_id": uuid.MustParse("01900000-0000-7000-8000-00000000000f")}},
		"deleted": {"with m as (delete from messages where conversation_id = $1) delete from conversations where id = $1", "resource.not_found", nil},
	} {
		t.Run(name, func(t *testing.T) {
			talk := n.talk()
			n.exec(c.prepare, talk.ID)
			messages := n.count("messages")
			_, err := n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: talk.ID, Content: "Hello", IdempotencyKey: name})
			f := requireFault(t, err, c.code)
			require.Equal(t, c.detail, f.Details)
			require.Equal(t, messages, n.count("messages"))
			require.Zero(t, n.count("river_job"))
			require.Zero(t, n.count("idempotency_keys"))
		})
	}
}

func TestALimitThatIsNotReachedTakesTheMessage(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	n.exec("update conversations set token_limit = 500, tokens_used = 499")
	n.say(c, "Hello")
}

func TestAMessageWithoutItsJobIsNotStored(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	n.exec("alter table river_job add constraint no_job check (kind <> 'conversation.reply')")
	_, err := n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Hello", IdempotencyKey: "once"})
	require.ErrorContains(t, err, "no_job")
	require.Equal(t, c, n.head(c))
	require.Equal(t, 1, n.count("messages"))
	require.Zero(t, n.count("idempotency_keys"))
	n.exec("alter table river_job drop constraint no_job")
	n.say(c, "Hello again")
}

func TestAKeyThatCannotBeClaimedKeepsTheMessageOut(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	n.exec("alter table idempotency_keys add constraint no_key check (key <> 'once')")
	_, err := n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Hello", IdempotencyKey: "once"})
	require.ErrorContains(t, err, "no_key")
	require.Equal(t, c, n.head(c))
	require.Zero(t, n.count("river_job"))
}

// askingNothing is a queue that inserts without asking anything back.
type askingNothing struct{}

func (askingNothing) Insert(ctx context.Context, tx conversation.Tx, _ job.Args) error {
	_, err := tx.Exec(ctx, "insert into other_jobs values (1)")
	return err
}

// askingTwice is a queue that notes when its first question is refused.
type askingTwice struct{ refused *int }

func (q askingTwice) Insert(ctx context.Context, tx conversation.Tx, _ job.Args) error {
	for range 2 {
		rows, err := tx.Query(ctx, "insert into other_jobs values (2) returning n")
		if err != nil {
			*q.refused++
			return err
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

func TestHowTheQueueInsertsDoesNotMatter(t *testing.T) {
	t.Parallel()
	refused := 0
	plain := setup(t, idle, func(s *settings) { s.jobs = askingNothing{} })
	twice := plain.stage.node(idle, func(s *settings) { s.jobs = askingTwice{&refused} })
	plain.exec("create table other_jobs (n integer)")
	for inserts, n := range map[int]*node{1: plain, 2: twice} {
		n.exec("truncate other_jobs")
		c := n.talk()
		n.say(c, "Hello")
		require.Equal(t, inserts, n.count("other_jobs"))
		_, err := n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Hello"})
		requireFault(t, err, "conversation.reply_in_flight")
		require.Equal(t, inserts, n.count("other_jobs"))
	}
	require.Equal(t, 1, refused, "the queue learns at once that there is nothing to do")

	c := plain.talk()
	plain.exec("drop table other_jobs")
	for _, n := range []*node{plain, twice} {
		_, err := n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Hello"})
		require.ErrorContains(t, err, `"other_jobs" does not exist`)
		require.Equal(t, c, n.head(c))
	}
}

func TestARepeatedMessageGivesTheSameMessageAndReplyAsTheyAreNow(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	_, finish := n.gated(ten)
	in := conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Hello", IdempotencyKey: "once"}
	first, err := n.Send(t.Context(), in)
	require.NoError(t, err)

	again, err := n.Send(t.Context(), in)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, first.Message, again.Message)
	require.Equal(t, first.Reply.ID, again.Reply.ID)
	require.False(t, again.Reply.Ended())

	finish()
	done := n.ended(first.Reply)
	again, err = n.Send(t.Context(), in)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, conversation.Sent{Message: first.Message, Reply: done, Replayed: true}, again)
	require.Equal(t, 3, n.count("messages"))
	require.Len(t, n.model.Requests(), 1)

	changed := in
	changed.Content = "Goodbye"
	_, err = n.Send(t.Context(), changed)
	requireFault(t, err, "idempotency.key_reused")
	elsewhere := in
	elsewhere.ConversationID = n.talk().ID
	_, err = n.Send(t.Context(), elsewhere)
	requireFault(t, err, "idempotency.key_reused")

	n.exec("delete from messages where id = $1", first.Reply.ID)
	_, err = n.Send(t.Context(), in)
	requireFault(t, err, "resource.not_found")
	n.exec("delete from messages where id = $1", first.Message.ID)
	_, err = n.Send(t.Context(), in)
	requireFault(t, err, "resource.not_found")
}

// race sends twenty times at once.
func race(n *node, c conversation.Conversation, key func(i int) string) (sent []conversation.Sent, refused []error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			one, err := n.Send(n.t.Context(), conversation.SendInput{
				UserID: mei, ConversationID: c.ID, Content: "Hello", IdempotencyKey: key(i)})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				refused = append(refused, err)
				return
			}
			sent = append(sent, one)
		})
	}
	all.Wait()
	return sent, refused
}

func TestTwentyMessagesAtOnceWithOneKeyHaveOneEffect(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	sent, refused := race(n, c, func(int) string { return "once" })
	require.Empty(t, refused)
	fresh := 0
	for _, one := range sent {
		require.Equal(t, sent[0].Message, one.Message)
		require.Equal(t, sent[0].Reply, one.Reply)
		if !one.Replayed {
			fresh++
		}
	}
	require.Equal(t, 1, fresh)
	require.Equal(t, 3, n.count("messages"))
	require.Equal(t, 1, n.count("river_job"))
	require.EqualValues(t, 2, n.head(c).Version)
}

func TestOfTwentyMessagesAtOnceOneWinsAndTheOthersAreToldWhichReplyIsInFlight(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	sent, refused := race(n, c, func(i int) string { return string(rune('a' + i)) })
	require.Len(t, sent, 1)
	require.Len(t, refused, 19)
	for _, err := range refused {
		f := requireFault(t, err, "conversation.reply_in_flight")
		require.Equal(t, fault.Conflict, f.Kind)
		require.Equal(t, map[string]any{"reply_id": sent[0].Reply.ID}, f.Details)
	}
	require.Equal(t, 3, n.count("messages"))
	require.Equal(t, 1, n.count("river_job"))
	require.Equal(t, 1, n.count("idempotency_keys"))
	require.EqualValues(t, 2, n.head(c).Version)
}
