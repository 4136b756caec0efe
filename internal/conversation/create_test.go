package conversation_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
)

func TestAConversationBeginsWithThePartnersGreeting(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	made, err := n.Create(t.Context(), conversation.CreateInput{UserID: mei, PartnerID: "Senior-Management", SituationID: "One-On-Ones"})
	require.NoError(t, err)
	require.False(t, made.Replayed)
	require.Equal(t, "senior_management", made.PartnerID)
	require.Equal(t, "one_on_ones", made.SituationID)
	require.Equal(t, "One-on-Ones with Senior Management", made.Title)
	require.Equal(t, conversation.StatusActive, made.Status)
	require.EqualValues(t, 1, made.Version)
	require.Equal(t, made.Conversation, n.head(made.Conversation), "what is answered is what is stored")

	page, more, err := n.Messages(t.Context(), conversation.MessagesInput{UserID: mei, ConversationID: made.ID, Limit: 10})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, page, made.MessageCount)
	greeting := page[0]
	scene, err := n.scenes.Scene("senior_management", "one_on_ones")
	require.NoError(t, err)
	require.Equal(t, scene.Greeting+" "+scene.Opening, greeting.Content)
	require.Equal(t, conversation.Message{
		ID: greeting.ID, ConversationID: made.ID, Seq: 1, Role: conversation.RoleAssistant, Content: greeting.Content,
		Status: conversation.MessageCompleted, FinishReason: "stop", Metadata: map[string]any{}, Version: 1, Attempt: 1,
		CreatedAt: made.CreatedAt, CompletedAt: &made.CreatedAt,
	}, greeting)
	require.Empty(t, n.model.Requests(), "no model is asked for a greeting")
}

func TestWithoutItsGreetingThereIsNoConversation(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	n.exec("alter table messages add constraint no_greeting check (seq <> 1)")
	_, err := n.Create(t.Context(), conversation.CreateInput{
		UserID: mei, PartnerID: "clients", SituationID: "meetings", IdempotencyKey: "once"})
	require.ErrorContains(t, err, "no_greeting")
	require.Zero(t, n.count("conversations"))
	require.Zero(t, n.count("idempotency_keys"), "the key is free for another try")
}

func TestWhatTheLearnerChoosesIsKept(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	limit := int64(5000)
	in := conversation.CreateInput{
		UserID: mei, PartnerID: "clients", SituationID: "meetings", Title: "第一次会议", Tags: []string{"b", "a"}, TokenLimit: &limit,
		Context:  conversation.Context{DomainContext: map[string]any{"port": "深圳", "boxes": 40.5, "list": []any{true, nil}}},
		Metadata: map[string]any{"screen": "home"},
	}
	made, err := n.Create(t.Context(), in)
	require.NoError(t, err)
	got := n.head(made.Conversation)
	require.Equal(t, made.Conversation, got)
	require.Equal(t, in.Title, got.Title)
	require.Equal(t, in.Tags, got.Tags, "in the order given")
	require.Equal(t, in.Metadata, got.Metadata)
	require.Equal(t, limit, *got.TokenLimit)
	require.Equal(t, conversation.Context{
		UserPreferences: map[string]any{}, ConversationSettings: map[string]any{}, DomainContext: in.Context.DomainContext,
		SessionMetadata: map[string]any{},
	}, got.Context, "a map left out is empty")
}

func TestARepeatedCreateGivesTheConversationAsItWasMade(t *testing.T) {
	t.Parallel()
	n := setup(t)
	limit := int64(1_000_000)
	in := conversation.CreateInput{UserID: mei, PartnerID: "suppliers", SituationID: "negotiations", Tags: []string{"first"},
		Context: conversation.Context{UserPreferences: map[string]any{"pace": 2.0}}, TokenLimit: &limit, IdempotencyKey: "once"}
	first, err := n.Create(t.Context(), in)
	require.NoError(t, err)
	n.ended(n.say(first.Conversation, "Hello").Reply)
	n.exec("update conversations set title = 'Renamed', tags = '{}', status = 'completed'")

	again, err := n.Create(t.Context(), in)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, first.Conversation, again.Conversation)
	require.Equal(t, 1, n.count("conversations"))

	changed := in
	changed.Title = "Another"
	_, err = n.Create(t.Context(), changed)
	requireFault(t, err, "idempotency.key_reused")
	others := in
	others.UserID = mallet
	theirs, err := n.Create(t.Context(), others)
	require.NoError(t, err)
	require.False(t, theirs.Replayed, "keys are each learner's own")
	require.NotEqual(t, first.ID, theirs.ID)
}

func TestCreatingTwentyTimesAtOnceWithOneKeyMakesOneConversation(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	ids := make([]uuid.UUID, 20)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			made, err := n.Create(t.Context(), conversation.CreateInput{
				UserID: mei, PartnerID: "clients", SituationID: "meetings", IdempotencyKey: "once"})
			if err == nil {
				ids[i] = made.ID
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.NotZero(t, ids[0])
	require.Equal(t, 1, n.count("conversations"))
	require.Equal(t, 1, n.count("messages"))
}

func TestUnknownPartnersAndSituationsAreRefused(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	in := conversation.CreateInput{UserID: mei, PartnerID: "aliens", SituationID: "negotiations", IdempotencyKey: "once"}
	_, err := n.Create(t.Context(), in)
	requireFault(t, err, "conversation.unknown_partner")
	in.PartnerID, in.SituationID = "clients", "abduction"
	_, err = n.Create(t.Context(), in)
	requireFault(t, err, "conversation.unknown_situation")
	require.Zero(t, n.count("conversations"))
	in.SituationID = "meetings"
	_, err = n.Create(t.Context(), in)
	require.NoError(t, err, "a refused request leaves its key free")
}
