package partner

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// intent is what the learner does with a message.
type intent string

const (
	greeting  intent = "greeting"
	question  intent = "question"
	identity  intent = "identity" // a question about the partner itself
	service   intent = "service"  // offers help
	naming    intent = "naming"   // a price, a date, a number
	objection intent = "objection"
	agreement intent = "agreement"
	thanks    intent = "thanks"
	goodbye   intent = "goodbye"
	bypass    intent = "bypass"  // asks the partner to leave its role
	foreign   intent = "foreign" // not in English letters
	repeat    intent = "repeat"  // did not understand
	short     intent = "short"   // too little to answer
	statement intent = "statement"
)

// heard is what is understood of the learner's last message.
type heard struct {
	intent   intent
	topic    topic
	noun     string // something the learner spoke of; empty: nothing fit to refer to
	figure   figure
	salute   string // how the learner greeted, to be returned; empty: not at all
	wellness bool   // asked how the partner is
	name     string // the learner's, from any message
}

// ear understands English business phrases by their words.
type ear struct {
	figures []figureRule
	theirs  *regexp.Regexp
	nouns   []topicNoun
	cues    []topicNoun
	noun    *regexp.Regexp
	name    *regexp.Regexp
	salute  *regexp.Regexp
	phrases []phrase
}

// phrase is a pattern that tells an intent; the first that matches does.
type phrase struct {
	intent  intent
	pattern *regexp.Regexp
}

func newEar() *ear {
	e := &ear{
		figures: figureRules(),
		theirs:  regexp.MustCompile(`(?i)\byour\b|\byou (?:\w+ )?(?:quoted?|offer(?:ed)?|asked|ask|said|charged?|want|promised|mentioned)\b`),
		noun: regexp.MustCompile(`(?i)\b(?:the|our|your|my|this)\s+([a-z]{5,})` +
			`(?:[.,;:!?]|$|\s+(?:is|are|was|were|for|of|in|on|to|and|or|from|with|by|at|has|have|will|would|that|because|but|before|after)\b)`),
		name: regexp.MustCompile(`(?:[Mm]y name is|[Tt]his is|\bI am|\bI'm)\s+([A-Z][a-z]+(?:[ -][A-Z][a-z]+){0,2})` +
			`(?:[.,!]|$|\s+(?:from|speaking|calling|here|and|at|with)\b)`),
		salute: regexp.MustCompile(`(?i)^\W*(good (?:morning|afternoon|evening)|hello|hi|hey)\b`),
		nouns:  topicNouns(),
		cues:   topicCues(),
	}
	for _, p := range phrases() {
		e.phrases = append(e.phrases, phrase{intent: p.intent, pattern: regexp.MustCompile(`(?i)` + p.pattern)})
	}
	return e
}

// hear understands the last message of the learner in the light of the earlier.
func (e *ear) hear(turns []turn) heard {
	var h heard
	last := ""
	var partner strings.Builder
	for _, t := range turns {
		if t.mine {
			partner.WriteString(strings.ToLower(t.text) + "\n")
			continue
		}
		last = t.text
		if found := e.name.FindStringSubmatch(t.text); found != nil && h.name == "" && !notName(found[1]) {
			h.name = found[1]
		}
		if topic, _ := e.subject(t.text); topic != general {
			h.topic = topic // the talk stays on a subject until another comes up
		}
	}
	_, h.noun = e.subject(last)
	h.figure = e.figure(last, partner.String())
	if h.figure.kind == money && h.noun == "" {
		h.topic = price // "we can pay 42 euros" is not about how to pay
	}
	if s := e.salute.FindStringSubmatch(last); s != nil {
		h.salute = saluteBack(s[1])
	}
	h.wellness = strings.Contains(strings.ToLower(last), "how are you")
	h.intent = e.intent(last, h)
	if h.intent == agreement && !e.known(h.noun) {
		h.noun = "" // "we agree on the confirmation" says more than was meant
	}
	return h
}

// intent finds what the message does. Figures outrank a refusal or a question
// around them, since they are what the learner wants answered; an agreement to
// a figure is an agreement all the same.
func (e *ear) intent(text string, h heard) intent {
	if isForeign(text) {
		return foreign
	}
	told := statement
	for _, p := range e.phrases {
		if p.pattern.MatchString(text) {
			told = p.intent
			break
		}
	}
	words := len(strings.Fields(text))
	switch {
	case told == bypass, told == repeat, told == goodbye, told == identity:
		return told
	case h.figure.text != "" && told != agreement:
		return naming
	case h.salute != "" && (h.wellness || words <= 6 && told != objection && told != question):
		return greeting
	case h.name != "" && words <= 12 && h.salute != "":
		return greeting
	case told == statement && words <= 2:
		return short
	default:
		return told
	}
}

// subject gives the topic a text is mostly about, and a noun of it that the
// partner can refer to. A noun outside the lexicon will do when there is none in.
func (e *ear) subject(text string) (topic, string) {
	low := strings.ReplaceAll(strings.ToLower(text), "in order to", "to")
	hits := map[topic]int{}
	first := map[topic]string{}
	var order []topic
	for _, list := range [][]topicNoun{e.nouns, e.cues} {
		for _, n := range list {
			if !hasWord(low, n.word) {
				continue
			}
			if hits[n.topic]++; hits[n.topic] == 1 {
				order = append(order, n.topic)
			}
			if n.noun && first[n.topic] == "" {
				first[n.topic] = n.word
			}
		}
	}
	best := general
	for _, t := range order {
		if hits[t] > hits[best] {
			best = t
		}
	}
	if noun := first[best]; noun != "" {
		return best, noun
	}
	for _, t := range order {
		if first[t] != "" {
			return best, first[t]
		}
	}
	for _, found := range e.noun.FindAllStringSubmatch(low, -1) {
		if !strings.Contains(vague, " "+found[1]+" ") {
			return best, found[1]
		}
	}
	return best, ""
}

// known says whether a noun is of the lexicon.
func (e *ear) known(noun string) bool {
	return slices.ContainsFunc(e.nouns, func(n topicNoun) bool { return n.word == noun })
}

// hasWord finds w as a whole word.
func hasWord(text, w string) bool {
	for from := 0; ; {
		p := strings.Index(text[from:], w)
		if p < 0 {
			return false
		}
		p += from
		end := p + len(w)
		if (p == 0 || !isWordByte(text[p-1])) && (end == len(text) || !isWordByte(text[end])) {
			return true
		}
		from = p + 1
	}
}

// isForeign says whether most letters are of another script.
func isForeign(text string) bool {
	latin, other := 0, 0
	for _, r := range text {
		switch {
		case !unicode.IsLetter(r):
		case unicode.Is(unicode.Latin, r):
			latin++
		default:
			other += 3 // a character of Chinese says as much as a short word
		}
	}
	return other > latin
}

// notName catches what follows "I am" with a capital and is no name.
func notName(s string) bool {
	return slices.Contains([]string{
		"Afraid", "Sorry", "Chinese", "English", "American", "British", "German", "French", "Spanish", "Japanese", "Indian",
		"Monday", "Friday",
	}, s)
}

// saluteBack returns a greeting in kind.
func saluteBack(s string) string {
	s = strings.ToLower(s)
	if s == "hey" {
		s = "hi"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
