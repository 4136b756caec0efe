package catalogue

import (
	"strings"
	"unicode"

	"github.com/kljensen/snowball/english"
	"golang.org/x/text/unicode/norm"
)

// term is a word as it is searched for, and as it was written.
type term struct {
	text    string // lower case and stemmed; of Chinese two characters
	surface string
}

const (
	maxTerms    = 300 // of one text; what comes later is not looked at
	maxTermSize = 40  // characters
)

// terms gives the words of a text that may tell one job from another, each once, in
// their order. English is stemmed (Snowball) and freed of words that say nothing;
// Chinese, which has no spaces, is cut into pairs of neighbouring characters.
// Letters that belong together, as in F&B or B/L, are one word.
func terms(text string) []term {
	s := splitter{seen: map[string]bool{}}
	word := []rune{}
	han := false
	flush := func() {
		if len(word) > 0 && len(s.terms) < maxTerms {
			if han {
				s.chinese(word)
			} else {
				s.latin(string(word))
			}
		}
		word = word[:0]
	}
	for _, r := range strings.ToLower(norm.NFKC.String(text)) {
		isHan := unicode.In(r, unicode.Han)
		switch {
		case isHan && !silent(r):
			if !han {
				flush()
			}
			han = true
			word = append(word, r)
		case !isHan && (unicode.IsLetter(r) || unicode.IsDigit(r) || len(word) > 0 && !han && joins(r)):
			if han {
				flush()
			}
			han = false
			word = append(word, r)
		default:
			flush()
		}
	}
	flush()
	return s.terms
}

// joins says whether a sign may stand within a word, as in F&B, UI/UX, e-commerce.
func joins(r rune) bool { return strings.ContainsRune("&/-.'’", r) }

// silent are Chinese characters between words that say nothing by themselves.
func silent(r rune) bool {
	return strings.ContainsRune("我你他她它们們的是了和与與及也把被就都很这這那为為给給跟", r)
}

// splitter collects the words of one text.
type splitter struct {
	terms []term
	seen  map[string]bool
}

func (s *splitter) add(text, surface string) {
	if text == "" || len([]rune(text)) > maxTermSize || s.seen[text] {
		return
	}
	s.seen[text] = true
	s.terms = append(s.terms, term{text, surface})
}

func (s *splitter) chinese(run []rune) {
	if len(run) == 1 {
		s.add(string(run), string(run))
	}
	for i := 0; i+1 < len(run); i++ {
		pair := string(run[i : i+2])
		s.add(pair, pair)
	}
}

// latin takes a word that may be joined by signs: its parts, and if they are
// letters of an abbreviation, all of it.
func (s *splitter) latin(word string) {
	word = strings.TrimRight(word, "&/-.'’")
	parts := strings.FieldsFunc(word, joins)
	if len(parts) > 1 && !strings.ContainsAny(word, "'’") {
		if joined := strings.Join(parts, ""); len(joined) <= 5 || shortest(parts) == 1 {
			s.add(joined, word)
		}
	}
	for _, part := range parts {
		if len(part) > 1 && !english.IsStopWord(part) && !generic[part] {
			s.add(english.Stem(part, true), part)
		}
	}
}

func shortest(parts []string) int {
	n := len(parts[0])
	for _, p := range parts {
		n = min(n, len(p))
	}
	return n
}

// generic are words with which people tell of any job. It does not change.
var generic = wordSet(`able also always am anything based boss call called company companies day daily days do does
	doing done dont english etc every everyday everything firm get gets getting give gives go going good got great help helps helping ill im
	ive job jobs just lot lots main mainly make makes making many month monthly much need needs new often one ok other our people person
	please really responsible sometimes something start take takes taking thing things time times together
	two use used using usually various want wants week weekly well work worked worker working works year years yes`)

func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}

// texts gives the words alone.
func texts(of []term) []string {
	all := make([]string, len(of))
	for i, t := range of {
		all[i] = t.text
	}
	return all
}
