package learning

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// Languages that plans are written in.
const (
	english            = "en"
	simplifiedChinese  = "zh-Hans"
	traditionalChinese = "zh-Hant"
)

// languageNames tell the model which language is meant.
var languageNames = map[string]string{
	english: "English", simplifiedChinese: "Simplified Chinese", traditionalChinese: "Traditional Chinese",
}

func isChinese(language string) bool {
	return language == simplifiedChinese || language == traditionalChinese
}

// maxName is how many characters of a name stand in a text of ours.
const maxName = 50

// wording is what rules.yaml says in one language.
type wording struct {
	Title      string      `yaml:"title"` // of a conversation
	Summary    string      `yaml:"summary"`
	Milestones []Milestone `yaml:"milestones"`
	Days       []Day       `yaml:"weekly_schedule"`
	Goals      []string    `yaml:"goals"` // at least maxConversations
	Resources  []Resource  `yaml:"resources"`
}

//go:embed rules.yaml
var rulesText []byte

// wordings are read once. That they can be read is proven by the tests, as it is
// for the template of the prompt.
var wordings = sync.OnceValue(func() map[string]wording {
	var out map[string]wording
	dec := yaml.NewDecoder(bytes.NewReader(rulesText))
	dec.KnownFields(true)
	if err := dec.Decode(&out); err != nil {
		panic("read rules.yaml: " + err.Error())
	}
	return out
})

// byRules makes a plan without a model. It keeps the rules of check.
func byRules(p Profile) content {
	w := wordings()[p.Language]
	first := p.Partners[0]
	fill := strings.NewReplacer(
		"{work}", work(p), "{industry}", name(p.Industry.Name), "{partner}", name(first.Name), "{situation}", name(first.Situations[0].Name),
		"{first}", titleOf(p, first.ID, first.Situations[0].ID),
	).Replace
	c := content{Summary: fill(w.Summary), Milestones: slices.Clone(w.Milestones), WeeklySchedule: slices.Clone(w.Days), Conversations: choose(p)}
	slices.SortStableFunc(c.Conversations, p.byPriority)
	for i := range c.Conversations {
		c.Conversations[i].Goal = w.Goals[i]
	}
	for _, r := range w.Resources {
		c.Resources = append(c.Resources, Resource{Title: fill(r.Title), Kind: r.Kind, Description: fill(r.Description)})
	}
	c.tidy()
	return c
}

// choose picks each partner's most important situation first, then each one's
// second, until there are enough. Who has chosen little gets the same ones again,
// to be had with other goals.
func choose(p Profile) []Conversation {
	var out []Conversation
	for round, more := 0, true; more; round++ {
		more = false
		for _, partner := range p.Partners {
			if round < len(partner.Situations) && len(out) < maxConversations {
				out = append(out, Conversation{PartnerID: partner.ID, SituationID: partner.Situations[round].ID})
				more = true
			}
		}
	}
	for i := 0; len(out) < minConversations; i++ {
		out = append(out, out[i])
	}
	return out
}

// titleOf names a conversation in the language of the plan.
func titleOf(p Profile, partnerID, situationID string) string {
	partner, situation, ok := p.place(partnerID, situationID)
	if !ok {
		return ""
	}
	chosen := p.Partners[partner]
	return oneLine(strings.NewReplacer(
		"{partner}", name(chosen.Name), "{situation}", name(chosen.Situations[situation].Name),
	).Replace(wordings()[p.Language].Title))
}

// work says what the learner does. The role may be in words of their own.
func work(p Profile) string {
	parts := slices.DeleteFunc([]string{name(p.Role.Title), name(p.Industry.Name)}, func(part string) bool { return part == "" })
	if isChinese(p.Language) {
		return strings.Join(parts, "，")
	}
	return strings.Join(parts, ", ")
}

// name makes a name fit for a text: one line, nothing unseen, not too long.
func name(text string) string {
	text = oneLine(strings.Map(func(r rune) rune {
		if unseen(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text))
	if short := upTo(text, maxName); short != text {
		return strings.TrimSpace(short) + "…"
	}
	return text
}
