package conversation_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
)

func TestConversationsAreListedByTheirNewestActivity(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	var made []uuid.UUID
	for range 5 {
		made = append(made, n.talk().ID)
	}
	_, err := n.Create(t.Context(), conversation.CreateInput{UserID: mallet, PartnerID: "clients", SituationID: "meetings"})
	require.NoError(t, err)
	first, err := n.Get(t.Context(), mei, made[0])
	require.NoError(t, err)
	n.say(first, "Hello") // the oldest becomes the newest
	// Two at the same moment keep an order: that of their ids.
	n.exec("update conversations set last_activity_at = '2026-01-01' where id = any($1)", made[1:3])
	n.exec("update conversations set tags = '{urgent}' where id = any($1)", made[2:4])
	n.exec("update conversations set status = 'paused' where id = $1", made[3])

	require.Equal(t, []uuid.UUID{made[0], made[4], made[3], made[2], made[1]}, list(n, conversation.ListInput{}, 2))
	tag, paused := "urgent", conversation.StatusPaused
	require.Equal(t, []uuid.UUID{made[3], made[2]}, list(n, conversation.ListInput{Tag: &tag}, 1))
	require.Equal(t, []uuid.UUID{made[3]}, list(n, conversation.ListInput{Tag: &tag, Status: &paused}, 5))
}

// list reads all pages.
func list(n *node, in conversation.ListInput, limit int) (ids []uuid.UUID) {
	n.t.Helper()
	in.UserID, in.Limit = mei, limit
	for {
		page, more, err := n.List(n.t.Context(), in)
		require.NoError(n.t, err)
		for _, c := range page {
			ids = append(ids, c.ID)
		}
		if !more {
			return ids
		}
		require.Len(n.t, page, limit)
		last := page[len(page)-1]
		in.Before = &conversation.Place{At: last.LastActivityAt, ID: last.ID}
	}
}

func TestMessagesAreListedInTheOrderSaidAndBack(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	for i := range 3 {
		n.ended(n.say(c, fmt.Sprint("Message ", i)).Reply)
	}
	want := []int{1, 2, 3, 4, 5, 6, 7}
	require.Equal(t, want, messages(n, c, false, 3))
	require.Equal(t, want, messages(n, c, false, 7), "a full page without more")
	slices.Reverse(want)
	require.Equal(t, want, messages(n, c, true, 2))
}

func messages(n *node, c conversation.Conversation, descending bool, limit int) (seqs []int) {
	n.t.Helper()
	in := conversation.MessagesInput{UserID: mei, ConversationID: c.ID, Descending: descending, Limit: limit}
	for {
		page, more, err := n.Messages(n.t.Context(), in)
		require.NoError(n.t, err)
		for _, m := range page {
			seqs = append(seqs, m.Seq)
		}
		if !more {
			return seqs
		}
		in.After = &page[len(page)-1].Seq
	}
}

func TestAnothersConversationIsNotThere(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	sent := n.say(c, "Hello")
	for name, read := range map[string]func() error{
		"get": func() error { _, err := n.Get(t.Context(), mallet, c.ID); return err },
		"messages": func() error {
			_, _, err := n.Messages(t.Context(), conversation.MessagesInput{UserID: mallet, ConversationID: c.ID, Limit: 5})
			return err
		},
		"message": func() error { _, err := n.Message(t.Context(), mallet, c.ID, sent.Message.ID); return err },
		"follow": func() error {
			_, _, err := n.Follow(t.Context(), conversation.FollowInput{UserID: mallet, ConversationID: c.ID, MessageID: sent.Reply.ID})
			return err
		},
		"send": func() error {
			_, err := n.Send(t.Context(), conversation.SendInput{UserID: mallet, ConversationID: c.ID, Content: "Hello"})
			return err
		},
		"message elsewhere": func() error { _, err := n.Message(t.Context(), mei, n.talk().ID, sent.Message.ID); return err },
	} {
		t.Run(name, func(t *testing.T) { requireFault(t, read(), "resource.not_found") })
	}
}
