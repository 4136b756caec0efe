package partner

import (
	"regexp"
	"strings"
)

// kind is what a figure counts.
type kind string

const (
	money    kind = "money"
	percent  kind = "percent"
	duration kind = "duration"
	date     kind = "date"
	clock    kind = "clock"
	quantity kind = "quantity"
	number   kind = "number"
)

// figure is a quantity in the learner's own words.
type figure struct {
	kind kind
	text string
	ours bool // the partner named it before: "your price of 48 euros"
}

type figureRule struct {
	kind    kind
	pattern *regexp.Regexp
}

// figureRules finds figures, the most telling kind first.
func figureRules() []figureRule {
	const (
		num    = `\d+(?:[.,]\d+)*`
		scale  = `(?:\s?(?:k|m|bn|million|billion|thousand)\b)?`
		word   = `(?:a|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|ninety|a hundred)`
		unit   = `(?:(?:working|business|calendar) )?(?:minutes?|hours?|days?|weeks?|months?|quarters?|years?)\b`
		day    = `(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)`
		month  = `(?:January|February|March|April|May|June|July|August|September|October|November|December)`
		period = `(?:week|month|quarter|year|` + day + `|` + month + `)`
		nth    = `\d{1,2}(?:st|nd|rd|th)?`
	)
	rules := []struct {
		kind    kind
		pattern string
	}{
		{money, `(?i)(?:[€$£¥]|\b(?:usd|eur|gbp|rmb|cny|hkd|sgd|jpy))\s?` + num + scale},
		{money, `(?i)\b` + num + scale + `\s?(?:(?:euros?|dollars?|pounds?|yuan|rmb|yen|francs?|cents?|usd|eur|gbp)\b|[€$£])`},
		{percent, `(?i)\b(?:` + num + `\s?(?:%|percent\b|per cent\b)|` + word + ` (?:percent|per cent)\b)`},
		{duration, `(?i)\b(?:` + num + `|` + word + `)[ -](?:(?:to|or) (?:` + num + `|` + word + `) )?` + unit},
		{date, `(?i:\bthe (?:end|beginning|start|middle) of )(?i:the |next |this )*(?:` + period + `|` + month + `)`},
		{date, `(?i:\b(?:next|this) )(?i:week|month|quarter|year|` + day + `|` + month + `)\b`},
		{date, `\b\d{4}-\d\d-\d\d\b|\b(?:the )?` + nth + ` (?:of )?` + month + `\b|\b` + month + ` ` + nth + `\b`},
		{date, `\b` + day + `\b|\btomorrow\b`},
		{date, `\b(?:January|February|April|June|July|August|September|October|November|December)\b`},
		{clock, `(?i)\b\d{1,2}(?:[:.]\d\d)?\s?(?:am|pm|a\.m\.|p\.m\.|o'clock)|\b\d{1,2}:\d\d\b`},
		{quantity, `(?i)\b` + num + scale + ` [a-z]{3,}\b`},
		{number, `\b` + num + `(?: ?(?:k|m|bn|million|billion|thousand))?\b`},
	}
	out := make([]figureRule, len(rules))
	for i, r := range rules {
		out[i] = figureRule{kind: r.kind, pattern: regexp.MustCompile(r.pattern)}
	}
	return out
}

// uncounted are words after a number that name no goods.
const uncounted = " and are but for from has have into per that the then this was were when which will with would can could is at in " +
	"questions points things times options reasons topics issues items examples steps slides people "

// figure gives what a text says in figures: the learner's own before those the
// partner has named, then the most telling kind. Partner is all that the partner
// has said, in lower case.
func (e *ear) figure(text, partner string) figure {
	var quoted figure
	for _, rule := range e.figures {
		for _, at := range rule.pattern.FindAllStringIndex(text, -1) {
			f := figure{kind: rule.kind, text: lowerNumber(strings.TrimRight(text[at[0]:at[1]], ".,"))}
			if !f.counts() {
				continue
			}
			if !hasWord(partner, strings.ToLower(f.text)) && !e.theirs.MatchString(clause(text[:at[0]])) {
				return f
			}
			if quoted.text == "" {
				quoted, quoted.ours = f, true
			}
		}
	}
	return quoted
}

// counts leaves out what has the form of a figure only.
func (f figure) counts() bool {
	words := strings.Fields(strings.ToLower(f.text))
	last := words[len(words)-1]
	switch {
	case len(f.text) > 40:
		return false
	case f.kind == quantity:
		return !strings.Contains(uncounted, " "+last+" ")
	case f.kind == number:
		return len(f.text) != 4 || f.text[:2] != "19" && f.text[:2] != "20" // a year
	default:
		return true
	}
}

// lowerNumber writes the first letter small, unless it begins the name of a day
// or a month: the figure may come to stand inside a sentence.
func lowerNumber(s string) string {
	switch first, _, _ := strings.Cut(strings.ToLower(s), " "); first {
	case "a", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
		"fifteen", "twenty", "thirty", "forty", "fifty", "sixty", "ninety", "the", "next", "this", "tomorrow":
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// clause is the end of s after its last mark of punctuation, or after a "but".
func clause(s string) string {
	s = s[strings.LastIndexAny(s, ".,;:!?")+1:]
	return s[strings.LastIndex(strings.ToLower(s), " but ")+1:]
}
