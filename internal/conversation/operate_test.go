package conversation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// quietly is a Progress that nobody looks at.
type quietly struct{}

func (quietly) Total(int64) {}
func (quietly) Add(int64)   {}

func TestOperatorsSeeTheConversationsOfEverybody(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	first, second := n.talk(), n.talk()
	list, more, err := n.Survey(t.Context(), conversation.SurveyInput{Limit: 1})
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, second.ID, list[0].ConversationID, "the newest activity first")
	require.Nil(t, list[0].Score, "nobody has weighed it")
	list, more, err = n.Survey(t.Context(), conversation.SurveyInput{Limit: 10, Before: conversation.Place{At: list[0].LastActivityAt, ID: list[0].ConversationID}})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, list, 1)
	require.Equal(t, first.ID, list[0].ConversationID)

	broken := n.record(first)
	broken.Head.Title = "Broken"
	n.plant(broken)
	looked := map[string]int{}
	look := func(h record.Head, found []record.Finding) { looked[h.ID.String()] += len(found) }
	_, err = n.Verify(t.Context(), quietly{}, conversation.VerifyInput{Scope: conversation.VerifyAll, Look: look})
	require.NoError(t, err)
	require.Equal(t, map[string]int{first.ID.String(): 1}, looked)
	list, _, err = n.Survey(t.Context(), conversation.SurveyInput{Limit: 10, Damaged: true})
	require.NoError(t, err)
	require.Empty(t, list, "who only looks keeps nothing")
	stats, err := n.Stats(t.Context())
	require.NoError(t, err)
	require.Nil(t, stats.VerifiedAt)

	_, err = n.Verify(t.Context(), quietly{}, conversation.VerifyInput{Scope: conversation.VerifyAll})
	require.NoError(t, err)
	list, _, err = n.Survey(t.Context(), conversation.SurveyInput{Limit: 10, Damaged: true, UserID: &mei, Status: "active"})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, int64(1), list[0].Findings)
	require.Equal(t, 55, *list[0].Score)
	for _, nobody := range []conversation.SurveyInput{{Limit: 10, UserID: &mallet}, {Limit: 10, Status: "archived"}} {
		list, _, err = n.Survey(t.Context(), nobody)
		require.NoError(t, err)
		require.Empty(t, list)
	}
}

func TestWhatWasEverWrittenIsFound(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.talk()
	before := n.head(c).Version
	n.model.Script(partner.Step{Text: ten})
	n.ended(n.say(c, `Our "blue" crates <stay> in Rotterdam.`).Reply)
	find := func(phrase string) []conversation.Saying {
		list, err := n.Sayings(t.Context(), mei, phrase)
		require.NoError(t, err)
		return list
	}
	found := find(`"BLUE" crates <stay>`)
	require.Len(t, found, 1)
	require.Equal(t, []any{c.ID, before + 1, "add_message", true}, []any{found[0].ConversationID, found[0].Version, found[0].Operation, found[0].Shown})
	require.Contains(t, found[0].Excerpt, `"blue" crates`)

	n.rollback(c, before)
	found = find("rotterdam")
	require.Len(t, found, 1)
	require.False(t, found[0].Shown, "a step back has hidden it")

	lost := n.record(c)
	lost.Messages, lost.Pasts = lost.Messages[:1], nil
	n.plant(lost)
	found = find("Rotterdam")
	require.Len(t, found, 1)
	require.Equal(t, []any{before + 1, "add_message", false}, []any{found[0].Version, found[0].Operation, found[0].Shown}, "its row is gone, its version is not")
	require.Nil(t, found[0].MessageID)

	require.Empty(t, find("Antwerp"))
	for _, phrase := range []string{"ab", string(make([]byte, 201))} {
		_, err := n.Sayings(t.Context(), mei, phrase)
		require.True(t, fault.Is(err, "request.invalid"))
	}
}

func TestStatsSayHowMuchThereIsAndHowNew(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	empty, err := n.Stats(t.Context())
	require.NoError(t, err)
	require.Nil(t, empty.Newest)
	c := n.talk()
	n.say(c, "Good morning.")
	stats, err := n.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"active": 1}, stats.Conversations)
	require.Equal(t, []int64{3, 2}, []int64{stats.Messages, stats.Versions})
	require.Positive(t, stats.Bytes)
	require.Len(t, stats.Days, 1)
	require.Equal(t, conversation.Day{Day: time.Now().UTC().Format(time.DateOnly), Versions: 2, Conversations: 1}, stats.Days[0])
	require.WithinDuration(t, time.Now(), *stats.Newest, time.Minute)
	_, err = n.Verify(t.Context(), quietly{}, conversation.VerifyInput{Scope: conversation.VerifyAll})
	require.NoError(t, err)
	stats, err = n.Stats(t.Context())
	require.NoError(t, err)
	require.NotNil(t, stats.VerifiedAt)
	require.NotNil(t, stats.WholeAt)
}

func TestAnOperatorsRecoveryNamesThem(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	c := n.talk()
	broken := n.record(c)
	broken.Head.Title = "Broken"
	n.plant(broken)
	_, err := n.Recover(t.Context(), conversation.RecoverInput{ConversationID: c.ID, Operator: "priya.n"})
	require.NoError(t, err)
	r := n.record(c)
	last := r.History(1)[0]
	require.Equal(t, "priya.n", last.Operator)
	require.Nil(t, last.ActorID)
	var told string
	n.scan("select data->>'operator' from outbox where aggregate_id = $1 and type = 'conversation.recovered'", []any{c.ID}, &told)
	require.Equal(t, "priya.n", told)
}
