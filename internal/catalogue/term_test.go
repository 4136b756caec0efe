package catalogue_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
)

func TestATextIsCutIntoWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                               {},
		"Accountant":                     {"account"},
		"accounts, ACCOUNTANTS":          {"account"},
		"I am working every day with my": {},
		"F&B manager":                    {"fb", "manag"},
		"UI/UX designer":                 {"uiux", "ui", "ux", "design"},
		"B/L":                            {"bl"},
		"3PL":                            {"3pl"},
		"the guest's room":               {"guest", "room"},
		"e-commerce":                     {"ecommerce", "commerc"},
		"month-end":                      {"end"},
		"物流经理":                           {"物流", "流经", "经理"},
		"我是银行的柜员":                        {"银行", "柜员"},
		"海关":                             {"海关"},
		"HR经理":                           {"hr", "经理"},
		"ＡＰ ｃｌｅｒｋ":                       {"ap", "clerk"}, // full width
		"Ünlü café":                      {"ünlü", "café"},
		"--- ... &&& ///":                {},
		"a b c 1 2":                      {},
		strings.Repeat("x", 41):          {},
	} {
		got := catalogue.Terms(text)
		if len(want) == 0 {
			require.Empty(t, got, "%q", text)
			continue
		}
		require.Equal(t, want, got, "%q", text)
	}
}

func TestALongTextIsReadUpToABound(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for r := rune(0x4e00); r < 0x4e00+2000; r++ {
		text.WriteRune(r)
	}
	require.LessOrEqual(t, len(catalogue.Terms(text.String())), 2100)
	require.LessOrEqual(t, len(catalogue.Terms(strings.Repeat("word one two ab cd ef gh ", 4000))), 300)
}

func FuzzWordsAreBoundedAndValid(f *testing.F) {
	for _, seed := range []string{"Hotel concierge", "我是会计", "F&B/3PL-x'y", "\x00\xff", "ﬁnance №5 ㍿"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		seen := map[string]bool{}
		for _, w := range catalogue.Terms(text) {
			require.NotEmpty(t, w)
			require.False(t, seen[w], "each word once")
			require.LessOrEqual(t, utf8.RuneCountInString(w), 40)
			if utf8.ValidString(text) {
				require.True(t, utf8.ValidString(w))
			}
			seen[w] = true
		}
	})
}
