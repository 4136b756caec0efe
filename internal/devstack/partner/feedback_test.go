package partner_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

const talkSchema = `{"type":"object","properties":{"scores":{"type":"object","properties":{}}},"required":["scores"]}`

// feedbackAnswer is what feedback is made of.
type feedbackAnswer struct {
	Scores      map[string]int
	Strengths   []struct{ Text, Quote string }
	Suggestions []struct{ Criterion, Text, Quote, Improved string }
}

func feedbackOn(t *testing.T, b *bundle, language string, lines ...string) (f feedbackAnswer) {
	t.Helper()
	data := map[string]any{"language": language, "lines": []map[string]string{{"from": "partner", "text": "Good morning."}}}
	for _, line := range lines {
		data["lines"] = append(data["lines"].([]map[string]string), map[string]string{"from": "learner", "text": line}, map[string]string{"from": "partner", "text": "I see. And then?"})
	}
	text, err := json.Marshal(data)
	require.NoError(t, err)
	answer := answerAs(t, b, asked("conversation_feedback", talkSchema), string(text))
	require.Equal(t, answer, answerAs(t, b, asked("conversation_feedback", talkSchema), string(text)))
	dec := json.NewDecoder(strings.NewReader(answer))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&f))
	require.Len(t, f.Scores, 6)
	for name, n := range f.Scores {
		require.GreaterOrEqual(t, n, 0, name)
		require.LessOrEqual(t, n, 5, name)
	}
	return f
}

func TestFeedbackQuotesTheLearnerAlone(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	lines := []string{"hello there. I need 2.5 tons by Friday!", "Could you tell me the price?", strings.Repeat("and so on ", 60)}
	f := feedbackOn(t, b, "en", lines...)
	require.Equal(t, "hello there", f.Suggestions[0].Quote)
	require.Equal(t, "Hello there.", f.Suggestions[0].Improved)
	require.NotEmpty(t, f.Suggestions[0].Text)
	quotes := []string{f.Strengths[0].Quote, f.Suggestions[0].Quote, f.Suggestions[1].Quote}
	for _, quote := range quotes {
		require.NotEmpty(t, quote)
		require.LessOrEqual(t, utf8.RuneCountInString(quote), 200)
		found := false
		for _, line := range lines {
			found = found || strings.Contains(line+" ", quote+" ") || strings.Contains(line, quote+".")
		}
		require.True(t, found, quote)
	}
	require.Greater(t, f.Scores["accuracy"], feedbackOn(t, b, "en", "Hello.").Scores["accuracy"], "who says more gets more")
}

func TestFeedbackIsInTheLanguageOfTheLearner(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	texts := map[string]bool{}
	for language, letters := range map[string]string{"en": "[a-z]{4}", "zh-Hans": "对方", "zh-Hant": "對"} {
		f := feedbackOn(t, b, language, "Hello.", "我们谈谈价格吧。")
		for _, s := range f.Strengths {
			require.Regexp(t, letters, s.Text)
		}
		texts[f.Suggestions[0].Text] = true
		require.Equal(t, "我们谈谈价格吧", f.Suggestions[1].Quote)
	}
	require.Len(t, texts, 3)
}

func TestOfNothingSaidNothingIsQuoted(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	require.Empty(t, feedbackOn(t, b, "en").Suggestions)
	require.JSONEq(t, `{"scores":{}}`, answerAs(t, b, asked("conversation_feedback", talkSchema), "no data"))
}
