package learning

import (
	"bytes"
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// feedbackWording is what feedback_rules.yaml says in one language.
type feedbackWording struct {
	Asked, Polite, Full, Stayed string // strengths
	Form, More, Ask, Vary       string // suggestions
}

//go:embed feedback_rules.yaml
var feedbackRulesText []byte

// feedbackWordings are read once, as wordings are.
var feedbackWordings = sync.OnceValue(func() map[string]feedbackWording {
	var out map[string]feedbackWording
	dec := yaml.NewDecoder(bytes.NewReader(feedbackRulesText))
	dec.KnownFields(true)
	if err := dec.Decode(&out); err != nil {
		panic("read feedback_rules.yaml: " + err.Error())
	}
	return out
})

// Words that rules look for, in lower case.
var (
	politeWords  = set("please", "thank", "thanks", "could", "would", "may", "appreciate", "sorry", "kindly")
	linkingWords = set("because", "so", "but", "however", "therefore", "although", "first", "then", "also", "finally", "if", "while", "since")
)

// How much the rules take for a short line and for a whole thought, in words.
const (
	shortLine = 6
	fullLine  = 12
)

// maxExcerpt is how many characters the rules quote at a time.
const maxExcerpt = 200

// sentence is one of the learner's.
type sentence struct {
	whole string
	text  string // as it may be quoted, perhaps without its end
	words int
}

// byRules makes remarks without a model. They keep the rules of check.
func (m material) byRules(c Counts) remarks {
	w := feedbackWordings()[m.Language]
	fill := strings.NewReplacer("{messages}", strconv.Itoa(c.LearnerMessages), "{questions}", strconv.Itoa(c.Questions)).Replace
	e := evidenceOf(m)
	r := remarks{Scores: e.scores(c), Strengths: e.strengths(w), Suggestions: e.suggestions(w, c)}
	for i := range r.Strengths {
		r.Strengths[i].Text = fill(r.Strengths[i].Text)
	}
	r.tidy()
	return r
}

// strengths name up to three.
func (e evidence) strengths(w feedbackWording) []praise {
	var out []praise
	for _, one := range []struct {
		text  string
		shown *sentence
	}{{w.Asked, e.question}, {w.Polite, e.polite}, {w.Full, e.full}} {
		if one.shown != nil {
			out = append(out, praise{Text: one.text, Quote: one.shown.text})
		}
	}
	if len(out) == 0 {
		out = []praise{{Text: w.Stayed}}
	}
	return out
}

// suggestions name up to three, and always one.
func (e evidence) suggestions(w feedbackWording, c Counts) []advice {
	var out []advice
	if e.careless != nil {
		out = append(out, advice{Criterion: CriterionAccuracy, Text: w.Form, Quote: e.careless.text, Improved: recapitalised(e.careless.text)})
	}
	if e.short != nil {
		out = append(out, advice{Criterion: CriterionDiscourse, Text: w.More, Quote: e.short.text})
	}
	if c.Questions == 0 {
		out = append(out, advice{Criterion: CriterionInteractive, Text: w.Ask, Quote: e.newest.text})
	}
	if len(out) == 0 {
		out = append(out, advice{Criterion: CriterionRange, Text: w.Vary, Quote: e.longest.text})
	}
	return out
}

// sentences takes a line apart. None is empty, and all are in the line as they are.
func sentences(line string) []sentence {
	var out []sentence
	add := func(text string) {
		text = strings.TrimSpace(text)
		n := words(text)
		if short := excerpt(text, maxExcerpt); short != "" && (n > 0 || len(out) == 0) {
			out = append(out, sentence{text, short, n})
		}
	}
	from := 0
	for i, r := range line {
		end := i + utf8.RuneLen(r)
		wide := strings.ContainsRune("。！？", r)
		if wide || strings.ContainsRune(".!?", r) && (end == len(line) || line[end] == ' ') && !abbreviated(line[from:end]) {
			add(line[from:end])
			from = end
		}
	}
	add(line[from:])
	return out
}

// abbreviated tells the end of "e.g." and "5 p.m." from that of a sentence: one letter
// stands before the point.
func abbreviated(text string) bool {
	last := []rune(text[max(0, len(text)-9):])
	n := len(last)
	return n > 2 && last[n-1] == '.' && unicode.IsLetter(last[n-2]) && !unicode.IsLetter(last[n-3])
}

// recapitalised is a sentence with its capitals put right; empty: it cannot be shown.
func recapitalised(text string) string {
	if strings.ContainsFunc(text, unseen) {
		return ""
	}
	return capitals(text)
}

// capitals puts the capital letters of English into a sentence: the first one, and "I".
func capitals(text string) string {
	var out strings.Builder
	for i, word := range strings.Split(text, " ") {
		if i > 0 {
			out.WriteByte(' ')
		}
		if bare := strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '’' }); lone(bare) || i == 0 && bare != "" {
			at := strings.Index(word, bare)
			r, size := utf8.DecodeRuneInString(bare)
			word = word[:at] + string(unicode.ToUpper(r)) + bare[size:] + word[at+len(bare):]
		}
		out.WriteString(word)
	}
	return out.String()
}

// lone tells an "i" that stands for the speaker, also in "i'm".
func lone(word string) bool {
	return word == "i" || strings.HasPrefix(word, "i'") || strings.HasPrefix(word, "i’")
}

func set(words ...string) map[string]bool {
	out := make(map[string]bool, len(words))
	for _, w := range words {
		out[w] = true
	}
	return out
}
