package catalogue_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// pages reads a whole list, a few at a time.
func pages(t *testing.T, s *catalogue.Service, in catalogue.ListInput) []catalogue.Role {
	t.Helper()
	var all []catalogue.Role
	in.Limit = 7
	for {
		roles, keys, err := s.List(t.Context(), in)
		require.NoError(t, err)
		require.Len(t, keys, len(roles))
		all = append(all, roles...)
		if len(roles) < in.Limit {
			return all
		}
		in.After = keys[len(keys)-1]
	}
}

func names(roles []catalogue.Role) []string {
	all := []string{}
	for _, r := range roles {
		all = append(all, r.Title.In("en"))
	}
	return all
}

func TestRolesAreListedPageByPage(t *testing.T) {
	t.Parallel()
	b := start(t)
	whole := seededRoles(t, b.Service)
	require.Len(t, whole, 96)
	require.Equal(t, names(whole), names(pages(t, b.Service, catalogue.ListInput{})), "each once, in one order")
	require.True(t, slices.IsSortedFunc(whole, func(a, b catalogue.Role) int {
		if a.IndustryID < b.IndustryID {
			return -1
		}
		if a.IndustryID > b.IndustryID {
			return 1
		}
		return 0
	}))
	one := pages(t, b.Service, catalogue.ListInput{Industry: "Real-Estate"})
	require.Len(t, one, 24)
	require.Equal(t, "associate", *one[0].Level)
	require.Equal(t, "executive", *one[23].Level)
	for _, r := range pages(t, b.Service, catalogue.ListInput{Industry: "real_estate", Level: "manager"}) {
		require.Equal(t, "manager", *r.Level)
	}
	_, _, err := b.List(t.Context(), catalogue.ListInput{Industry: "mining", Limit: 1})
	require.Equal(t, "catalogue.unknown_industry", fault.Find(err).Code)
}

func TestRolesAreSearchedByTheirWords(t *testing.T) {
	t.Parallel()
	b := start(t)
	for query, want := range map[string]string{
		"accountant": "Accountant", "Accountan": "Accountant", "ui/ux": "UI/UX Designer", "concierge": "Hotel Concierge", "concier": "Hotel Concierge",
		"bank tell": "Bank Teller", "银行柜": "Bank Teller", "櫃員": "Bank Teller", "HR Manager": "HR Manager", "bell captain": "Hotel Concierge",
	} {
		require.Contains(t, names(pages(t, b.Service, catalogue.ListInput{Query: query})), want, query)
	}
	require.Equal(t, "Bank Teller", names(pages(t, b.Service, catalogue.ListInput{Query: "bank teller"}))[0])
	require.Empty(t, pages(t, b.Service, catalogue.ListInput{Query: "concierge accountant"}), "every word is needed")
	require.Empty(t, pages(t, b.Service, catalogue.ListInput{Query: "concierge", Industry: "real_estate"}))
	require.Empty(t, pages(t, b.Service, catalogue.ListInput{Query: "concierge", Level: "executive"}))
	for _, nonsense := range []string{"%", "_", "the", "'; drop table roles", "\\", "&&&"} {
		pages(t, b.Service, catalogue.ListInput{Query: nonsense})
	}
	many := pages(t, b.Service, catalogue.ListInput{Query: "manager"})
	require.Greater(t, len(many), 14, "over several pages")
	seen := map[uuid.UUID]bool{}
	for _, r := range many {
		require.False(t, seen[r.ID])
		seen[r.ID] = true
	}
}

func TestACustomRoleIsListedForItsAuthorAlone(t *testing.T) {
	t.Parallel()
	b := start(t)
	author, other := b.learner(), b.learner()
	made := b.custom(author, "Quokka Underwriter", "I insure quokkas against sunburn on Rottnest Island")
	for _, in := range []catalogue.ListInput{{Query: "quokka"}, {Industry: "banking_finance"}, {}} {
		in.UserID = author
		require.Contains(t, names(pages(t, b.Service, in)), "Quokka Underwriter", in)
		in.UserID = other
		require.NotContains(t, names(pages(t, b.Service, in)), "Quokka Underwriter", in)
	}
	_, err := b.Publish(t.Context(), made.ID)
	require.NoError(t, err)
	for _, in := range []catalogue.ListInput{{Query: "quokka"}, {Industry: "banking_finance"}, {}} {
		for _, in.UserID = range []uuid.UUID{author, other} {
			got := names(pages(t, b.Service, in))
			require.Contains(t, got, "Quokka Underwriter", in)
			require.Len(t, slices.DeleteFunc(got, func(n string) bool { return n != "Quokka Underwriter" }), 1, "once")
		}
	}
}
