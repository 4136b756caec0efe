package learning_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/learning"
)

func TestAGoodAnswerBreaksNoRule(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "zh-Hans", "zh-Hant"} {
		plan, wrong := learning.ReadAnswer(good(), clerk(language))
		require.Empty(t, wrong)
		require.Len(t, plan.Conversations, 5)
	}
}

// keep leaves so many members of a list.
func keep(name string, n int) func(object) {
	return func(o object) { o[name] = o[name].([]any)[:n] }
}

// grown repeats the first member of a list until there are n.
func grown(name string, n int) func(object) {
	return func(o object) {
		list := o[name].([]any)
		for len(list) < n {
			list = append(list, list[0])
		}
		o[name] = list
	}
}

func TestEachBrokenRuleIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(object)
		wrong  string
	}{
		"no summary":             {set("  ", "summary"), "summary: must not be empty"},
		"long summary":           {set(strings.Repeat("长", 601), "summary"), "summary: must have 600 characters at most"},
		"bell":                   {set("a\ab 谈", "summary"), "summary: must not hold control characters or invisible ones"},
		"direction of writing":   {set("a\u202eb", "milestones", 1, "title"), "milestones[1].title: must not hold control characters or invisible ones"},
		"two milestones":         {keep("milestones", 2), "milestones: there must be exactly 3, not 2"},
		"four milestones":        {grown("milestones", 4), "milestones: there must be exactly 3, not 4"},
		"no title":               {set("", "milestones", 0, "title"), "milestones[0].title: must not be empty"},
		"long title":             {set(strings.Repeat("x", 121), "milestones", 0, "title"), "milestones[0].title: must have 120 characters at most"},
		"no description":         {set("", "milestones", 2, "description"), "milestones[2].description: must not be empty"},
		"no weeks":               {set(0, "milestones", 0, "weeks"), "milestones[0].weeks: must be 1 to 12"},
		"too many weeks":         {set(13, "milestones", 0, "weeks"), "milestones[0].weeks: must be 1 to 12"},
		"half a week":            {set(1.5, "milestones", 0, "weeks"), "milestones.weeks: has the wrong type, a whole number is needed"},
		"four days":              {keep("weekly_schedule", 4), "weekly_schedule: there must be 5 to 7, not 4"},
		"eight days":             {grown("weekly_schedule", 8), "weekly_schedule: there must be 5 to 7, not 8"},
		"a day twice":            {set("monday", "weekly_schedule", 3, "day"), "weekly_schedule[3].day: stands there twice; each day may stand there once"},
		"no weekday":             {set("Monday", "weekly_schedule", 0, "day"), "weekly_schedule[0].day: must be one of monday, tuesday, wednesday, thursday, friday, saturday, sunday"},
		"too short":              {set(19, "weekly_schedule", 0, "minutes"), "weekly_schedule[0].minutes: must be 20 to 30"},
		"too long":               {set(31, "weekly_schedule", 0, "minutes"), "weekly_schedule[0].minutes: must be 20 to 30"},
		"no activity":            {set("", "weekly_schedule", 0, "activity"), "weekly_schedule[0].activity: must not be empty"},
		"four conversations":     {keep("conversations", 4), "conversations: there must be 5 to 10, not 4"},
		"eleven conversations":   {grown("conversations", 11), "conversations: there must be 5 to 10, not 11"},
		"a conversation twice":   {grown("conversations", 6), "conversations[5]: is the same as one before; give it another goal"},
		"another's partner":      {set("clients", "conversations", 0, "partner_id"), "conversations[0]: partner_id and situation_id must be a partner of the learner and a situation listed under that partner"},
		"another pair":           {set("negotiations", "conversations", 0, "situation_id"), "conversations[0]: partner_id and situation_id must be a partner of the learner and a situation listed under that partner"},
		"no goal":                {set("", "conversations", 0, "goal"), "conversations[0].goal: must not be empty"},
		"two resources":          {keep("resources", 2), "resources: there must be 3 to 6, not 2"},
		"seven resources":        {grown("resources", 7), "resources: there must be 3 to 6, not 7"},
		"another kind":           {set("film", "resources", 0, "kind"), "resources[0].kind: must be one of article, book, exercise, podcast, video"},
		"a link":                 {set("See https://x", "resources", 0, "description"), "resources[0]: must not hold a web address"},
		"a host":                 {set("www.freight", "resources", 1, "title"), "resources[1]: must not hold a web address"},
		"a domain in a sentence": {set("见Freight-News.co.uk。", "resources", 2, "description"), "resources[2]: must not hold a web address"},
		"no list":                {set("none", "resources"), "resources: has the wrong type, an array is needed"},
		"nothing":                {func(o object) { clear(o) }, "summary: must not be empty"},
		"null":                   {set(nil, "milestones"), "milestones: there must be exactly 3, not 0"},
		"another member":         {set("x", "advice"), "the answer is not one JSON object of the schema"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, wrong := learning.ReadAnswer(good(c.change), clerk("en"))
			require.Contains(t, wrong, c.wrong)
		})
	}
}

func TestWhatIsNoObjectIsNamed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "Here is your plan:", "[]", `"plan"`, good()[:100], "```json\n" + good() + "\n```"} {
		_, wrong := learning.ReadAnswer(text, clerk("en"))
		require.Equal(t, []string{"the answer is not one JSON object of the schema"}, wrong, text)
	}
	_, wrong := learning.ReadAnswer(good()+" I hope this helps!", clerk("en"))
	require.Equal(t, []string{"the answer goes on after the JSON object: give the object alone"}, wrong)
}

func TestAPlanInAnotherLanguageIsSeen(t *testing.T) {
	t.Parallel()
	answer := good(set("You will negotiate with confidence.", "summary"))
	for language, want := range map[string][]string{
		"en": nil, "zh-Hans": {"summary: must be written in Simplified Chinese"}, "zh-Hant": {"summary: must be written in Traditional Chinese"},
	} {
		_, wrong := learning.ReadAnswer(answer, clerk(language))
		require.Equal(t, want, wrong)
	}
}

func TestSpaceInTextsMeansNothing(t *testing.T) {
	t.Parallel()
	plan, wrong := learning.ReadAnswer(good(set("\n You will\r\n\r\nnegotiate.\t", "summary")), clerk("en"))
	require.Empty(t, wrong)
	require.Equal(t, "You will negotiate.", plan.Summary)
}

func TestSentencesWithDotsAreNoAddresses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"Smith & Co. on rates.Then more", "U.S. ports, e.g. Long Beach", "Ver. 2.0 of INCOTERMS", "用英语写。com"} {
		_, wrong := learning.ReadAnswer(good(set(text, "resources", 0, "description")), clerk("en"))
		require.Empty(t, wrong, text)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(good())
	f.Add(good(set(nil, "conversations", 0)))
	f.Add(`{"summary":"\ud800\u0000"}`)
	f.Fuzz(func(t *testing.T, text string) {
		plan, wrong := learning.ReadAnswer(text, clerk("en"))
		if len(wrong) > 0 {
			return
		}
		require.Empty(t, learning.Violations(plan, clerk("en")))
		for i, c := range plan.Conversations {
			require.Equal(t, i+1, c.Rank)
			require.NotEmpty(t, c.Title)
			require.True(t, utf8.ValidString(c.Goal))
			require.NotContains(t, c.Goal, "\x00")
		}
	})
}
