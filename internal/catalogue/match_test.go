package catalogue_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

const time5 = 5 * time.Millisecond

func TestADescriptionFindsItsRoleInEachLanguage(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	for _, c := range []struct{ industry, title, description, want string }{
		{"banking_finance", "Accountant", "I keep the books of our branch and close the month.", "Accountant"},
		{"banking_finance", "acountant", "I am doing bookkeeping for a bank", "Accountant"},
		{"banking_finance", "银行柜员", "我在网点柜台办理存款和取款业务", "Bank Teller"},
		{"banking_finance", "銀行櫃員", "我在分行櫃檯辦理存款和提款", "Bank Teller"},
		{"hotels_hospitality", "concierge", "I book restaurants and taxis for our guests", "Hotel Concierge"},
		{"hotels_hospitality", "礼宾员", "帮客人预订餐厅和出租车", "Hotel Concierge"},
		{"shipping_logistics", "Logistics Project Manager", "I plan projects and lead the teams that carry them out", "Logistics Project Manager"},
	} {
		found := b.match(c.industry, c.title, c.description)
		require.NotEmpty(t, found.Matches, c)
		require.LessOrEqual(t, len(found.Matches), catalogue.MaxMatches)
		require.Equal(t, c.want, titles(found)[0], c)
		require.False(t, found.Degraded)
		last := 1.0
		for _, m := range found.Matches {
			require.LessOrEqual(t, m.Score, last, "in the order shown")
			require.GreaterOrEqual(t, m.Score, catalogue.MinScore)
			require.NotEmpty(t, m.Reasons)
			require.Equal(t, c.industry, m.Role.IndustryID)
			last = m.Score
		}
	}
}

func TestTheRecommendedActionFollowsTheBestScore(t *testing.T) {
	t.Parallel()
	for score, want := range map[float64]string{
		1: catalogue.SelectExcellentMatch, 0.9: catalogue.SelectExcellentMatch, 0.899: catalogue.ReviewGoodMatches,
		0.7: catalogue.ReviewGoodMatches, 0.699: catalogue.ConsiderCustomRole, catalogue.MinScore: catalogue.ConsiderCustomRole,
	} {
		require.Equal(t, want, catalogue.Action([]catalogue.Match{{Score: score}, {Score: 0.3}}), score)
	}
	require.Equal(t, catalogue.CreateCustomRole, catalogue.Action(nil))
}

func TestAJobThatFitsNoRoleIsOfferedNone(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	for _, title := range []string{"Dentist", "牙医", "Violinist", "zzzz qqqq"} {
		found := b.match("real_estate", title, "I look after teeth and play the violin in an orchestra")
		require.Empty(t, found.Matches, title)
		require.Equal(t, catalogue.CreateCustomRole, found.Action)
	}
}

func TestWithoutEmbeddingsWordsMustDo(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	b.model.ScriptEmbeddings(partner.Step{Status: http.StatusInternalServerError})
	found := b.match("banking_finance", "Bank teller", "I serve customers at the counter")
	require.True(t, found.Degraded)
	require.Equal(t, "Bank Teller", titles(found)[0])
	require.Contains(t, b.logs.String(), "matched by words alone")
	require.NotContains(t, b.logs.String(), "counter", "what was written is not logged")
	require.False(t, b.match("banking_finance", "Bank teller", "I serve customers at the counter").Degraded, "and they come back")
}

func TestBeforeAnIndexIsBuiltWordsMustDo(t *testing.T) {
	t.Parallel()
	b := start(t)
	found := b.match("banking_finance", "Auditor", "I check the accounts of companies and write audit reports")
	require.True(t, found.Degraded)
	require.Equal(t, "Auditor", titles(found)[0])
	require.Empty(t, b.model.EmbeddingRequests())
}

func TestAVectorOfAnotherLengthIsNotCompared(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	exec(t, b.pool, "update role_indexes set dimension = 100")
	exec(t, b.pool, "update catalogue_revision set revision = revision + 1")
	require.NoError(t, b.Refresh(t.Context()))
	require.True(t, b.match("banking_finance", "Auditor", "I check the accounts of companies").Degraded)
}

func TestTheSameDescriptionIsEmbeddedOnce(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	before := len(b.model.EmbeddingRequests())
	for range 3 {
		b.match("banking_finance", "Auditor", "I check the accounts of companies")
	}
	require.Len(t, b.model.EmbeddingRequests(), before+1)
}

func TestReasonsAreInTheLearnersLanguage(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	for language, want := range map[string]string{"en": "Your words fit this role: ", "zh-Hans": "您的描述中有符合该角色的词语：", "zh-Hant": "您的描述中有符合此角色的詞語："} {
		found, err := b.Match(t.Context(), catalogue.MatchInput{
			IndustryID: "banking_finance", Title: "银行柜员", Description: "我在柜台办理存款", Language: language,
		})
		require.NoError(t, err)
		reasons := strings.Join(found.Matches[0].Reasons, "|")
		require.Contains(t, reasons, want)
		require.Contains(t, reasons, "银行柜员", "neighbouring characters are one word")
	}
}

func TestAPrivateRoleIsMatchedForNobody(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	author := b.learner()
	made := b.custom(author, "Quokka Underwriter", "I insure quokkas against sunburn on Rottnest Island")
	require.NotContains(t, titles(b.match("banking_finance", "Quokka Underwriter", "I insure quokkas against sunburn")), "Quokka Underwriter")
	_, err := b.Role(t.Context(), b.learner(), made.ID)
	require.Error(t, err, "another's is not there")
	mine, err := b.Role(t.Context(), author, made.ID)
	require.NoError(t, err)
	require.True(t, mine.Custom)
}

func TestAPublishedRoleIsFoundAtOnceOnEveryNode(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	other := b.node(model)
	made := b.custom(b.learner(), "Quokka Underwriter", "I insure quokkas against sunburn on Rottnest Island")
	published, err := b.Publish(t.Context(), made.ID)
	require.NoError(t, err)
	require.True(t, published.Published)

	found, err := other.Match(t.Context(), catalogue.MatchInput{IndustryID: "banking_finance", Title: "Quokka Underwriter", Description: "quokkas and their sunburn", Language: "en"})
	require.NoError(t, err)
	require.Equal(t, "Quokka Underwriter", titles(found)[0], "by its words, though the node has not looked")
	require.NoError(t, other.Refresh(t.Context()))
	_, roles := other.Serving()
	require.Equal(t, 97, roles, "and by its meaning when it has")

	again, err := b.Publish(t.Context(), made.ID)
	require.NoError(t, err)
	require.True(t, published.UpdatedAt.Equal(again.UpdatedAt))
	var events int
	require.NoError(t, b.pool.QueryRow(t.Context(), "select count(*) from outbox where type = 'role.published'").Scan(&events))
	require.Equal(t, 1, events)
	_, err = b.Publish(t.Context(), uuid.New())
	require.ErrorContains(t, err, "no such role")
}

func TestARoleIsPublishedWhileTheModelIsDown(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	made := b.custom(b.learner(), "Quokka Underwriter", "I insure quokkas against sunburn on Rottnest Island")
	b.model.ScriptEmbeddings(partner.Step{Status: http.StatusInternalServerError})
	_, err := b.Publish(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"catalogue.index_roles"}, b.jobs.kinds, "it is embedded later")
	_, roles := b.Serving()
	require.Equal(t, 96, roles)
	require.NoError(t, b.Index(t.Context()))
	require.NoError(t, b.Refresh(t.Context()))
	_, roles = b.Serving()
	require.Equal(t, 97, roles)
}
