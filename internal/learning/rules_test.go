package learning_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/learning"
)

var languages = []string{"en", "zh-Hans", "zh-Hant"}

// chooser is somebody who has chosen so many partners, each with so many situations.
func chooser(language string, partners, situations int) learning.Profile {
	p := clerk(language)
	p.Partners = nil
	for i := range partners {
		one := learning.PartnerProfile{ID: fmt.Sprintf("p%d", i), Name: fmt.Sprintf("Partner %d", i)}
		for j := range situations {
			one.Situations = append(one.Situations, learning.Named{ID: fmt.Sprintf("s%d", (i+j)%situations), Name: fmt.Sprintf("Situation %d", (i+j)%situations)})
		}
		p.Partners = append(p.Partners, one)
	}
	return p
}

func TestAPlanByRulesKeepsTheRules(t *testing.T) {
	t.Parallel()
	for _, language := range languages {
		for partners := 1; partners <= 7; partners++ {
			for situations := 1; situations <= 15; situations++ {
				p := chooser(language, partners, situations)
				plan := learning.ByRules(p)
				require.Empty(t, learning.Violations(plan, p), "%s %d %d", language, partners, situations)
				require.Len(t, plan.Conversations, min(max(partners*situations, 5), 10))
				text := fmt.Sprintf("%+v", plan)
				require.NotContains(t, text, "{work}")
				require.NotRegexp(t, `\{[a-z]+\}`, text)
				for i, c := range plan.Conversations {
					require.Equal(t, i+1, c.Rank)
					require.NotEmpty(t, c.Title)
				}
			}
		}
	}
}

func TestOnePairIsHadFiveTimesWithDifferentGoals(t *testing.T) {
	t.Parallel()
	for _, language := range languages {
		plan := learning.ByRules(chooser(language, 1, 1))
		goals := map[string]bool{}
		for _, c := range plan.Conversations {
			require.Equal(t, "p0/s0", c.PartnerID+"/"+c.SituationID)
			goals[c.Goal] = true
		}
		require.Len(t, goals, 5)
	}
}

func TestEachPartnersMostImportantSituationComesFirst(t *testing.T) {
	t.Parallel()
	plan := learning.ByRules(chooser("en", 7, 15))
	var got []string
	for _, c := range plan.Conversations {
		got = append(got, c.PartnerID+"/"+c.SituationID)
	}
	require.Equal(t, []string{
		"p0/s0", "p0/s1", "p1/s1", "p1/s2", "p2/s2", "p2/s3", "p3/s3", "p4/s4", "p5/s5", "p6/s6",
	}, got)
}

func TestThreePairsAreHadUntilThereAreFive(t *testing.T) {
	t.Parallel()
	p := chooser("en", 2, 2)
	p.Partners[1].Situations = p.Partners[1].Situations[:1]
	var got []string
	for _, c := range learning.ByRules(p).Conversations {
		got = append(got, c.PartnerID+"/"+c.SituationID)
	}
	require.Equal(t, []string{"p0/s0", "p0/s0", "p0/s1", "p1/s1", "p1/s1"}, got)
}

func TestWhateverALearnerEntersThePlanByRulesKeepsTheRules(t *testing.T) {
	t.Parallel()
	for _, language := range languages {
		for _, odd := range []string{"", " ", "\x00\x1b[2J", "\u202egnol", strings.Repeat("很长的职位", 40), "{first} {work}", "a\nb\tc", "see www.example.com"} {
			p := clerk(language)
			p.Role = learning.RoleProfile{Title: odd, Description: odd}
			plan := learning.ByRules(p)
			require.Empty(t, learning.Violations(plan, p), "%q", odd)
			require.Contains(t, plan.Summary, p.Industry.Name)
		}
	}
}

func TestEveryTextIsInItsLanguage(t *testing.T) {
	t.Parallel()
	texts := map[string][]string{}
	for _, language := range languages {
		p := learning.ByRules(clerk(language))
		all := []string{p.Summary}
		for _, m := range p.Milestones {
			all = append(all, m.Title, m.Description)
		}
		for _, d := range p.WeeklySchedule {
			all = append(all, d.Activity)
		}
		for _, c := range p.Conversations {
			all = append(all, c.Title, c.Goal)
		}
		for _, r := range p.Resources {
			all = append(all, r.Title, r.Description)
		}
		texts[language] = all
		for _, text := range all {
			han := strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
			require.Equal(t, language != "en", han, text)
		}
	}
	require.Equal(t, "Negotiations with Suppliers", learning.ByRules(clerk("en")).Conversations[0].Title)
	require.Equal(t, "与Suppliers：Negotiations", learning.ByRules(clerk("zh-Hans")).Conversations[0].Title)
	require.Equal(t, "與Suppliers：Negotiations", learning.ByRules(clerk("zh-Hant")).Conversations[0].Title)
	require.Len(t, texts["en"], len(texts["zh-Hans"]))
	require.Len(t, texts["en"], len(texts["zh-Hant"]))
	for i, text := range texts["zh-Hans"] {
		if len([]rune(text)) > 20 {
			require.NotEqual(t, text, texts["zh-Hant"][i], "Traditional Chinese is no copy of Simplified")
		}
	}
}
