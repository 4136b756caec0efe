package llm_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tiktoken-go/tokenizer/codec"

	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

func TestTokensAreThoseOfTheModelsVocabulary(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "a": 1, "four": 1, " negotiations": 1, "你好吗": 2, "OK, 你好": 4, "こんにちは": 1,
		"Good morning. Which rates do you have in mind?": 11, "<|endoftext|>": 7, "1234567": 3,
	} {
		require.Equal(t, want, llm.EstimateTokens(text), text)
	}
}

const (
	prose   = "Good morning, Mei. I'd like to talk about our rates for spring: they're 12% higher than last year's, aren't they?\n\n"
	chinese = "早上好。如果你有时间，我想谈谈我们春天的价格：它比去年高百分之十二，对吗？\n"
	german  = "Das Kühlhaus-Angebot (näher: die Lagergebühr) läuft am 31.12.2026 aus; über €1.500 würde ich GERNE sprechen… "
)

func TestALongTextCountsAsMuchAsInOnePiece(t *testing.T) {
	t.Parallel()
	all := codec.NewO200kBase()
	for _, text := range []string{strings.Repeat(prose, 100), strings.Repeat(chinese, 100), strings.Repeat(german+chinese+prose, 50)} {
		for shift := range 20 { // so that pieces end elsewhere
			text := strings.Repeat("x", shift) + " " + text
			want, err := all.Count(text)
			require.NoError(t, err)
			require.Equal(t, want, llm.EstimateTokens(text))
		}
	}
}

// hostile are texts that a tokenizer has a hard time with.
func hostile() map[string]string {
	return map[string]string{
		"one word": strings.Repeat("a", 8000), "one Chinese word": strings.Repeat("汉", 8000), "spaces": strings.Repeat(" ", 8000),
		"spaces and lines": strings.Repeat(" \n", 4000), "signs": strings.Repeat("!", 8000), "marks": strings.Repeat("\u0301", 8000),
		"capitals in turn": strings.Repeat("aB", 4000), "apostrophes": strings.Repeat("a'", 4000), "emoji": strings.Repeat("👩‍👩‍👧", 2000),
		"not UTF-8": strings.Repeat("\xff", 8000), "half characters": strings.Repeat("\x80", 8000), "without end": strings.Repeat(" \n", 1<<20),
	}
}

func TestNoTextTakesLong(t *testing.T) {
	t.Parallel()
	llm.EstimateTokens("the vocabulary is there")
	for name, text := range hostile() {
		begun := time.Now()
		tokens := llm.EstimateTokens(text)
		require.Less(t, time.Since(begun), 30*time.Second, name) // 30 ms where nothing else runs, seconds under the race detector; without pieces hours
		require.Positive(t, tokens, name)
		require.LessOrEqual(t, tokens, len(text), name)
	}
}

func TestTokensAreCountedByManyAtOnceFromTheFirstOn(t *testing.T) {
	t.Parallel()
	text := strings.Repeat(prose+chinese, 10)
	want := llm.EstimateTokens(text)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if got := llm.EstimateTokens(text); got != want {
					t.Errorf("%d tokens, not %d", got, want)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzTokensAreNeverMoreThanBytes(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text[:min(len(text), 2000)])
	}
	f.Add(prose + chinese + german)
	f.Fuzz(func(t *testing.T, text string) {
		if n := llm.EstimateTokens(text); n > len(text) || n == 0 && text != "" {
			t.Errorf("%q: %d tokens", text, n)
		}
	})
}

func BenchmarkEstimateTokens(b *testing.B) {
	for name, text := range map[string]string{
		"english_1KB": strings.Repeat(prose, 10)[:1000], "chinese_1KB": strings.Repeat(chinese, 20)[:999], "worst_8KB": hostile()["spaces and lines"],
		"worst_2MB": hostile()["without end"],
	} {
		b.Run(name, func(b *testing.B) {
			llm.EstimateTokens(text)
			b.ReportAllocs()
			for b.Loop() {
				llm.EstimateTokens(text)
			}
		})
	}
}
