package conversation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// titled starts Mei's conversation with a supplier under a title.
func (n *node) titled(title string) conversation.Conversation {
	n.t.Helper()
	made, err := n.Create(n.t.Context(), conversation.CreateInput{UserID: mei, PartnerID: "suppliers", SituationID: "negotiations", Title: title})
	require.NoError(n.t, err)
	return made.Conversation
}

// found gives the titles of Mei's conversations that are found, newest activity first.
func (n *node) found(query string) []string {
	n.t.Helper()
	titles := []string{}
	page, more, err := n.List(n.t.Context(), conversation.ListInput{UserID: mei, Query: &query, Limit: 100})
	require.NoError(n.t, err)
	require.False(n.t, more)
	for _, c := range page {
		titles = append(titles, c.Title)
	}
	return titles
}

func TestConversationsAreFoundByTheWordsOfTheirTitleOrOfOneMessage(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	spring, prices := n.titled("Container rates for spring"), n.titled("Preise")
	n.say(prices, "We negotiated the price of FOB Ningbo: 1,200 dollars for 40ft.")
	n.say(spring, "我是物流经理，请问FOB价格是多少？")
	for query, want := range map[string][]string{
		"rate":                 {"Container rates for spring"},
		"SPRING Container":     {"Container rates for spring"},
		"negotiating prices":   {"Preise"},
		"1200":                 {"Preise"},
		"fob":                  {"Container rates for spring", "Preise"},
		"物流":                   {"Container rates for spring"},
		"流":                    {"Container rates for spring"},
		"物流 fob价格":             {"Container rates for spring"},
		"物价":                   {},
		"container 物流":         {}, // the title and a message: each has one word only
		"autumn":               {},
		"!?":                   {},
		"the price":            {"Preise"},
		"preise":               {"Preise"},
		`a & b | !c :* <->`:    {},
		`fob & !ningbo`:        {"Preise"}, // signs mean nothing
		`pri:* | fob`:          {},
		`\ ' " {} , fob \0 --`: {},
	} {
		require.Equal(t, want, n.found(query), query)
	}
	require.Equal(t, n.found("fob"), n.found(`'fob'" \ ({<fob>})`))
	require.Empty(t, n.found(strings.Repeat("word ", 40)+strings.Repeat("物流", 40)))
	require.NotEmpty(t, n.found("fob "+strings.Repeat("fob ", 40)))
}

func TestASearchIsCombinedWithOtherFiltersAndReadInPages(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	var made []uuid.UUID
	for i := range 5 {
		made = append(made, n.titled(fmt.Sprint("Rates ", i)).ID)
	}
	n.titled("Something else")
	n.exec("update conversations set last_activity_at = '2026-01-01' where id = any($1)", made[1:3])
	n.exec("update conversations set tags = '{urgent}' where id = any($1)", made[2:])
	n.exec("update conversations set status = 'paused' where id = $1", made[3])
	query, tag, paused := "rates", "urgent", conversation.StatusPaused
	for limit := 1; limit < 7; limit++ {
		require.Equal(t, []uuid.UUID{made[4], made[3], made[0], made[2], made[1]}, list(n, conversation.ListInput{Query: &query}, limit))
		require.Equal(t, []uuid.UUID{made[4], made[3], made[2]}, list(n, conversation.ListInput{Query: &query, Tag: &tag}, limit))
		require.Equal(t, []uuid.UUID{made[3]}, list(n, conversation.ListInput{Query: &query, Tag: &tag, Status: &paused}, limit))
	}
}

func TestTheTextOfAnotherLearnerIsNeverFound(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	n.titled("Mine")
	_, err := n.Create(t.Context(), conversation.CreateInput{UserID: mallet, PartnerID: "suppliers", SituationID: "negotiations", Title: "Secret rates"})
	require.NoError(t, err)
	require.Empty(t, n.found("secret"))
	query := "secret rates"
	page, _, err := n.List(t.Context(), conversation.ListInput{UserID: mallet, Query: &query, Limit: 5})
	require.NoError(t, err)
	require.Len(t, page, 1)
}

func TestAConversationIsFoundByTheTitleThatItHasNow(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.titled("Container rates")
	title := "运费"
	_, err := n.Update(t.Context(), conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
	require.NoError(t, err)
	require.Empty(t, n.found("container rates"))
	require.Equal(t, []string{"运费"}, n.found("运费"))
	n.rollback(c, 1)
	require.Empty(t, n.found("运费"))
	require.Len(t, n.found("container rates"), 1)
}

func TestARepliesTextIsFoundFromItsEndOnUntilItIsWrittenAgain(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.titled("Talk")
	n.model.Script(partner.Step{Text: "Aluminium is dear."})
	reply := n.ended(n.say(c, "Hello").Reply)
	require.Len(t, n.found("aluminium"), 1)
	speak, finish := n.gated("Copper is cheap.")
	n.retry(reply, "")
	require.Empty(t, n.found("aluminium"))
	speak(3)
	require.Empty(t, n.found("copper"), "it is being written")
	finish()
	n.ended(reply)
	require.Empty(t, n.found("aluminium"))
	require.Len(t, n.found("copper cheap"), 1)

	speak, finish = n.gated("Magnesium and zinc and tin and lead and more.")
	defer finish()
	sent := n.say(c, "More")
	reader := n.read(sent.Reply, conversation.Position{})
	speak(3)
	for !strings.Contains(reader.text, "Magnesium") {
		require.NoError(t, reader.next())
	}
	_, err := n.Cancel(t.Context(), mei, c.ID, sent.Reply.ID)
	require.NoError(t, err)
	require.Len(t, n.found("magnesium"), 1, "a cancelled reply keeps its text")
	require.Empty(t, n.found("zinc lead"))
}

func TestWhatARollbackHidesIsNotFoundUntilItIsShownAgain(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.titled("Talk")
	n.model.Script(partner.Step{Text: "Aluminium is dear."}, partner.Step{Text: "Copper is cheap."})
	reply := n.ended(n.say(c, "Tell me of metals").Reply)
	first := n.head(c).Version
	n.retry(reply, "")
	n.ended(reply)
	second := n.head(c).Version
	n.rollback(c, first)
	require.Len(t, n.found("aluminium"), 1)
	require.Len(t, n.found("metals"), 1)
	require.Empty(t, n.found("copper"))
	n.rollback(c, 1)
	require.Empty(t, n.found("aluminium"))
	require.Empty(t, n.found("metals"))
	require.Equal(t, 4, n.count("conversation_words"), "what is hidden keeps its words, and is not found")
	n.rollback(c, second)
	require.Empty(t, n.found("aluminium"))
	require.Len(t, n.found("metals"), 1)
	require.Len(t, n.found("copper"), 1)
}

func TestAForkIsFoundByItselfAndADeletedConversationLeavesNoWord(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.titled("Talk")
	n.model.Script(partner.Step{Text: "Aluminium is dear."})
	for range 30 { // more than is indexed at a time
		n.ended(n.say(c, "Tell me of metals").Reply)
	}
	fork, err := n.Fork(t.Context(), conversation.ForkInput{UserID: mei, ConversationID: c.ID, Version: n.head(c).Version})
	require.NoError(t, err)
	require.Equal(t, []string{"Talk", "Talk"}, n.found("aluminium"))
	require.Equal(t, 2*62, n.count("conversation_words"))
	require.NoError(t, n.Delete(t.Context(), mei, c.ID, nil))
	page, _, err := n.List(t.Context(), conversation.ListInput{UserID: mei, Query: &fork.Title, Limit: 5})
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{fork.ID}, []uuid.UUID{page[0].ID})
	require.Len(t, n.found("metals"), 1)
	_, err = n.Erase(t.Context(), mei)
	require.NoError(t, err)
	require.Zero(t, n.count("conversation_words"))
}

func TestAMessageThatIsNotTakenIsNotFound(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.titled("Talk")
	in := conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Aluminium", IdempotencyKey: "once"}
	_, err := n.Send(t.Context(), in)
	require.NoError(t, err)
	_, err = n.Send(t.Context(), in)
	require.NoError(t, err)
	_, err = n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Copper"})
	requireFault(t, err, "conversation.reply_in_flight")
	require.Empty(t, n.found("copper"))
	require.Len(t, n.found("aluminium"), 1)
	require.Equal(t, 3, n.count("conversation_words"), "the title, the greeting and one message")
}

func TestConversationsFromBeforeThereWasASearchBecomeSearchable(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.titled("Container rates")
	n.exec(`insert into messages (id, conversation_id, seq, role, content, status, metadata, version, added, created_at, hidden)
		select gen_random_uuid(), $1, 10 + i, 'user', 'older metals', 'completed', '{}', 1, 1, now(), case when i = 1 then 1 end
		from generate_series(1, 120) i`, c.ID)
	n.exec("delete from conversation_words")
	n.exec("insert into conversations_to_index select id from conversations")
	require.Empty(t, n.found("metals"))
	n.say(c, "Newer metals")
	require.Len(t, n.found("newer"), 1, "what is said anew is found at once")
	for _, want := range []int64{1, 0} {
		done, err := n.IndexMissing(t.Context(), 10)
		require.NoError(t, err)
		require.Equal(t, want, done)
		require.Zero(t, n.count("conversations_to_index"))
		require.Len(t, n.found("older metals"), 1)
		require.Len(t, n.found("rates"), 1)
		require.Equal(t, 1+1+119+1, n.count("conversation_words"), "the title, the greeting and what is to be seen")
	}
}
