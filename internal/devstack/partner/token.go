package partner

import (
	"unicode"
	"unicode/utf8"
)

// A long word is broken after tokenLetters, as vocabularies break words, but not
// so that fewer than tokenRest are left.
const (
	tokenLetters = 6
	tokenRest    = 3
)

// tokens cuts a text into pieces of the size a model speaks in: a word or a part
// of one, with the space before it; a mark of punctuation; a Chinese character.
// Joined again they are the text, byte for byte.
func tokens(text string) []string {
	var out []string
	start, letters := 0, 0
	prev := rune(0)
	for i, r := range text {
		if i > start && splits(prev, r, letters, text[i:]) {
			out = append(out, text[start:i])
			start, letters = i, 0
		}
		if isWord(r) {
			letters++
		}
		prev = r
	}
	if start < len(text) {
		out = append(out, text[start:])
	}
	return out
}

// splits says whether a token ends between prev and r, with which rest begins.
func splits(prev, r rune, letters int, rest string) bool {
	switch {
	case unicode.IsSpace(r):
		return !unicode.IsSpace(prev)
	case unicode.IsSpace(prev):
		return false // the space belongs to what follows
	case isWord(prev) && isWord(r):
		return unicode.Is(unicode.Han, r) || unicode.Is(unicode.Han, prev) || letters >= tokenLetters && longer(rest)
	default:
		return true
	}
}

// longer says whether a word goes on for at least tokenRest letters.
func longer(rest string) bool {
	n := 0
	for _, r := range rest {
		if !isWord(r) {
			return false
		}
		if n++; n == tokenRest {
			return true
		}
	}
	return false
}

// isWord counts bytes that are no UTF-8 as words: they stay together.
func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '\'' || r == utf8.RuneError
}
