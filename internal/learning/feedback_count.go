package learning

import (
	"time"
	"unicode"
)

// Counts is what can be counted in a conversation. Its JSON is stored and shown.
type Counts struct {
	LearnerMessages int `json:"learner_messages"`
	PartnerMessages int `json:"partner_messages"`
	LearnerWords    int `json:"learner_words"`
	PartnerWords    int `json:"partner_words"`
	Questions       int `json:"questions_asked"` // by the learner
	Seconds         int `json:"duration_seconds"`
}

// add counts one text; an empty one is no message.
func (c *Counts) add(learner bool, text string) {
	switch {
	case text == "":
	case learner:
		c.LearnerMessages++
		c.LearnerWords += words(text)
		c.Questions += questions(text)
	default:
		c.PartnerMessages++
		c.PartnerWords += words(text)
	}
}

// PerMessage is how many words the learner says at a time, to one decimal place,
// rounded down.
func (c Counts) PerMessage() float64 {
	return float64(10*c.LearnerWords/max(c.LearnerMessages, 1)) / 10
}

// engagement is 0 to 100, the sum of four parts, in whole numbers:
//
//   - taking part, up to 40: 4 for each message of the learner;
//   - saying something, up to 30: 2 for each word of an average message;
//   - wanting to know, up to 20: 5 for each question;
//   - give and take, up to 10: 10 times the learner's words for each of the partner.
func (c Counts) engagement() int {
	if c.LearnerMessages == 0 {
		return 0
	}
	return min(40, 4*c.LearnerMessages) + min(30, 2*c.LearnerWords/c.LearnerMessages) +
		min(20, 5*c.Questions) + min(10, 10*c.LearnerWords/max(c.PartnerWords, 1))
}

// words counts runs of letters and digits, with what joins them inside, and each
// Chinese character as one.
func words(text string) int {
	n := 0
	eachWord(text, func(string) { n++ })
	return n
}

// eachWord gives the words of a text as they stand there.
func eachWord(text string, found func(word string)) {
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		switch {
		case unicode.Is(unicode.Han, runes[i]):
			found(string(runes[i]))
		case ofWord(runes[i]):
			from := i
			for i+1 < len(runes) && (ofWord(runes[i+1]) || i+2 < len(runes) && joins(runes[i], runes[i+1], runes[i+2])) {
				i++
			}
			found(string(runes[from : i+1]))
		}
	}
}

func ofWord(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) && !unicode.Is(unicode.Han, r)
}

// joins tells the apostrophe of don't, the hyphen of follow-up and the marks of 1,250.50.
func joins(before, mark, after rune) bool {
	switch mark {
	case '\'', '’', '-', '‑':
		return ofWord(before) && ofWord(after)
	case '.', ',', ':':
		return unicode.IsDigit(before) && unicode.IsDigit(after)
	}
	return false
}

// questions counts question marks; those of one row, such as ?!?, are one.
func questions(text string) int {
	n, counted := 0, false
	for _, r := range text {
		switch r {
		case '?', '？', '؟':
			if !counted {
				n++
			}
			counted = true
		case '!', '！':
		default:
			counted = false
		}
	}
	return n
}

// breakAfter is how long a step of a talk counts at most: longer ones are breaks.
const breakAfter = 5 * time.Minute

// stopwatch measures a talk without its breaks.
type stopwatch struct {
	last  time.Time
	total time.Duration
}

// take notes when things happened, in their order.
func (w *stopwatch) take(times ...time.Time) {
	for _, at := range times {
		if at.IsZero() || !w.last.IsZero() && !at.After(w.last) {
			continue
		}
		if !w.last.IsZero() {
			w.total += min(at.Sub(w.last), breakAfter)
		}
		w.last = at
	}
}

func (w *stopwatch) seconds() int { return int(w.total / time.Second) }
