package llm

import "unicode"

const (
	lettersPerToken  = 4 // of alphabetic text; OpenAI's own rule of thumb for English
	tokensPerMessage = 4 // role and separators around each message
)

// EstimateTokens guesses how many tokens a text is, without the model's own
// vocabulary: a token for each Chinese, Japanese or Korean character, and one
// for every four other characters. English prose comes within about a fifth of
// the true count; figures and code are underestimated. It is for budgets and for
// replies whose provider did not count, never for billing.
func EstimateTokens(text string) int {
	wide, narrow := 0, 0
	for _, r := range text {
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) {
			wide++
			continue
		}
		narrow++
	}
	return wide + (narrow+lettersPerToken-1)/lettersPerToken
}

// estimate counts a whole call that the provider did not count.
func estimate(messages []Message, text string) Usage {
	u := Usage{Completion: EstimateTokens(text), Estimated: true}
	for _, m := range messages {
		u.Prompt += EstimateTokens(m.Content) + tokensPerMessage
	}
	return u
}
