package conversation_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// patch changes Mei's conversation.
func (n *node) patch(c conversation.Conversation, change func(*conversation.UpdateInput)) (conversation.Conversation, error) {
	in := conversation.UpdateInput{UserID: mei, ConversationID: c.ID}
	change(&in)
	return n.Update(n.t.Context(), in)
}

// become gives a conversation another status.
func (n *node) become(c conversation.Conversation, status string) error {
	_, err := n.patch(c, func(in *conversation.UpdateInput) { in.Status = &status })
	return err
}

func TestAConversationIsChangedByAMergePatch(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	limit, title, tags := int64(500), "Prices", []string{"a", "b"}
	some := &limit
	got, err := n.patch(c, func(in *conversation.UpdateInput) {
		in.Title, in.Tags, in.TokenLimit = &title, &tags, &some
		in.Context = json.RawMessage(`{"domain_context": {"route": "Ningbo", "price": 1.50}, "user_preferences": {"tone": "calm"}}`)
		in.Metadata = json.RawMessage(`{"a": {"b": 1, "c": 2}}`)
	})
	require.NoError(t, err)
	require.Equal(t, c.Version+1, got.Version)
	require.Equal(t, n.head(c), got, "what is given is what is stored")
	require.Equal(t, "Prices", got.Title)
	require.Equal(t, tags, got.Tags)
	require.EqualValues(t, 500, *got.TokenLimit)
	require.Equal(t, c.LastActivityAt, got.LastActivityAt, "nothing was said")

	var none *int64
	got, err = n.patch(c, func(in *conversation.UpdateInput) {
		in.TokenLimit = &none
		in.Context = json.RawMessage(`{"domain_context": {"route": null}, "user_preferences": null}`)
		in.Metadata = json.RawMessage(`{"a": {"b": null}}`)
	})
	require.NoError(t, err)
	require.Nil(t, got.TokenLimit)
	require.Equal(t, map[string]any{"price": 1.5}, got.Context.DomainContext)
	require.Empty(t, got.Context.UserPreferences)
	require.NotNil(t, got.Context.UserPreferences)
	require.Equal(t, map[string]any{"a": map[string]any{"c": 2.}}, got.Metadata)
	require.Equal(t, "Prices", got.Title)

	same, err := n.patch(c, func(in *conversation.UpdateInput) { in.Title, in.Metadata = &title, json.RawMessage(`{"a": {"c": 2}}`) })
	require.NoError(t, err)
	require.Equal(t, got, same, "nothing has changed")
	got, err = n.patch(c, func(in *conversation.UpdateInput) {
		in.Context, in.Metadata = json.RawMessage("null"), json.RawMessage("null")
	})
	require.NoError(t, err)
	require.Empty(t, got.Context.DomainContext)
	require.Empty(t, got.Metadata)
	require.Equal(t, []string{"create", "update_context", "update_context", "update_context"}, n.requireChain(c))

	changed := fault.New(fault.Precondition, "request.precondition_failed", "It is another.")
	_, err = n.patch(c, func(in *conversation.UpdateInput) {
		in.Title, in.Matches = &tags[0], func(conversation.Conversation) error { return changed }
	})
	require.ErrorIs(t, err, changed)
	_, err = n.Update(t.Context(), conversation.UpdateInput{UserID: mallet, ConversationID: c.ID, Title: &title})
	require.True(t, fault.Is(err, "resource.not_found"))
	require.Equal(t, got, n.head(c))
}

func TestPatchAfterPatchAddsUpToSoMuch(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	many := func(from int) json.RawMessage {
		m := map[string]int{}
		for i := range 40 {
			m[fmt.Sprint("k", from+i)] = i
		}
		text, err := json.Marshal(m)
		require.NoError(t, err)
		return text
	}
	_, err := n.patch(c, func(in *conversation.UpdateInput) { in.Metadata = many(0) })
	require.NoError(t, err)
	_, err = n.patch(c, func(in *conversation.UpdateInput) { in.Metadata = many(40) })
	require.True(t, fault.Is(err, "conversation.context_too_large"))
	require.Equal(t, "/metadata", fault.Find(err).Fields[0].Pointer)
	large := func(key string) json.RawMessage {
		return json.RawMessage(`{"domain_context": {"` + key + `": "` + strings.Repeat("x", 600<<10) + `"}}`)
	}
	_, err = n.patch(c, func(in *conversation.UpdateInput) { in.Context = large("a") })
	require.NoError(t, err)
	_, err = n.patch(c, func(in *conversation.UpdateInput) { in.Context = large("b") })
	require.True(t, fault.Is(err, "conversation.context_too_large"))
	require.Equal(t, "too_large", fault.Find(err).Fields[0].Code)
	require.EqualValues(t, 3, n.head(c).Version)
}

func TestStatusesFollowOneAnother(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	all := []string{"active", "paused", "completed", "archived", "failed"}
	allowed := map[string]string{
		"active": "paused completed archived", "paused": "active completed archived", "completed": "archived", "archived": "", "failed": "active archived",
	}
	for _, from := range all {
		for _, to := range all {
			c := n.talk()
			n.exec("update conversations set status = '" + from + "' where id = '" + c.ID.String() + "'")
			err := n.become(c, to)
			if from == to || strings.Contains(allowed[from], to) {
				require.NoError(t, err, "%s to %s", from, to)
				require.Equal(t, to, n.head(c).Status)
				continue
			}
			require.True(t, fault.Is(err, "conversation.status_not_allowed"), "%s to %s", from, to)
			require.Equal(t, map[string]any{"from": from, "to": to}, fault.Find(err).Details)
			require.Equal(t, from, n.head(c).Status)
		}
	}
}

func TestOnlyAnActiveConversationTakesMessages(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	say := func() error {
		_, err := n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Good morning."})
		return err
	}
	require.NoError(t, n.become(c, "paused"))
	require.True(t, fault.Is(say(), "conversation.not_active"))
	require.NoError(t, n.become(c, "active"))
	require.NoError(t, say())
	require.NoError(t, n.become(c, "completed"))
	require.True(t, fault.Is(say(), "conversation.not_active"))
}
