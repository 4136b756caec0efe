package catalogue_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
)

// seededRoles are all roles of the seed.
func seededRoles(t *testing.T, s *catalogue.Service) []catalogue.Role {
	t.Helper()
	roles, _, err := s.List(t.Context(), catalogue.ListInput{Limit: 1000})
	require.NoError(t, err)
	return roles
}

func TestEachIndustryHasRolesOnEveryLevel(t *testing.T) {
	t.Parallel()
	count, levels := map[string]int{}, map[string]map[string]bool{}
	for _, r := range seededRoles(t, start(t).Service) {
		count[r.IndustryID]++
		if levels[r.IndustryID] == nil {
			levels[r.IndustryID] = map[string]bool{}
		}
		levels[r.IndustryID][*r.Level] = true
	}
	require.Len(t, count, 4)
	for industry, n := range count {
		require.GreaterOrEqual(t, n, 20, industry)
		require.Len(t, levels[industry], 5, industry)
	}
}

func TestTheRolesThatMustBeThereAre(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, r := range seededRoles(t, start(t).Service) {
		have[r.IndustryID+"/"+r.Title.In("en")] = true
	}
	for _, title := range []string{"Accountant", "Financial Analyst", "Bank Teller", "Finance Manager", "Auditor", "HR Manager", "UI/UX Designer"} {
		require.True(t, have["banking_finance/"+title], title)
	}
	require.True(t, have["shipping_logistics/Logistics Project Manager"])
	require.True(t, have["hotels_hospitality/Hotel Concierge"])
}

func TestEachSeededRoleIsDescribedInThreeLanguages(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for _, r := range seededRoles(t, start(t).Service) {
		require.False(t, r.Custom)
		require.True(t, r.Published)
		require.Equal(t, uuid.Version(7), r.ID.Version())
		for _, tag := range []string{"en", "zh-Hans", "zh-Hant"} {
			name := r.IndustryID + "/" + tag + "/" + strings.ToLower(r.Title[tag])
			require.Empty(t, names[name], "%s is the title of two roles", name)
			names[name] = r.ID.String()
			require.NotEmpty(t, r.Title[tag])
			require.NotEmpty(t, r.Description[tag])
			require.GreaterOrEqual(t, len(r.Keywords[tag]), 5, name)
			require.LessOrEqual(t, len(r.Keywords[tag]), 8, name)
			require.NotEmpty(t, r.Aliases[tag], name)
			chinese := strings.ContainsFunc(r.Description[tag], func(c rune) bool { return unicode.Is(unicode.Han, c) })
			require.Equal(t, tag != "en", chinese, name)
		}
		sentences := strings.Count(r.Description["en"], ".")
		require.True(t, sentences >= 2 && sentences <= 4, "%s: %s", r.Title["en"], r.Description["en"])
		for _, word := range strings.Fields(strings.ToLower(r.Description["en"])) {
			require.NotContains(t, []string{"i", "my", "you", "your", "we", "our"}, word, "%s is not in the third person", r.Title["en"])
		}
	}
}

func TestEveryDescriptionToLearnFromNamesARole(t *testing.T) {
	t.Parallel()
	have := map[uuid.UUID]string{}
	for _, r := range seededRoles(t, start(t).Service) {
		have[r.ID] = r.IndustryID
	}
	all, err := catalogue.Samples()
	require.NoError(t, err)
	require.Greater(t, len(all), 200)
	fitting, none := map[string]int{}, 0
	for _, one := range all {
		if one.Role == "none" {
			none++
			continue
		}
		require.Contains(t, have, catalogue.SeedID(one.Role), one.Role)
		fitting[one.Role]++
	}
	require.Len(t, fitting, len(have), "each role is learnt")
	require.Greater(t, none, 40)
}

func TestTheSeedCanBeAppliedAgainWithoutAChange(t *testing.T) {
	t.Parallel()
	b := start(t)
	revision := func() (n int64) {
		require.NoError(t, b.pool.QueryRow(t.Context(), "select revision from catalogue_revision").Scan(&n))
		return n
	}
	before := revision()
	require.NoError(t, catalogue.Seed(t.Context(), b.pool))
	require.Equal(t, before, revision(), "no node has to read again what it has")
	exec(t, b.pool, `update roles set title = '{"en": "Edited"}' where key = 'accountant'`)
	exec(t, b.pool, `update industries set name = '{"en": "Edited"}' where id = 'real_estate'`)
	edited := revision()
	require.Greater(t, edited, before)
	require.NoError(t, catalogue.Seed(t.Context(), b.pool))
	require.Greater(t, revision(), edited)
	require.NoError(t, b.Refresh(t.Context()))
	r, err := b.Role(t.Context(), uuid.Nil, catalogue.SeedID("accountant"))
	require.NoError(t, err)
	require.Equal(t, "Accountant", r.Title["en"])
}

func TestEveryNodeTakesUpAChange(t *testing.T) {
	t.Parallel()
	b := start(t)
	other := b.node(model)
	other.Start(t.Context())
	defer other.Stop()
	exec(t, b.pool, `update partners set name = '{"en": "Renamed"}' where id = 'clients'`)
	require.Eventually(t, func() bool { return other.Current().Partners[0].Name["en"] == "Renamed" }, patience, time5)
	other.Stop()
	other.Stop() // may be called again
	exec(t, b.pool, `insert into industries (id, position, name, description) values ('mining', 9, '{"en": "Mining"}', '{"en": "Ore."}')`)
	require.NoError(t, b.Refresh(t.Context()))
	id, ok := b.Current().Industry(" MINING")
	require.True(t, ok)
	require.Equal(t, "mining", id)
	_, ok = other.Current().Industry("mining")
	require.False(t, ok, "who has stopped takes nothing up")
}
