package conversation_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
)

// watcher is a client that follows a conversation and keeps a copy of it.
type watcher struct {
	n        *node
	c        conversation.Conversation
	watch    *conversation.Watch
	at       conversation.WatchPosition
	kinds    []string
	head     conversation.Conversation
	messages map[uuid.UUID]conversation.Message
	over     bool
}

// watching begins to follow a conversation, from now.
func (n *node) watching(c conversation.Conversation) *watcher {
	n.t.Helper()
	w := &watcher{n: n, c: c, messages: map[uuid.UUID]conversation.Message{}}
	for _, m := range n.visible(c) {
		w.messages[m.ID] = m
	}
	w.join()
	return w
}

// join goes on where the copy is.
func (w *watcher) join() {
	w.n.t.Helper()
	watch, err := w.n.Watch(w.n.t.Context(), conversation.WatchInput{UserID: mei, ConversationID: w.c.ID, After: w.at})
	require.NoError(w.n.t, err)
	w.watch = watch
	w.n.t.Cleanup(watch.Close)
}

// leave lets the connection go.
func (w *watcher) leave() {
	w.watch.Close()
	w.kinds = append(w.kinds, "left")
}

// next takes what there is.
func (w *watcher) next(ctx context.Context) error {
	events, err := w.watch.Next(ctx)
	if errors.Is(err, io.EOF) {
		w.over = true
	}
	for _, e := range events {
		if name := e.Type; name != conversation.EventDelta || len(w.kinds) == 0 || w.kinds[len(w.kinds)-1] != name {
			w.kinds = append(w.kinds, name)
		}
		w.take(e)
	}
	return err
}

// take is all that a client does with an event.
func (w *watcher) take(e conversation.WatchEvent) {
	w.at = e.At
	switch e.Type {
	case conversation.EventDeleted:
		return
	case conversation.EventUpdated, conversation.EventTokenWarning:
		w.head = *e.Conversation
	case conversation.EventRolledBack:
		w.head = *e.Conversation
		clear(w.messages)
		for _, m := range w.n.visible(w.c) {
			w.messages[m.ID] = m
		}
	case conversation.EventStarted, conversation.EventDelta:
		m := w.messages[e.MessageID]
		m.ID, m.Content = e.MessageID, apply(m.Content, e.Event)
		w.messages[e.MessageID] = m
	default:
		w.messages[e.Message.ID] = *e.Message
	}
}

// until follows until something is so.
func (w *watcher) until(what string, is func() bool) {
	w.n.t.Helper()
	ctx, cancel := context.WithTimeout(w.n.t.Context(), patience)
	defer cancel()
	for !is() {
		require.NoError(w.n.t, w.next(ctx), "waiting until %s; told: %s", what, w.told())
	}
}

// untilText follows until some message has come so far.
func (w *watcher) untilText(text string) {
	w.n.t.Helper()
	w.until("it reads "+text, func() bool {
		for _, m := range w.messages {
			if m.Content == text {
				return true
			}
		}
		return false
	})
}

// untilAlike follows until the copy is what is stored.
func (w *watcher) untilAlike() {
	w.n.t.Helper()
	w.until("the copy is what is stored", func() bool { return w.difference() == "" })
}

// difference is what the copy and the store do not agree about.
func (w *watcher) difference() string {
	stored := map[uuid.UUID]string{}
	for _, m := range w.n.visible(w.c) {
		stored[m.ID] = m.Status + " " + m.Content
	}
	mine := map[uuid.UUID]string{}
	for id, m := range w.messages {
		mine[id] = m.Status + " " + m.Content
	}
	if !maps.Equal(stored, mine) {
		return "messages"
	}
	return ""
}

// told is the story so far.
func (w *watcher) told() string { return strings.Join(w.kinds, " ") }

func TestAWatcherHearsAllThatHappens(t *testing.T) {
	t.Parallel()
	n := setup(t)
	there := n.stage.node(idle)
	c := n.talk()
	w := there.watching(c)
	w.until("it knows the conversation", func() bool { return w.head.ID == c.ID })
	speak, finish := n.gated(ten)
	reply := n.say(c, "Good morning.").Reply
	speak(2)
	w.untilText("one two")
	finish()
	w.untilAlike()
	title := "Prices"
	_, err := n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
	require.NoError(t, err)
	w.until("the title is known", func() bool { return w.head.Title == title })
	speak, finish = n.gated("six seven eight nine")
	n.retry(reply, "")
	speak(2)
	w.untilText("six seven")
	finish()
	w.untilAlike()
	n.rollback(c, 1)
	w.untilAlike()
	require.NoError(t, n.Delete(t.Context(), mei, c.ID, nil))
	w.until("it is gone", func() bool { return slices.Contains(w.kinds, conversation.EventDeleted) })
	require.ErrorIs(t, w.next(t.Context()), io.EOF)
	told := strings.ReplaceAll(strings.ReplaceAll(w.told(), "message.", "m."), "conversation.", "c.")
	require.Equal(t, "c.updated m.created m.started m.delta m.completed c.updated c.updated m.started m.delta m.completed c.rolled_back c.deleted", told)
}

func TestAWatcherIsWarnedBeforeTheTokensAreUsedUp(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	limit := int64(1000)
	made, err := n.Create(t.Context(), conversation.CreateInput{UserID: mei, PartnerID: "suppliers", SituationID: "negotiations", TokenLimit: &limit})
	require.NoError(t, err)
	c := made.Conversation
	n.exec("update conversations set tokens_used = 790 where id = $1", c.ID)
	w := n.watching(c)
	n.say(c, "Good morning.")
	n.exec("update conversations set tokens_used = 799 where id = $1", c.ID)
	n.stage.node() // one that works
	w.until("it is warned", func() bool { return slices.Contains(w.kinds, conversation.EventTokenWarning) })
	require.Equal(t, 1, strings.Count(w.told(), conversation.EventTokenWarning))
	require.GreaterOrEqual(t, w.head.TokensUsed, int64(800))
	list, _, err := n.Versions(t.Context(), conversation.VersionsInput{UserID: mei, ConversationID: c.ID, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, true, list[0].Change["token_warning"])
}

// Whoever leaves and comes back hears what it has missed, over many messages.
func TestAWatcherResumesOverManyMessages(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	w := n.watching(c)
	speak, finish := n.gated(ten)
	n.say(c, "One.")
	speak(3)
	w.untilText("one two three")
	w.leave()
	finish()
	n.eventually("the reply ends", func() bool { return n.replyUnderWay(c) == nil })
	for range 4 {
		n.ended(n.say(c, "More.").Reply)
	}
	w.join()
	w.untilAlike()
	require.Equal(t, "delta completed"+strings.Repeat(" created completed", 4),
		strings.ReplaceAll(w.told()[strings.Index(w.told(), "left ")+5:], "message.", ""))

	n.loseLogs()
	w.leave()
	n.ended(n.say(c, "More.").Reply)
	n.rollback(c, 3)
	n.ended(n.say(c, "More.").Reply)
	w.join()
	w.untilAlike()
}

func TestAWatcherHearsAlsoWithoutTheLog(t *testing.T) {
	t.Parallel()
	n := setup(t, idle, func(s *settings) { s.redisURL = "redis://127.0.0.1:1" })
	n.LookEvery(20*time.Millisecond, 20*time.Millisecond)
	c := n.talk()
	w := n.watching(c)
	sent := n.say(c, "Good morning.")
	_, err := n.Cancel(t.Context(), mei, c.ID, sent.Reply.ID)
	require.NoError(t, err)
	w.untilAlike()
}

func TestAnothersConversationIsNotWatched(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	for _, in := range []conversation.WatchInput{{UserID: mallet, ConversationID: c.ID}, {UserID: mei, ConversationID: uuid.New()}} {
		_, err := n.Watch(t.Context(), in)
		requireFault(t, err, "resource.not_found")
	}
}

func TestAWatchPositionIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	p := conversation.WatchPosition{Version: 7, Reply: uuid.New(), Within: conversation.Position{Length: 5, EndedAt: 2}}
	b, err := p.MarshalBinary()
	require.NoError(t, err)
	var got conversation.WatchPosition
	require.NoError(t, got.UnmarshalBinary(b))
	require.Equal(t, p, got)
	for _, wrong := range [][]byte{nil, b[1:], append([]byte{9}, b[1:]...), append(b[:25:25], make([]byte, len(b)-25)...)} {
		require.Error(t, got.UnmarshalBinary(wrong))
	}
}
