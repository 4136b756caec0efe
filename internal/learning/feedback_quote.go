package learning

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxQuote is how many characters of a learner's are quoted at a time.
const maxQuote = 300

// fold writes a text in the one form in which texts are compared and quoted: white
// space is one space, and Unicode is composed (NFC).
func fold(text string) string { return norm.NFC.String(oneLine(text)) }

// excerpt gives the first most characters of a text, to the end of a word where that is
// near.
func excerpt(text string, most int) string {
	cut := len(upTo(text, most))
	for cut > 0 && splits(text, cut) {
		_, size := utf8.DecodeLastRuneInString(text[:cut])
		cut -= size
	}
	return strings.TrimSpace(text[:cut])
}

// find gives the first of the learner's lines that holds a quote word for word, and
// where it begins there. Half a word is none: "can" is not quoted of "cannot".
func find(lines []said, quote string) (line said, ok bool) {
	if quote == "" {
		return said{}, false
	}
	for _, l := range lines {
		if l.From != fromLearner {
			continue
		}
		for from := 0; ; {
			i := strings.Index(l.Text[from:], quote)
			if i < 0 {
				break
			}
			if at := from + i; !splits(l.Text, at) && !splits(l.Text, at+len(quote)) {
				return l, true
			}
			_, size := utf8.DecodeRuneInString(l.Text[from+i:])
			from += i + size
		}
	}
	return said{}, false
}

// maxWord is how long a word may be; a longer run of letters may be cut anywhere.
const maxWord = 50

// splits tells whether a place lies within a word of a script that has spaces between
// its words.
func splits(text string, at int) bool {
	before, after := 0, 0
	for rest := text[:at]; before <= maxWord; before++ {
		r, size := utf8.DecodeLastRuneInString(rest)
		if size == 0 || !spelled(r) {
			break
		}
		rest = rest[:len(rest)-size]
	}
	for _, r := range text[at:] {
		if after > maxWord || !spelled(r) {
			break
		}
		after++
	}
	return before > 0 && after > 0 && before+after <= maxWord
}

func spelled(r rune) bool {
	return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}
