package learning

import (
	"strings"
	"unicode/utf8"
)

// evidence is what the rules see in the lines that are looked at: sentences that show
// something (nil: none does) and what can be counted.
type evidence struct {
	question, polite, full *sentence // good
	careless, short        *sentence // could be better
	newest, longest        *sentence // always there

	sentences int
	careful   int             // sentences whose capitals are right
	linked    bool            // something is linked to something
	words     map[string]bool // different ones
	trade     map[string]bool // different ones of the learner's role
	tradeSaid int             // how many of those were said
}

// evidenceOf looks at the learner's lines, of which there is one at least.
func evidenceOf(m material) evidence {
	e := evidence{words: map[string]bool{}, trade: m.trade()}
	for _, l := range m.Lines {
		if l.From != fromLearner {
			continue
		}
		all := sentences(l.Text)
		for _, s := range all {
			e.see(s)
		}
		if len(all) == 1 && all[0].words < shortLine && e.short == nil {
			e.short = &all[0]
		}
	}
	for w := range e.trade {
		if e.words[w] {
			e.tradeSaid++
		}
	}
	return e
}

// see looks at one sentence. Of good ones the first of its kind is kept.
func (e *evidence) see(s sentence) {
	keep := func(into **sentence, when bool) {
		if when && *into == nil {
			*into = &s
		}
	}
	polite := false
	eachWord(s.whole, func(word string) {
		word = strings.ToLower(word)
		e.words[word] = true
		polite = polite || politeWords[word]
		e.linked = e.linked || linkingWords[word]
	})
	e.sentences++
	careless := capitals(s.text) != s.text
	if !careless {
		e.careful++
	}
	e.newest = &s
	if e.longest == nil || s.words > e.longest.words {
		e.longest = &s
	}
	keep(&e.question, questions(s.text) > 0)
	keep(&e.polite, polite)
	keep(&e.full, s.words >= fullLine)
	keep(&e.careless, careless)
}

// minTrade is how long a word of a trade is, so that "and" is none.
const minTrade = 4

// trade are the words of the learner's role and industry, in lower case.
func (m material) trade() map[string]bool {
	out := map[string]bool{}
	eachWord(fold(m.Role.Title+" "+m.Role.Description+" "+m.Industry), func(word string) {
		if utf8.RuneCountInString(word) >= minTrade {
			out[strings.ToLower(word)] = true
		}
	})
	return out
}

// scores estimates. Nobody who said something gets 0, and nobody is judged by what
// cannot be counted.
func (e evidence) scores(c Counts) map[string]*int {
	scores := map[string]int{
		CriterionRange:       level(len(e.words), 15, 40, 80, 150),
		CriterionAccuracy:    max(1, (2*maxScore*e.careful+e.sentences)/(2*e.sentences)),
		CriterionDiscourse:   min(maxScore, level(int(c.PerMessage()), 4, 8, 14, 20)+one(e.linked)),
		CriterionInteractive: min(maxScore, 1+min(2, c.Questions)+one(e.polite != nil)+one(c.LearnerMessages >= 5)),
	}
	scores[CriterionIndustry] = scores[CriterionRange]
	if len(e.trade) > 0 {
		scores[CriterionIndustry] = level(e.tradeSaid, 1, 3, 6, 10)
	}
	sum := 0
	for _, n := range scores {
		sum += n
	}
	scores[CriterionOverall] = (2*sum + len(scores)) / (2 * len(scores))
	out := make(map[string]*int, len(scores))
	for name, n := range scores {
		out[name] = &n
	}
	return out
}

// level is 1, and one more for each step that n reaches.
func level(n int, steps ...int) int {
	out := 1
	for _, step := range steps {
		out += one(n >= step)
	}
	return out
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
