package conversation_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

// ten is what the partner says where the words do not matter: ten tokens.
const ten = "one two three four five six seven eight nine ten"

// idle is a node that takes messages and writes no replies.
func idle(s *settings) { s.workers = 0 }

// talk starts Mei's conversation with a supplier.
func (n *node) talk() conversation.Conversation {
	n.t.Helper()
	made, err := n.Create(n.t.Context(), conversation.CreateInput{UserID: mei, PartnerID: "suppliers", SituationID: "negotiations"})
	require.NoError(n.t, err)
	return made.Conversation
}

// say sends what Mei says.
func (n *node) say(c conversation.Conversation, content string) conversation.Sent {
	n.t.Helper()
	sent, err := n.Send(n.t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: content})
	require.NoError(n.t, err)
	return sent
}

// gated lets the next reply be this text, of which speak lets n tokens go and
// finish all.
func (s *stage) gated(text string) (speak func(n int), finish func()) {
	gate := make(chan struct{})
	s.model.Script(partner.Step{Text: text, Gate: gate})
	return func(n int) {
		s.t.Helper()
		for range n {
			select {
			case gate <- struct{}{}:
			case <-time.After(patience):
				require.Fail(s.t, "nobody listens to the model")
			}
		}
	}, func() { close(gate) }
}

// message reads a message as it is now.
func (n *node) message(m conversation.Message) conversation.Message {
	n.t.Helper()
	got, err := n.Message(n.t.Context(), mei, m.ConversationID, m.ID)
	require.NoError(n.t, err)
	return got
}

// head reads a conversation as it is now.
func (n *node) head(c conversation.Conversation) conversation.Conversation {
	n.t.Helper()
	got, err := n.Get(n.t.Context(), mei, c.ID)
	require.NoError(n.t, err)
	return got
}

// ended waits for the end of a reply.
func (n *node) ended(reply conversation.Message) conversation.Message {
	n.t.Helper()
	var got conversation.Message
	n.eventually("the reply ends", func() bool {
		got = n.message(reply)
		return got.Ended()
	})
	return got
}

// requireFree checks that a conversation takes the next message.
func (n *node) requireFree(c conversation.Conversation) {
	n.t.Helper()
	var inFlight *uuid.UUID
	n.scan("select reply_id from conversations where id = $1", []any{c.ID}, &inFlight)
	require.Nil(n.t, inFlight)
}

func (s *stage) eventually(what string, is func() bool) {
	s.t.Helper()
	require.Eventually(s.t, is, patience, 5*time.Millisecond, what)
}

// exec changes the database behind the service's back.
func (s *stage) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}

func (s *stage) scan(sql string, args []any, into ...any) {
	s.t.Helper()
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), sql, args...).Scan(into...))
}

// count counts the rows of a table.
func (s *stage) count(table string) (n int) {
	s.t.Helper()
	s.scan("select count(*) from "+table, nil, &n)
	return n
}

// stream names the log of a reply.
func stream(m conversation.Message) string { return "message:" + m.ID.String() }

// entries gives the log of a reply.
func (n *node) entries(m conversation.Message) []eventlog.Entry {
	n.t.Helper()
	entries, err := n.log.Range(n.t.Context(), stream(m), eventlog.ID{}, 0)
	require.NoError(n.t, err)
	return entries
}

// loseLogs deletes all logs of this test, as a Redis does that comes back empty.
func (n *node) loseLogs() {
	n.t.Helper()
	for _, key := range redistest.Keys(n.t, n.redis, n.prefix+":*message:*") {
		require.NoError(n.t, n.redis.Del(n.t.Context(), key).Err())
	}
}

// reader is someone who follows a reply and keeps a copy, as clients do.
type reader struct {
	t    *testing.T
	feed *conversation.Feed
	got  []conversation.Event
	text string // by the client's rule
}

// read follows a reply of Mei's.
func (n *node) read(m conversation.Message, after conversation.Position) *reader {
	n.t.Helper()
	feed, ended, err := n.Follow(n.t.Context(), conversation.FollowInput{
		UserID: mei, ConversationID: m.ConversationID, MessageID: m.ID, After: after,
	})
	require.NoError(n.t, err)
	require.False(n.t, ended)
	n.t.Cleanup(feed.Close)
	return &reader{t: n.t, feed: feed}
}

// next takes the next events, io.EOF after the last.
func (r *reader) next() error {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	events, err := r.feed.Next(ctx)
	if err != nil {
		return err
	}
	require.NotEmpty(r.t, events)
	for _, e := range events {
		r.text = apply(r.text, e)
	}
	r.got = append(r.got, events...)
	return nil
}

// apply is the one rule that clients have.
func apply(text string, e conversation.Event) string {
	switch e.Type {
	case conversation.EventStarted:
		return e.Text
	case conversation.EventDelta:
		return text + e.Text
	default:
		return e.Message.Content
	}
}

// until reads until the copy is this text.
func (r *reader) until(text string) {
	r.t.Helper()
	for r.text != text {
		require.NoError(r.t, r.next(), "waiting for %q, at %q", text, r.text)
	}
}

// untilEnd reads to the end and gives all events.
func (r *reader) untilEnd() []conversation.Event {
	r.t.Helper()
	for {
		err := r.next()
		if errors.Is(err, io.EOF) {
			return r.got
		}
		require.NoError(r.t, err)
	}
}

// last is the last event read.
func (r *reader) last() conversation.Event {
	r.t.Helper()
	require.NotEmpty(r.t, r.got)
	return r.got[len(r.got)-1]
}

// kinds gives the types of events in a line, with how many deltas are in a row
// left out.
func kinds(events []conversation.Event) string {
	var out []string
	for _, e := range events {
		name := strings.TrimPrefix(e.Type, "message.")
		if name != "delta" || len(out) == 0 || out[len(out)-1] != name {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

// textOf puts together what the events say, without the terminal one.
func textOf(events []conversation.Event) (text string) {
	for _, e := range events {
		if !e.Terminal() {
			text = apply(text, e)
		}
	}
	return text
}

// requireFault checks for a fault of this code and gives it.
func requireFault(t *testing.T, err error, code string) *fault.Error {
	t.Helper()
	require.Error(t, err)
	f := fault.Find(err)
	require.NotNil(t, f, "%v", err)
	require.Equal(t, code, f.Code)
	return f
}
