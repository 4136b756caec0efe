package llm

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer/codec"
)

const (
	tokensPerMessage = 4 // role and separators around each message
	lettersPerToken  = 4 // of alphabetic text; OpenAI's own rule of thumb for English

	// maxCounted bounds the work for one text, in bytes: about 7 ms for prose, at worst 40 ms.
	maxCounted = 32 << 10
	// pieceBytes is how much is given to the tokenizer at once: its patterns take
	// quadratic time on some texts, such as spaces and line breaks in turn.
	pieceBytes = 256
)

// vocabulary is o200k_base, that of OpenAI's models since GPT-4o. It takes 60 ms and 7 MiB,
// so that it is made when first needed. Safe for concurrent use.
var vocabulary = sync.OnceValue(codec.NewO200kBase)

// EstimateTokens counts the tokens of a text in the vocabulary o200k_base: exactly for
// OpenAI's models since GPT-4o, nearly so for most others. It is never more than the text
// has bytes. What lies beyond 32 KiB is guessed by rule, and a row of more than 256 bytes of
// letters or signs without a break may count a token more for each 256 bytes. It is for
// windows, budgets and replies whose provider did not count, never for billing.
func EstimateTokens(text string) int {
	tokens := 0
	if len(text) > maxCounted {
		at := whole(text, maxCounted)
		tokens, text = guess(text[at:]), text[:at]
	}
	for text != "" {
		at := pieceOf(text)
		n, err := vocabulary().Count(text[:at])
		if err != nil {
			n = guess(text[:at])
		}
		tokens, text = tokens+n, text[at:]
	}
	return tokens
}

// pieceOf gives how long the next piece of a text is: to the end of the last word in it,
// where a token ends whatever follows; in a text that has none, as long as allowed.
func pieceOf(text string) int {
	if len(text) <= pieceBytes {
		return len(text)
	}
	next, _ := utf8.DecodeRuneInString(text[whole(text, pieceBytes):])
	for at := whole(text, pieceBytes); at > 0; {
		previous, size := utf8.DecodeLastRuneInString(text[:at])
		if unicode.IsLetter(previous) && !unicode.IsLetter(next) && !unicode.IsMark(next) && next != '\'' {
			return at
		}
		next, at = previous, at-size
	}
	return whole(text, pieceBytes)
}

// whole gives the last place up to at where a character begins.
func whole(text string, at int) int {
	for back := range utf8.UTFMax {
		if utf8.RuneStart(text[at-back]) {
			return at - back
		}
	}
	return at // of a text that is not UTF-8
}

// guess does without a vocabulary: a token for each Chinese, Japanese or Korean character,
// and one for every four other characters.
func guess(text string) int {
	wide, narrow := 0, 0
	for _, r := range text {
		if r >= utf8.RuneSelf && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) {
			wide++
			continue
		}
		narrow++
	}
	return wide + (narrow+lettersPerToken-1)/lettersPerToken
}

// EstimateUsage counts a whole call that the provider did not count; without messages, what
// it answered alone.
func EstimateUsage(messages []Message, text string) Usage {
	u := Usage{Completion: EstimateTokens(text), Estimated: true}
	for _, m := range messages {
		u.Prompt += EstimateTokens(m.Content) + tokensPerMessage
	}
	return u
}
