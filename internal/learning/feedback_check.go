package learning

import (
	"fmt"
	"slices"
)

// The rules of feedback, beside those of its quotes.
const (
	maxScore       = 5
	maxStrengths   = 4
	maxSuggestions = 5
)

// remarks are the part of feedback that is written: by the model as its answer, or by
// the rules.
type remarks struct {
	Scores      map[string]*int `json:"scores"`
	Strengths   []praise        `json:"strengths"`
	Suggestions []advice        `json:"suggestions"`
}

type praise struct {
	Text  string `json:"text"`
	Quote string `json:"quote"` // empty: none
}

type advice struct {
	Criterion string `json:"criterion"`
	Text      string `json:"text"`
	Quote     string `json:"quote"`
	Improved  string `json:"improved"` // empty: none
}

// tidy writes all texts as those are written that they are compared with.
func (r *remarks) tidy() {
	for i := range r.Strengths {
		one := &r.Strengths[i]
		one.Text, one.Quote = fold(one.Text), fold(one.Quote)
	}
	for i := range r.Suggestions {
		one := &r.Suggestions[i]
		one.Text, one.Quote, one.Improved = fold(one.Text), fold(one.Quote), fold(one.Improved)
	}
}

// check names each rule that is broken.
func (r *remarks) check(language string, lines []said) violations {
	var v violations
	v.scores(r.Scores)
	v.count("strengths", len(r.Strengths), 1, maxStrengths)
	for i, s := range r.Strengths {
		at := fmt.Sprintf("strengths[%d]", i)
		v.text(at+".text", s.Text, maxText)
		v.language(at+".text", s.Text, language)
		if s.Quote != "" {
			v.quote(at+".quote", s.Quote, lines)
		}
	}
	v.count("suggestions", len(r.Suggestions), 1, maxSuggestions)
	for i, s := range r.Suggestions {
		at := fmt.Sprintf("suggestions[%d]", i)
		v.oneOf(at+".criterion", s.Criterion, criteria)
		v.text(at+".text", s.Text, maxText)
		v.language(at+".text", s.Text, language)
		v.quote(at+".quote", s.Quote, lines)
		v.improved(at+".improved", s)
	}
	return v
}

func (v *violations) scores(scores map[string]*int) {
	for _, name := range criteria {
		if n := scores[name]; n == nil || *n < 0 || *n > maxScore {
			v.add("scores.%s: must be 0 to %d", name, maxScore)
		}
	}
	for name := range scores {
		if !slices.Contains(criteria, name) {
			v.add("scores: must hold the members of the schema alone")
		}
	}
}

// language sees texts that are certainly in another one.
func (v *violations) language(at, text, language string) {
	if isChinese(language) && text != "" && !hasHan(text) {
		v.add("%s: must be written in %s", at, languageNames[language])
	}
}

// quote lets only the learner's own words pass.
func (v *violations) quote(at, quote string, lines []said) {
	if upTo(quote, maxQuote) != quote {
		v.add("%s: must have %d characters at most", at, maxQuote)
		return
	}
	if _, ok := find(lines, quote); !ok {
		v.add("%s: must be copied word for word from one line of the learner, with whole words and nothing added or left out", at)
	}
}

func (v *violations) improved(at string, s advice) {
	if s.Improved == "" {
		return
	}
	v.text(at, s.Improved, maxText)
	if s.Improved == s.Quote {
		v.add("%s: must differ from the quote, or be empty", at)
	}
}

// with puts what was written, and keeps the rules, into feedback.
func (r *remarks) with(f Feedback, lines []said) Feedback {
	f.Scores = make(map[string]int, len(r.Scores))
	for name, n := range r.Scores {
		f.Scores[name] = *n
	}
	for _, s := range r.Strengths {
		one := Strength{Text: s.Text}
		if line, ok := find(lines, s.Quote); ok {
			one.Quote = &Quote{Text: s.Quote, MessageID: line.id}
		}
		f.Strengths = append(f.Strengths, one)
	}
	for _, s := range r.Suggestions {
		line, _ := find(lines, s.Quote)
		f.Suggestions = append(f.Suggestions, Suggestion{
			Criterion: s.Criterion, Text: s.Text, Quote: Quote{Text: s.Quote, MessageID: line.id}, Improved: s.Improved,
		})
	}
	return f
}
