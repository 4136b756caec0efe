package learning_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/learning"
)

func TestGoodRemarksBreakNoRule(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "zh-Hans", "zh-Hant"} {
		f, wrong := learning.ReadRemarks(remarks(), language, aTalk())
		require.Empty(t, wrong)
		requireOwnWords(t, aTalk(), f)
	}
}

func TestEachBrokenRuleOfFeedbackIsNamed(t *testing.T) {
	t.Parallel()
	const copied = "must be copied word for word from one line of the learner, with whole words and nothing added or left out"
	for name, c := range map[string]struct {
		change func(object)
		wrong  string
	}{
		"no score":            {func(o object) { delete(o["scores"].(object), "accuracy") }, "scores.accuracy: must be 0 to 5"},
		"null":                {set(nil, "scores", "accuracy"), "scores.accuracy: must be 0 to 5"},
		"too low":             {set(-1, "scores", "accuracy"), "scores.accuracy: must be 0 to 5"},
		"too high":            {set(6, "scores", "overall_proficiency"), "scores.overall_proficiency: must be 0 to 5"},
		"half a point":        {set(2.5, "scores", "accuracy"), "scores: has the wrong type, a whole number is needed"},
		"another criterion":   {set(3, "scores", "charm"), "scores: must hold the members of the schema alone"},
		"no strengths":        {set([]any{}, "strengths"), "strengths: there must be 1 to 4, not 0"},
		"five strengths":      {grown("strengths", 5), "strengths: there must be 1 to 4, not 5"},
		"no suggestions":      {set([]any{}, "suggestions"), "suggestions: there must be 1 to 5, not 0"},
		"six suggestions":     {grown("suggestions", 6), "suggestions: there must be 1 to 5, not 6"},
		"no text":             {set(" ", "strengths", 0, "text"), "strengths[0].text: must not be empty"},
		"long text":           {set(strings.Repeat("长", 601), "suggestions", 0, "text"), "suggestions[0].text: must have 600 characters at most"},
		"direction":           {set("a\u202eb", "suggestions", 0, "text"), "suggestions[0].text: must not hold control characters or invisible ones"},
		"unknown criterion":   {set("charm", "suggestions", 0, "criterion"), "suggestions[0].criterion: must be one of overall_proficiency, industry_standard, range_of_language, accuracy, discourse_management, interactive_communication"},
		"no quote":            {set("", "suggestions", 0, "quote"), "suggestions[0].quote: " + copied},
		"the partner's words": {set("Then let us find a solution.", "suggestions", 0, "quote"), "suggestions[0].quote: " + copied},
		"praise of them":      {set("Of course.", "strengths", 0, "quote"), "strengths[0].quote: " + copied},
		"half a word":         {set("our customers can", "suggestions", 0, "quote"), "suggestions[0].quote: " + copied},
		"the end of a word":   {set("stand, but our", "suggestions", 0, "quote"), "suggestions[0].quote: " + copied},
		"another case":        {set("Good morning", "suggestions", 0, "quote"), "suggestions[0].quote: " + copied},
		"of two messages":     {set("the surcharge? I understand", "suggestions", 0, "quote"), "suggestions[0].quote: " + copied},
		"left out":            {set("they have prices", "suggestions", 0, "quote"), "suggestions[0].quote: " + copied},
		"corrected":           {set("Yes please.", "suggestions", 0, "quote"), "suggestions[0].quote: " + copied},
		"in marks":            {set(`"Yes, please."`, "suggestions", 0, "quote"), "suggestions[0].quote: " + copied},
		"long quote":          {set(strings.Repeat("x", 301), "suggestions", 0, "quote"), "suggestions[0].quote: must have 300 characters at most"},
		"nothing improved":    {set(" good  morning", "suggestions", 0, "improved"), "suggestions[0].improved: must differ from the quote, or be empty"},
		"long improvement":    {set(strings.Repeat("x", 601), "suggestions", 0, "improved"), "suggestions[0].improved: must have 600 characters at most"},
		"a list":              {set([]any{}, "scores"), "scores: has the wrong type, an object is needed"},
		"a message id":        {set("x", "suggestions", 0, "message_id"), "the answer is not one JSON object of the schema"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, wrong := learning.ReadRemarks(remarks(c.change), "en", aTalk())
			require.Contains(t, wrong, c.wrong)
		})
	}
}

func TestAQuoteMayDifferInSpaceAndUnicodeFormAlone(t *testing.T) {
	t.Parallel()
	lines := said("Hello.", "Cafe\u0301  au\u00a0lait\n\nfor Señor Wu, s'il vous plaît", "And?", "我们谈谈价格吧。", "Well?", strings.Repeat("x", 120))
	for quote, want := range map[string]string{
		"Café au lait":              "Café au lait",
		"Cafe\u0301\tau lait for":   "Café au lait for",
		"Sen\u0303or Wu":            "Señor Wu",
		"s'il vous plaît":           "s'il vous plaît",
		"谈谈价格":                      "谈谈价格",
		"吧。":                        "吧。",
		strings.Repeat("x", 60):     strings.Repeat("x", 60), // no word is that long
		"  au lait for Señor Wu,  ": "au lait for Señor Wu,",
	} {
		f, wrong := learning.ReadRemarks(remarks(set(quote, "suggestions", 0, "quote"), set("", "strengths", 0, "quote"), set("Wu", "suggestions", 1, "quote")), "en", lines)
		require.Empty(t, wrong, quote)
		require.Equal(t, want, f.Suggestions[0].Quote.Text)
		requireOwnWords(t, lines, f)
	}
	for _, quote := range []string{"Cafe au lait", "Senor", "plaît!", "价谈", "seño"} {
		_, wrong := learning.ReadRemarks(remarks(set(quote, "suggestions", 0, "quote")), "en", lines)
		require.NotEmpty(t, wrong, quote)
	}
}

func TestAQuoteIsOfTheFirstMessageThatHasIt(t *testing.T) {
	t.Parallel()
	lines := said("Can you?", "I cannot.", "You can?", "Yes, I can, and we can.", "Sure?", "I can")
	f, wrong := learning.ReadRemarks(remarks(set("can", "suggestions", 0, "quote"), set("can, and", "suggestions", 1, "quote"), set("I can", "strengths", 0, "quote")), "en", lines)
	require.Empty(t, wrong)
	for _, q := range []learning.Quote{f.Suggestions[0].Quote, f.Suggestions[1].Quote, *f.Strengths[0].Quote} {
		require.Equal(t, messageID(4), q.MessageID, "%q is no part of cannot", q.Text)
	}
}

func TestFeedbackInAnotherLanguageIsSeen(t *testing.T) {
	t.Parallel()
	answer := remarks(set("You gave a reason.", "strengths", 0, "text"), set("Say more.", "suggestions", 1, "text"))
	for language, want := range map[string][]string{
		"en":      nil,
		"zh-Hans": {"strengths[0].text: must be written in Simplified Chinese", "suggestions[1].text: must be written in Simplified Chinese"},
	} {
		_, wrong := learning.ReadRemarks(answer, language, aTalk())
		require.Equal(t, want, wrong)
	}
}

func FuzzRemarks(f *testing.F) {
	f.Add(remarks(), "good morning, can you help?")
	f.Add(remarks(set("ą\u0328 b", "suggestions", 0, "quote")), "a\u0328\u0328 b c")
	f.Add(`{"scores":{"accuracy":null}}`, "")
	f.Fuzz(func(t *testing.T, answer, text string) {
		lines := said("Hello.", strings.ToValidUTF8(text, ""))
		for _, language := range languages {
			if learning.Fold(lines[1].Text) == "" {
				continue // then nothing is written
			}
			byRules, wrong := learning.FeedbackByRules(learning.Background{Language: language}, lines)
			require.Empty(t, wrong)
			requireOwnWords(t, lines, byRules)
		}
		got, wrong := learning.ReadRemarks(answer, "en", lines)
		if len(wrong) == 0 {
			requireOwnWords(t, lines, got)
			require.Len(t, got.Scores, 6)
		}
	})
}
