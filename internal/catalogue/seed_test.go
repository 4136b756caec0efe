package catalogue_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

// ids gives the ids of entries in their order.
func ids[T any](entries []T, id func(T) string) (all []string) {
	for _, e := range entries {
		all = append(all, id(e))
	}
	return all
}

func TestTheSeedHasTheReferenceDataInItsOrder(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	require.Equal(t, []string{"english", "chinese_simplified", "chinese_traditional", "spanish", "french", "japanese"},
		ids(c.Languages, func(l catalogue.Language) string { return l.ID }))
	require.Equal(t, []string{"banking_finance", "shipping_logistics", "real_estate", "hotels_hospitality"},
		ids(c.Industries, func(i catalogue.Industry) string { return i.ID }))
	require.Equal(t, []string{"clients", "senior_management", "suppliers", "customers", "colleagues", "stakeholders", "partners"},
		ids(c.Partners, func(p catalogue.Partner) string { return p.ID }))
	require.Equal(t, []string{
		"interviews", "conflict_resolution", "phone_calls", "one_on_ones", "feedback_sessions", "team_discussions", "negotiations",
		"status_updates", "informal_chats", "briefings", "meetings", "presentations", "training_sessions", "client_conversations",
		"video_conferences",
	}, ids(c.Situations, func(s catalogue.Situation) string { return s.ID }))
}

func TestThreeNativeLanguagesAreAvailable(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	var available, later []string
	for _, l := range c.Languages {
		if l.Available {
			available = append(available, l.Code)
		} else {
			later = append(later, l.Code)
		}
		require.NotEmpty(t, l.NativeName)
	}
	require.Equal(t, []string{"en", "zh-Hans", "zh-Hant"}, available)
	require.Equal(t, []string{"es", "fr", "ja"}, later)
}

func TestEveryTextIsThereInThreeLanguages(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	texts := map[string]catalogue.Text{}
	for _, l := range c.Languages {
		texts[l.ID+" name"] = l.Name
	}
	for _, i := range c.Industries {
		texts[i.ID+" name"], texts[i.ID+" description"] = i.Name, i.Description
	}
	for _, p := range c.Partners {
		texts["partner "+p.ID+" name"], texts["partner "+p.ID+" description"] = p.Name, p.Description
	}
	for _, s := range c.Situations {
		texts["situation "+s.ID+" name"], texts["situation "+s.ID+" description"] = s.Name, s.Description
	}
	require.Len(t, texts, 6+2*(4+7+15))
	for what, text := range texts {
		require.Len(t, text, 3, what)
		for _, tag := range []string{"en", "zh-Hans", "zh-Hant"} {
			require.NotEmpty(t, strings.TrimSpace(text[tag]), "%s in %s", what, tag)
		}
		require.Equal(t, -1, strings.IndexFunc(text["en"], func(r rune) bool { return r > 0x2FFF }), "%s in English", what)
		require.NotEqual(t, text["en"], text["zh-Hans"], what)
		require.NotEqual(t, text["en"], text["zh-Hant"], what)
	}
}

func TestEveryPartnerAndSituationCanBePlayed(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	relations := map[string]int{}
	for _, p := range c.Partners {
		relations[p.Relation]++
		require.NotEmpty(t, p.Persona, p.ID)
		require.NotEmpty(t, p.Greeting, p.ID)
	}
	require.Equal(t, map[string]int{"internal": 2, "external": 5}, relations)
	for _, s := range c.Situations {
		require.NotEmpty(t, s.Brief, s.ID)
		require.NotEmpty(t, s.Opening, s.ID)
	}
}

func TestTheSeedMayBeAppliedAgainAndByManyAtOnce(t *testing.T) {
	t.Parallel()
	first, pool := setup(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := catalogue.Seed(context.Background(), pool); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, first, load(t, pool))
}

func TestTheSeedBringsEntriesUpToDateAndRemovesNone(t *testing.T) {
	t.Parallel()
	first, pool := setup(t)
	for _, table := range []string{"languages", "industries", "partners", "situations"} {
		exec(t, pool, "update "+table+` set position = -position, name = '{"en": "Edited"}'`)
	}
	exec(t, pool, `update languages set code = 'xx', available = not available, native_name = 'Edited'`)
	exec(t, pool, `update industries set description = '{"en": "Edited"}'`)
	exec(t, pool, `update partners set description = '{"en": "Edited"}', relation = 'internal', persona = 'Edited', greeting = 'Edited'`)
	exec(t, pool, `update situations set description = '{"en": "Edited"}', brief = 'Edited', opening = 'Edited'`)
	exec(t, pool, `insert into industries values ('farming', 99, '{"en": "Farming"}', '{"en": "Farms."}')`)
	require.NotEqual(t, first.Partners, load(t, pool).Partners)

	require.NoError(t, catalogue.Seed(t.Context(), pool))
	again := load(t, pool)
	require.Equal(t, "farming", again.Industries[4].ID, "an entry of somebody else's stays")
	again.Industries = again.Industries[:4]
	require.Equal(t, first, again)
}

func TestACatalogueIsAPictureOfWhenItWasLoaded(t *testing.T) {
	t.Parallel()
	c, pool := setup(t)
	exec(t, pool, "truncate partners cascade")
	_, err := c.Scene("clients", "meetings")
	require.NoError(t, err)
	require.Empty(t, load(t, pool).Partners)
}

func TestATextThatCannotBeShownIsNamed(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		`update industries set name = '["Real estate"]' where id = 'real_estate'`:          "a text of real_estate",
		`update partners set description = '{"zh-Hans": "客户"}' where id = 'clients'`:       "a text of clients: it has no English",
		`update situations set name = '{"en": ""}' where id = 'meetings'`:                  "a text of meetings: it has no English",
		`update languages set name = 'null' where id = 'english'`:                          "a text of english: it has no English",
		`update situations set description = '{"en": 7}' where id in ('meetings', 'none')`: "a text of meetings",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			_, pool := setup(t)
			exec(t, pool, change)
			_, err := catalogue.Load(t.Context(), pool)
			require.ErrorContains(t, err, want)
		})
	}
}

func TestWithoutItsTablesThereIsNoCatalogue(t *testing.T) {
	t.Parallel()
	for table, want := range map[string]string{
		"languages": "language", "industries": "industr", "partners": "partner", "situations": "situation",
	} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			pool := postgrestest.Open(t)
			exec(t, pool, "alter table "+table+" rename to away")
			_, err := catalogue.Load(t.Context(), pool)
			require.ErrorContains(t, err, "load "+want)
			err = catalogue.Seed(t.Context(), pool)
			require.ErrorContains(t, err, "seed "+want)
			for _, other := range []string{"languages", "industries", "partners", "situations"} {
				if other != table {
					var n int
					require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from "+other).Scan(&n))
					require.Zero(t, n, "all or nothing")
				}
			}
		})
	}
}
