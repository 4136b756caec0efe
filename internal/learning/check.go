package learning

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The rules of a plan.
const (
	milestones       = 3
	minDays          = 5
	maxDays          = 7
	minConversations = 5
	maxConversations = 10
	minResources     = 3
	maxResources     = 6

	maxWeeks   = 12
	minMinutes = 20
	maxMinutes = 30

	maxTitle = 120 // characters
	maxText  = 600 // characters
)

var (
	weekdays = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
	kinds    = []string{"article", "book", "exercise", "podcast", "video"}
)

// address finds what a model makes up most readily.
var address = regexp.MustCompile(`(?i)://|\bwww\.|\b[a-z0-9-]+\.(com|org|net|edu|gov|info|io|co|ly|me|tv|uk|us|eu|cn|hk|tw|sg)\b`)

// tidy takes away what means nothing: space around texts, and more than one space
// or line break within.
func (c *content) tidy() {
	texts := []*string{&c.Summary}
	for i := range c.Milestones {
		texts = append(texts, &c.Milestones[i].Title, &c.Milestones[i].Description)
	}
	for i := range c.WeeklySchedule {
		texts = append(texts, &c.WeeklySchedule[i].Activity)
	}
	for i := range c.Conversations {
		texts = append(texts, &c.Conversations[i].Goal)
	}
	for i := range c.Resources {
		texts = append(texts, &c.Resources[i].Title, &c.Resources[i].Description)
	}
	for _, t := range texts {
		*t = oneLine(*t)
	}
}

// oneLine puts one space where there is any.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// violations are the rules that a draft breaks, in words for the model: a place
// and what must be there. They quote nothing of the draft, so that they may be logged.
type violations []string

func (v *violations) add(format string, args ...any) { *v = append(*v, fmt.Sprintf(format, args...)) }

// check names each rule that is broken. It does not look at ranks and titles of
// conversations, which are ours: see rank.
func (c *content) check(p Profile) violations {
	var v violations
	v.text("summary", c.Summary, maxText)
	if isChinese(p.Language) && !hasHan(c.Summary) {
		v.add("summary: must be written in %s", languageNames[p.Language])
	}
	v.milestones(c.Milestones)
	v.days(c.WeeklySchedule)
	v.conversations(c.Conversations, p)
	v.resources(c.Resources)
	return v
}

func (v *violations) milestones(all []Milestone) {
	v.count("milestones", len(all), milestones, milestones)
	for i, m := range all {
		at := fmt.Sprintf("milestones[%d]", i)
		v.text(at+".title", m.Title, maxTitle)
		v.text(at+".description", m.Description, maxText)
		v.between(at+".weeks", m.Weeks, 1, maxWeeks)
	}
}

func (v *violations) days(all []Day) {
	v.count("weekly_schedule", len(all), minDays, maxDays)
	seen := map[string]bool{}
	for i, d := range all {
		at := fmt.Sprintf("weekly_schedule[%d]", i)
		v.oneOf(at+".day", d.Day, weekdays)
		if seen[d.Day] {
			v.add("%s.day: stands there twice; each day may stand there once", at)
		}
		seen[d.Day] = true
		v.between(at+".minutes", d.Minutes, minMinutes, maxMinutes)
		v.text(at+".activity", d.Activity, maxText)
	}
}

func (v *violations) conversations(all []Conversation, p Profile) {
	v.count("conversations", len(all), minConversations, maxConversations)
	seen := map[[3]string]bool{}
	for i, c := range all {
		at := fmt.Sprintf("conversations[%d]", i)
		if _, _, ok := p.place(c.PartnerID, c.SituationID); !ok {
			v.add("%s: partner_id and situation_id must be a partner of the learner and a situation listed under that partner", at)
		}
		v.text(at+".goal", c.Goal, maxText)
		key := [3]string{c.PartnerID, c.SituationID, strings.ToLower(c.Goal)}
		if seen[key] {
			v.add("%s: is the same as one before; give it another goal", at)
		}
		seen[key] = true
	}
}

func (v *violations) resources(all []Resource) {
	v.count("resources", len(all), minResources, maxResources)
	for i, r := range all {
		at := fmt.Sprintf("resources[%d]", i)
		v.oneOf(at+".kind", r.Kind, kinds)
		v.text(at+".title", r.Title, maxTitle)
		v.text(at+".description", r.Description, maxText)
		if address.MatchString(r.Title) || address.MatchString(r.Description) {
			v.add("%s: must not hold a web address", at)
		}
	}
}

func (v *violations) count(at string, n, least, most int) {
	switch {
	case least == most && n != least:
		v.add("%s: there must be exactly %d, not %d", at, least, n)
	case n < least || n > most:
		v.add("%s: there must be %d to %d, not %d", at, least, most, n)
	}
}

func (v *violations) between(at string, n, least, most int) {
	if n < least || n > most {
		v.add("%s: must be %d to %d", at, least, most)
	}
}

func (v *violations) oneOf(at, value string, allowed []string) {
	if !slices.Contains(allowed, value) {
		v.add("%s: must be one of %s", at, strings.Join(allowed, ", "))
	}
}

func (v *violations) text(at, text string, most int) {
	switch {
	case text == "":
		v.add("%s: must not be empty", at)
	case utf8.RuneCountInString(text) > most:
		v.add("%s: must have %d characters at most", at, most)
	case strings.ContainsFunc(text, unseen):
		v.add("%s: must not hold control characters or invisible ones", at)
	}
}

// unseen says whether a character steers a terminal or the direction of writing,
// or cannot be seen at all.
func unseen(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

func hasHan(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// upTo gives the first most characters of a text.
func upTo(text string, most int) string {
	n := 0
	for i := range text {
		if n == most {
			return text[:i]
		}
		n++
	}
	return text
}
