package partner

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexis cuts a text into what the thesaurus and the embeddings count.
type lexis struct {
	simplified map[rune]rune       // by the Traditional character
	stops      map[string]struct{} // words that carry no meaning of their own
	articles   map[string]struct{} // words that phrases are found across
}

func newLexis() *lexis {
	l := &lexis{simplified: map[rune]rune{}, stops: wordSet(stopWords), articles: wordSet(articleWords)}
	for line := range strings.Lines(traditionalTable) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, pair := range strings.Fields(line) {
			from, size := utf8.DecodeRuneInString(pair)
			l.simplified[from], _ = utf8.DecodeRuneInString(pair[size:])
		}
	}
	return l
}

func wordSet(words string) map[string]struct{} {
	set := map[string]struct{}{}
	for _, w := range strings.Fields(words) {
		set[w] = struct{}{}
	}
	return set
}

// cut gives the words of a text by their stems, without articles, and each run
// of Chinese characters in their Simplified form.
func (l *lexis) cut(text string) (words []string, runs [][]rune) {
	scan(text, func(w string) {
		if stem := l.word(w); stem != "" {
			words = append(words, stem)
		}
	}, func(run []rune) {
		runs = append(runs, l.simplify(run))
	})
	return words, runs
}

// scan hands over each word of a text and each run of Chinese characters, as
// they are written.
func scan(text string, word func(string), han func([]rune)) {
	runes := []rune(text)
	for i := 0; i < len(runes); {
		start := i
		switch {
		case unicode.Is(unicode.Han, runes[i]):
			for i < len(runes) && unicode.Is(unicode.Han, runes[i]) {
				i++
			}
			han(runes[start:i])
		case wordRune(runes[i]):
			i = wordEnd(runes, i)
			word(string(runes[start:i]))
		default:
			i++
		}
	}
}

func (l *lexis) simplify(run []rune) []rune {
	out := make([]rune, len(run))
	for i, r := range run {
		if s, ok := l.simplified[r]; ok {
			r = s
		}
		out[i] = r
	}
	return out
}

func wordRune(r rune) bool {
	return unicode.IsLetter(r) && !unicode.Is(unicode.Han, r) || unicode.IsDigit(r)
}

// wordEnd finds the end of a word: "guest's" is one, and so are F&B and B/L, in
// which a mark joins what follows to a single letter.
func wordEnd(runes []rune, start int) int {
	i := start
	for i < len(runes) {
		joins := i+1 < len(runes) && i > start && wordRune(runes[i+1]) &&
			(runes[i] == '\'' || runes[i] == '’' || i == start+1 && (runes[i] == '&' || runes[i] == '/'))
		if !wordRune(runes[i]) && !joins {
			break
		}
		i++
	}
	return i
}

// word gives the stem of a word, or nothing for an article and a number. A word
// in capitals that would be lost in small ones, such as IT, keeps them.
func (l *lexis) word(w string) string {
	low := strings.ToLower(strings.ReplaceAll(w, "’", "'"))
	if _, stop := l.stops[low]; stop && len(w) > 1 && strings.ToUpper(w) == w {
		return w
	}
	if _, article := l.articles[low]; article || strings.IndexFunc(low, unicode.IsLetter) < 0 {
		return ""
	}
	return stem(low)
}

func (l *lexis) stop(stem string) bool {
	_, ok := l.stops[stem]
	return ok
}

// stem takes the commonest endings of English words off, lightly: book, books,
// booked and booking become one, a booker stays another.
func stem(w string) string {
	w = strings.TrimSuffix(w, "'s")
	if len(w) < 4 || w[len(w)-1] >= utf8.RuneSelf {
		return w
	}
	w = singular(w)
	for _, ending := range []string{"ing", "ed"} {
		if root, ok := strings.CutSuffix(w, ending); ok && len(root) >= 3 && strings.ContainsAny(root, "aeiouy") {
			w = root
			if n := len(w); n > 3 && w[n-1] == w[n-2] && !strings.ContainsRune("lsz", rune(w[n-1])) {
				w = w[:n-1] // shipping, ship
			}
			break
		}
	}
	if len(w) > 4 {
		w = strings.TrimSuffix(w, "e") // manage, managing
	}
	if len(w) > 3 && strings.HasSuffix(w, "y") {
		w = w[:len(w)-1] + "i" // company, companies
	}
	return w
}

func singular(w string) string {
	switch {
	case strings.HasSuffix(w, "ies") && len(w) > 4:
		return w[:len(w)-3] + "y"
	case strings.HasSuffix(w, "sses"), strings.HasSuffix(w, "xes"), strings.HasSuffix(w, "ches"), strings.HasSuffix(w, "shes"):
		return w[:len(w)-2]
	case strings.HasSuffix(w, "ss"), strings.HasSuffix(w, "us"), strings.HasSuffix(w, "is"):
		return w
	default:
		return strings.TrimSuffix(w, "s")
	}
}

// articleWords stand between the words of a phrase without changing it.
const articleWords = `a an the my our your his her its their this that these those some any all every each`

// stopWords are stems or words as they are written.
const stopWords = articleWords + ` i me we us you he him she it they them who whom which what where when why how
is am are was were be been being have has had having do does did doing will would shall should can could may might must
and or but nor so if then than as at by for from in into of off on onto out over to up with within without about above
after again against before below between both down during few further here more most no not only other own same such too
very s t just don now there also there's i'm it's we're they're i've we've etc eg ie via per pm am ar let re ll ve
mainly mostly usually often always sometimes like well much lot lots thing things kind sort`
