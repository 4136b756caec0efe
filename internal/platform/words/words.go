// Package words cuts text into the words by which it is searched.
//
// What is to be found is cut by Of, what somebody asks for by Asked; a text holds what was
// asked when it has all of those words. Both promise the same words for the same text on
// every machine, each once, in the order of the text, without spaces in them; no sign of
// a text has a meaning of its own. The rules:
//
//   - Case, width and accents do not count: text is taken in NFKC with case folded, and
//     Latin letters lose their marks, so that "resume" finds "Résumé".
//   - English is stemmed (Snowball): "negotiating" finds "negotiated". Words of other
//     languages pass through the same stemmer, on both sides, which does no harm.
//   - Numbers are words, with their decimals and without the commas of their thousands:
//     1,200.50 is 1200.50. Letters and digits side by side, as in 40ft, are one word.
//   - Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese, which have no spaces or
//     join much to a word, are cut into pairs of neighbouring characters, and single
//     characters. Who asks for several in a row asks for their pairs, so that 物流 finds
//     我是物流经理, and 物 does too.
//   - All else parts words. Emoji and punctuation are none.
//
// Its limits: the order of words counts only within pairs, and there are no synonyms.
// Changing these rules makes text that is indexed already hard to find.
package words

import (
	"iter"
	"strings"
	"unicode"

	"github.com/kljensen/snowball/english"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Bounds.
const (
	MaxOf    = 2000 // words of one text; what comes later is not found
	MaxAsked = 20   // words that one asks for; what comes later does not count

	maxSize = 64 // characters of a word; the rest of it does not count
)

// Of gives the words of a text by which it can be found, MaxOf at most.
func Of(text string) []string {
	found, stemmed := newSet(MaxOf), map[string]bool{} // stemming costs more than looking up
	for run, unspaced := range runs(text) {
		switch {
		case found.full():
			return found.list
		case unspaced:
			for _, r := range run {
				found.add(string(r))
			}
			found.addPairs(run)
		case !stemmed[string(run)]:
			stemmed[string(run)] = true
			found.add(stem(run))
		}
	}
	return found.list
}

// Asked gives the words that somebody asks for, MaxAsked at most. Words such as "the" and
// "of" count only where there are no others.
func Asked(query string) []string {
	asked, small := newSet(MaxAsked), newSet(MaxAsked)
	for run, unspaced := range runs(query) {
		switch {
		case unspaced && len(run) == 1:
			asked.add(string(run))
		case unspaced:
			asked.addPairs(run)
		case english.IsStopWord(string(run)):
			small.add(stem(run))
		default:
			asked.add(stem(run))
		}
	}
	if len(asked.list) == 0 {
		return small.list
	}
	return asked.list
}

// set is a list in which each word stands once.
type set struct {
	list []string
	has  map[string]bool
	most int
}

func newSet(most int) *set { return &set{has: map[string]bool{}, most: most} }

func (s *set) full() bool { return len(s.list) >= s.most }

func (s *set) add(word string) {
	if word == "" || s.full() || s.has[word] {
		return
	}
	s.has[word] = true
	s.list = append(s.list, word)
}

func (s *set) addPairs(run []rune) {
	for i := 0; i+1 < len(run); i++ {
		s.add(string(run[i : i+2]))
	}
}

// runs gives the parts of a text between its gaps, and whether each is of a script that
// does without spaces. A run is good until the next.
func runs(text string) iter.Seq2[[]rune, bool] {
	// Folding may take composed characters apart, so they are composed once more.
	all := []rune(norm.NFKC.String(cases.Fold().String(norm.NFKC.String(text))))
	return func(yield func([]rune, bool) bool) {
		run, unspaced := []rune{}, false
		for i, r := range all {
			kind := kindOf(r)
			switch {
			case kind == ignored || kind == mark && len(run) == 0 || kind == gap && groups(all, i):
				continue
			case kind == mark || kind == gap && parts(all, i):
				run = append(run, r)
				continue
			}
			if len(run) > 0 && (kind == gap || unspaced != (kind == character)) {
				if !yield(run, unspaced) {
					return
				}
				run = run[:0]
			}
			if kind != gap {
				run, unspaced = append(run, r), kind == character
			}
		}
		if len(run) > 0 {
			yield(run, unspaced)
		}
	}
}

// What a character is to a word.
type kind int

const (
	gap       kind = iota // ends it
	letter                // or a digit
	character             // of a script that does without spaces
	mark                  // belongs to what it stands on
	ignored               // as if it were not there
)

// unspacedScripts do without spaces between words, or join particles to them.
var unspacedScripts = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
}

const (
	longVowel      = 'ー'      // of Japanese, in no script by itself
	zeroWidthSpace = '\u200b' // parts words, unlike other characters that are not seen
	graphemeJoiner = '\u034f'
)

func kindOf(r rune) kind {
	switch {
	case r < unicode.MaxASCII:
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return letter
		}
		return gap
	case r == zeroWidthSpace:
		return gap
	case r == graphemeJoiner || unicode.In(r, unicode.Cf, unicode.Variation_Selector):
		return ignored
	case unicode.IsMark(r) && !unicode.In(r, unspacedScripts...):
		return mark
	case !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r):
		return gap
	case r == longVowel || unicode.In(r, unspacedScripts...):
		return character
	}
	return letter
}

// parts reports whether a gap is the point of a number.
func parts(all []rune, i int) bool { return all[i] == '.' && digit(all, i-1) && digit(all, i+1) }

// groups reports whether a gap is a comma between the thousands of a number.
func groups(all []rune, i int) bool {
	return all[i] == ',' && digit(all, i-1) && digit(all, i+1) && digit(all, i+2) && digit(all, i+3) && !digit(all, i+4)
}

func digit(all []rune, i int) bool { return i >= 0 && i < len(all) && unicode.IsDigit(all[i]) }

// stem gives the word of a run of letters and digits.
func stem(run []rune) string {
	word := string(run)
	if !ascii(word) {
		word = bare(word)
	}
	if runes := []rune(word); len(runes) > maxSize {
		word = string(runes[:maxSize])
	}
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
		return word
	}
	return english.Stem(word, true)
}

func ascii(word string) bool {
	for i := range len(word) {
		if word[i] > unicode.MaxASCII {
			return false
		}
	}
	return true
}

// bare takes the marks off Latin letters; to others they mean more.
func bare(word string) string {
	var out strings.Builder
	latin := false
	for _, r := range norm.NFD.String(word) {
		isMark := unicode.IsMark(r)
		if isMark && latin {
			continue
		}
		if !isMark {
			latin = unicode.Is(unicode.Latin, r)
		}
		out.WriteRune(r)
	}
	return norm.NFC.String(out.String())
}
