package words_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/words"
)

// finds reports whether a text has all the words that are asked for.
func finds(query, text string) bool {
	asked, has := words.Asked(query), map[string]bool{}
	for _, w := range words.Of(text) {
		has[w] = true
	}
	for _, w := range asked {
		if !has[w] {
			return false
		}
	}
	return len(asked) > 0
}

func TestTextIsFoundByItsWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, text string }{
		{"negotiating", "We negotiated for hours."},
		{"RATE", "Container rates for spring"},
		{"container  spring", "Container rates for spring"},
		{"the rates", "Container rates"},
		{"how are you", "How are you?"},
		{"supplier", "The supplier’s offer"},
		{"supplier's", "All suppliers offer the same, the supplier's offer is best"},
		{"resume", "Send me your Résumé, please"},
		{"RÉSUMÉ", "my resumes"},
		{"strasse", "Lange Straße 5"},
		{"zurich", "ZÜRICH"},
		{"ｆｏｂ", "the FOB price"},
		{"1200", "It is $1,200 a box"},
		{"1,200", "1200 boxes"},
		{"1,234,567", "1234567"},
		{"3.5%", "up by 3.5 percent"},
		{"2", "1,2,3"},
		{"40ft", "two 40FT containers"},
		{"con\u00adtainer", "container"},
		{"container", "con\u00adtainer"},
		{"物流", "我是物流经理"},
		{"物流经理", "我是物流经理。"},
		{"物", "我是物流经理"},
		{"价格", "FOB价格是多少？"},
		{"fob价格", "请问FOB价格"},
		{"價格", "我們的價格"},
		{"東京", "東京タワーで会いましょう"},
		{"タワー", "東京ﾀﾜｰで"},
		{"서울", "서울에서 만나요"},
		{"ราคา", "ขอราคาด้วย"},
		{"договор", "Договор подписан"},
		{"й", "й"},
	} {
		require.True(t, finds(c.query, c.text), "%q in %q: %q in %q", c.query, c.text, words.Asked(c.query), words.Of(c.text))
	}
	for _, c := range []struct{ query, text string }{
		{"rates autumn", "Container rates for spring"},
		{"物价", "物流价格"},
		{"流物", "我是物流经理"},
		{"が", "か"},
		{"35", "3.5"},
		{"123", "1,2,3"},
		{"200", "1,200"},
		{"", "text"},
		{"!?& | <-> :*", "text & more"},
		{"👍", "👍"},
		{"wordtwo", "word\u200btwo"},
	} {
		require.False(t, finds(c.query, c.text), "%q in %q", c.query, c.text)
	}
}

func TestWordsStandOnceInTheirOrder(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"the", "rate", "and", "price", "fob", "价", "格", "价格"}, words.Of("The rates, the RATE and prices: FOB价格!"))
	require.Equal(t, []string{"rate", "price", "价格"}, words.Asked("the rates of the rate and prices 价格"))
	require.Empty(t, words.Of(" \n"))
}

func TestMuchTextHasBounds(t *testing.T) {
	t.Parallel()
	var text, query strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, "word%d ", i)
	}
	for i := range 30 {
		fmt.Fprintf(&query, "w%d ", i)
	}
	require.Len(t, words.Of(text.String()), words.MaxOf)
	require.Len(t, words.Asked(query.String()), words.MaxAsked)
	long := strings.Repeat("ab", 100)
	require.Equal(t, []string{long[:64]}, words.Of(long+"1"))
	require.True(t, finds(long, long+"1"), "the end of an endless word does not count")
}

func FuzzWhatIsCutIsFoundByItself(f *testing.F) {
	for _, seed := range []string{"The supplier’s 1,200.50 é 物流经理 ﾀﾜｰ", `a & b | !c :* <-> \ ' "`, "\xff\u0301x", "ﷺ", "İıſß", strings.Repeat("\u0301", 40)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		of := words.Of(text)
		require.LessOrEqual(t, len(of), words.MaxOf)
		seen := map[string]bool{}
		for _, w := range of {
			require.NotEmpty(t, w)
			require.True(t, utf8.ValidString(w))
			require.LessOrEqual(t, utf8.RuneCountInString(w), 64)
			require.False(t, strings.ContainsFunc(w, unicode.IsSpace), "%q", w)
			require.False(t, seen[w], "%q is there twice", w)
			seen[w] = true
		}
		require.Equal(t, of, words.Of(text))
		if len(of) < words.MaxOf {
			for _, w := range words.Asked(text) {
				require.True(t, seen[w], "%q of %q is not among %q", w, text, of)
			}
		}
	})
}

func BenchmarkOf(b *testing.B) {
	text := strings.Repeat("We can offer you forty containers at 1,200 dollars each until the end of May. ", 4)
	for b.Loop() {
		words.Of(text)
	}
}
