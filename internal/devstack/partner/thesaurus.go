package partner

import (
	_ "embed" // the two tables
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

//go:embed thesaurus.txt
var thesaurusTable string

//go:embed traditional.txt
var traditionalTable string

// typoLetters is the length from which a word may be a letter off and still be
// taken for one of the thesaurus: shorter words have too many neighbours.
const typoLetters = 6

// concept is a thing of working life that has several names.
type concept struct {
	fields []string // the trades it belongs to; empty: none
	weight int64    // percent; less for what is said in every trade
	terms  []string // as the table has them
}

// thesaurus knows which words mean the same in three scripts.
type thesaurus struct {
	*lexis
	concepts []concept
	words    *trie[string]
	chars    *trie[rune]
	typos    map[string]string // a word with a letter left out, to the whole word
}

func newThesaurus() *thesaurus {
	t := &thesaurus{lexis: newLexis(), words: &trie[string]{}, chars: &trie[rune]{}, typos: map[string]string{}}
	var group concept
	for line := range strings.Lines(thesaurusTable) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			group = parseHeading(line)
		default:
			c := group
			c.terms = strings.Split(line, ", ")
			t.add(c)
		}
	}
	return t
}

// parseHeading reads a line such as "[tax field=accounting+finance weight=80]".
// The table is part of the program, so that a wrong line is a defect of ours.
func parseHeading(line string) concept {
	c := concept{weight: 100}
	for _, word := range strings.Fields(strings.Trim(line, "[]")) {
		name, value, _ := strings.Cut(word, "=")
		switch {
		case name == "field" && value != "none":
			c.fields = strings.Split(value, "+")
		case name == "weight":
			weight, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				panic(fmt.Sprintf("thesaurus.txt: %s: %v", line, err))
			}
			c.weight = weight
		}
	}
	return c
}

// add enters a concept under each of its terms. A term of both scripts, which
// the table does not have, would be found by its words alone.
func (t *thesaurus) add(c concept) {
	n := len(t.concepts)
	t.concepts = append(t.concepts, c)
	for _, term := range c.terms {
		words, runs := t.cut(term)
		switch {
		case len(words) > 0:
			t.words.add(words, n)
			if len(words) == 1 {
				t.misspell(words[0])
			}
		case len(runs) == 1:
			t.chars.add(runs[0], n)
		}
	}
}

// misspell enters a word under each of its forms that lack a letter. Two words
// that share such a form are a letter apart, or have two changed places.
func (t *thesaurus) misspell(word string) {
	if len(word) < typoLetters {
		return
	}
	t.typos[word] = word
	for form := range lacking(word) {
		if _, taken := t.typos[form]; !taken {
			t.typos[form] = word
		}
	}
}

// lacking yields a word without each of its letters but the first, in which
// people are rarely wrong.
func lacking(word string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := 1; i < len(word); i++ {
			if !yield(word[:i] + word[i+1:]) {
				return
			}
		}
	}
}

// meant gives the word of the thesaurus that a misspelt one stands for.
func (t *thesaurus) meant(word string) (string, bool) {
	if len(word) < typoLetters-1 || t.words.next[word] != nil {
		return "", false
	}
	if whole, ok := t.typos[word]; ok {
		return whole, true
	}
	if len(word) < typoLetters {
		return "", false
	}
	for form := range lacking(word) {
		if whole, ok := t.typos[form]; ok {
			return whole, true
		}
	}
	return "", false
}

// isHan says whether a term is written in Chinese characters.
func isHan(term string) bool {
	return strings.IndexFunc(term, func(r rune) bool { return unicode.Is(unicode.Han, r) }) >= 0
}
