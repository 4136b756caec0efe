package partner

import (
	"cmp"
	"strings"
)

const (
	leastConversations = 5
	mostConversations  = 10
	maxName            = 80 // characters of a name within a sentence
)

// planData is the learner for whom a plan is made; names are in the language.
type planData struct {
	Language string `json:"language"` // en, zh-Hans or zh-Hant
	Industry named  `json:"industry"`
	Role     struct {
		Title       string `json:"title"`
		Description string `json:"description"`
	} `json:"role"`
	Partners []struct {
		ID         string      `json:"id"`
		Name       string      `json:"name"`
		Situations []planPlace `json:"situations"`
	} `json:"partners"` // the most important first
}

type planPlace struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// plan is the answer to the schema learning_plan.
type plan struct {
	Summary        string             `json:"summary"`
	Milestones     []planMilestone    `json:"milestones"`      // 3
	WeeklySchedule []planDay          `json:"weekly_schedule"` // Monday to Friday
	Conversations  []planConversation `json:"conversations"`   // 5 to 10
	Resources      []planResource     `json:"resources"`       // 4
}

type planMilestone struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Weeks       int    `json:"weeks"`
}

type planDay struct {
	Day      string `json:"day"`
	Minutes  int    `json:"minutes"`
	Activity string `json:"activity"`
}

type planConversation struct {
	PartnerID   string `json:"partner_id"`
	SituationID string `json:"situation_id"`
	Goal        string `json:"goal"`
}

type planResource struct {
	Title       string `json:"title"`
	Kind        string `json:"kind"` // article, book, exercise, podcast or video
	Description string `json:"description"`
}

// pair is somebody to talk to in a situation.
type pair struct{ partner, situation planPlace }

// writePlan makes the plan that a careful teacher would, from a form.
func writePlan(d planData) plan {
	form := planForm(d.Language)
	pairs := d.pairs()
	first := pair{}
	if len(pairs) > 0 {
		first = pairs[0]
	}
	fill := func(text string, p pair) string {
		return strings.NewReplacer(
			"{role}", cmp.Or(shorten(d.Role.Title), form.anyRole), "{industry}", inSentence(string(d.Industry), form.anyIndustry),
			"{partner}", inSentence(p.partner.Name, form.anyPartner), "{situation}", inSentence(p.situation.Name, form.anySituation),
		).Replace(text)
	}
	out := plan{Summary: fill(form.summary, first), Conversations: []planConversation{}}
	for i, m := range form.milestones {
		out.Milestones = append(out.Milestones, planMilestone{Title: fill(m[0], first), Description: fill(m[1], first), Weeks: 2 + i})
	}
	for i, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday"} {
		p := first
		if len(pairs) > 0 {
			p = pairs[i%len(pairs)]
		}
		out.WeeklySchedule = append(out.WeeklySchedule, planDay{Day: day, Minutes: []int{20, 25, 20, 25, 30}[i], Activity: fill(form.days[i], p)})
	}
	for i := range conversations(len(pairs)) {
		p := pairs[i%len(pairs)]
		out.Conversations = append(out.Conversations, planConversation{
			PartnerID: p.partner.ID, SituationID: p.situation.ID, Goal: upperFirst(fill(form.goals[i%len(form.goals)], p)),
		})
	}
	for i, kind := range []string{"article", "exercise", "podcast", "video"} {
		r := form.resources[i]
		out.Resources = append(out.Resources, planResource{Title: fill(r[0], first), Kind: kind, Description: fill(r[1], first)})
	}
	return out
}

// conversations is how many a plan has: every pair, within bounds. Fewer pairs
// come again with other goals, of which there are enough.
func conversations(pairs int) int {
	if pairs == 0 {
		return 0
	}
	return min(max(pairs, leastConversations), mostConversations)
}

// pairs lists who is met where, in the order of the data.
func (d planData) pairs() []pair {
	var out []pair
	for _, p := range d.Partners {
		for _, s := range p.Situations {
			out = append(out, pair{partner: planPlace{ID: p.ID, Name: p.Name}, situation: s})
		}
	}
	return out
}

// inSentence is a name as it stands in the middle of a sentence: Clients become
// clients, Senior Management stays, as does all Chinese.
func inSentence(name, otherwise string) string {
	name = shorten(name)
	if small := lowerFirst(name); strings.ToLower(name) == small {
		name = small
	}
	return cmp.Or(name, otherwise)
}

func shorten(name string) string { return clip(strings.Join(strings.Fields(name), " "), maxName) }
