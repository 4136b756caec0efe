package catalogue_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

func load(t *testing.T, pool *pgxpool.Pool) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.Load(t.Context(), pool)
	require.NoError(t, err)
	return c
}

func setup(t *testing.T) (*catalogue.Catalogue, *pgxpool.Pool) {
	t.Helper()
	pool := postgrestest.Open(t, catalogue.Seed)
	return load(t, pool), pool
}

func exec(t testing.TB, pool *pgxpool.Pool, sql string) {
	t.Helper()
	_, err := pool.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestASceneIsFoundHoweverItsIDsAreWritten(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	want, err := c.Scene("senior_management", "one_on_ones")
	require.NoError(t, err)
	require.Equal(t, "senior_management", want.Partner.ID)
	require.Equal(t, "one_on_ones", want.Situation.ID)
	for _, ids := range [][2]string{
		{"Senior_Management", "ONE_ON_ONES"},
		{"senior-management", "one-on-ones"},
		{"SENIOR-management", "One-On_Ones"},
		{" senior_management ", "one_on_ones\n"},
	} {
		got, err := c.Scene(ids[0], ids[1])
		require.NoError(t, err, ids)
		require.Equal(t, want, got, ids)
	}
}

func TestALanguageTagIsOneThatIsServed(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	for id, want := range map[string]string{"english": "en", "chinese_simplified": "zh-Hans", "chinese_traditional": "zh-Hant"} {
		tag, ok := c.LanguageTag(id)
		require.True(t, ok, id)
		require.Equal(t, want, tag)
	}
	for _, id := range []string{"french", "klingon", "", "en"} {
		_, ok := c.LanguageTag(id)
		require.False(t, ok, id)
	}
}

func TestASceneNeedsAPartnerAndASituation(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	for _, x := range []struct{ partner, situation, code, pointer string }{
		{"enemies", "meetings", "conversation.unknown_partner", "/partner_id"},
		{"", "meetings", "conversation.unknown_partner", "/partner_id"},
		{"senior management", "meetings", "conversation.unknown_partner", "/partner_id"},
		{"meetings", "clients", "conversation.unknown_partner", "/partner_id"},
		{"enemies", "battles", "conversation.unknown_partner", "/partner_id"},
		{"clients", "battles", "conversation.unknown_situation", "/situation_id"},
		{"clients", "", "conversation.unknown_situation", "/situation_id"},
		{"clients", "meeting", "conversation.unknown_situation", "/situation_id"},
	} {
		scene, err := c.Scene(x.partner, x.situation)
		f := fault.Find(err)
		require.NotNil(t, f, x)
		require.Equal(t, x.code, f.Code, x)
		require.Equal(t, fault.Unprocessable, f.Kind)
		require.Equal(t, x.pointer, f.Fields[0].Pointer)
		require.Zero(t, scene)
	}
}

func TestATextThatIsNotThereFallsBack(t *testing.T) {
	t.Parallel()
	text := catalogue.Text{"en": "Clients", "zh-Hans": "客户", "zh-Hant": ""}
	require.Equal(t, "Clients", text.In("en"))
	require.Equal(t, "客户", text.In("zh-Hans"))
	require.Equal(t, "客户", text.In("zh-Hant"), "the other script before English")
	require.Equal(t, "Clients", text.In("fr"))
	require.Equal(t, "Clients", text.In(""))
	require.Equal(t, "出纳", catalogue.Text{"zh-Hans": "出纳"}.In("en"), "a custom role has one language")
	require.Empty(t, catalogue.Text{}.In("en"))
}

func TestTheLanguageIsNegotiated(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                               "en",
		"en":                             "en",
		"en-GB":                          "en",
		"en-US,en;q=0.9":                 "en",
		"zh":                             "zh-Hans",
		"zh-CN":                          "zh-Hans",
		"zh-SG":                          "zh-Hans",
		"zh-Hans":                        "zh-Hans",
		"zh-Hans-CN":                     "zh-Hans",
		"ZH-cn":                          "zh-Hans",
		"zh-TW":                          "zh-Hant",
		"zh-HK":                          "zh-Hant",
		"zh-MO":                          "zh-Hant",
		"zh-Hant":                        "zh-Hant",
		"zh-Hant-TW":                     "zh-Hant",
		"fr":                             "en",
		"fr, zh-TW":                      "zh-Hant",
		"fr;q=1, zh-TW;q=0.5":            "zh-Hant",
		"fr, ja;q=0.9":                   "en",
		"*":                              "en",
		"zh-TW, *;q=0.1":                 "zh-Hant",
		"en;q=0.1, zh-CN;q=0.9":          "zh-Hans",
		"zh-TW;q=0.3, zh-CN;q=0.4":       "zh-Hans",
		"en;q=0, zh":                     "zh-Hans",
		"zh-CN;q=0":                      "en",
		"ja-JP-u-ca-japanese, zh;q=0.1":  "zh-Hans",
		"garbage in, garbage out; q=abc": "en",
		"zh-TW;q=much":                   "en",
		";;;":                            "en",
		"\x00\xff":                       "en",
		"x":                              "en",
		"toolongforasubtag":              "en",
	} {
		require.Equal(t, want, catalogue.Negotiate(header), "%q", header)
	}
}

func FuzzTheLanguageIsAlwaysOneThatIsServed(f *testing.F) {
	for _, seed := range []string{"", "zh-TW, en;q=0.5", "*;q=0", "a-b-c-d;q=1.5,,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		require.Contains(t, []string{"en", "zh-Hans", "zh-Hant"}, catalogue.Negotiate(header))
	})
}
