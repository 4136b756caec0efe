package onboarding_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/onboarding"
)

// walk is the order of the steps, as the product has it.
var walk = []string{"not_started", "native_language", "industry_selection", "role_input", "role_selection",
	"communication_partners", "situation_selection", "summary", "completed"}

// at is an onboarding at a step with everything chosen but these parts.
func at(step string, without ...string) onboarding.Onboarding {
	o := onboarding.Onboarding{Step: step, NativeLanguage: ptr("english"), IndustryID: ptr("real_estate"), Role: &onboarding.Role{ID: uuid.New()},
		Partners: []onboarding.Partner{{ID: "clients", Situations: []string{}}, {ID: "partners", Situations: []string{"meetings"}}}}
	for _, part := range without {
		switch part {
		case onboarding.PartNativeLanguage:
			o.NativeLanguage = nil
		case onboarding.PartIndustry:
			o.IndustryID = nil
		case onboarding.PartRole:
			o.Role = nil
		case onboarding.PartPartners:
			o.Partners = nil
		case onboarding.PartSituations:
			o.Partners[1].Situations = nil
		}
	}
	return o
}

func TestTheNextStepFollowsWhereNothingBeforeIsMissing(t *testing.T) {
	t.Parallel()
	for i, step := range walk {
		next := ""
		if i+1 < len(walk) {
			next = walk[i+1]
		}
		require.Equal(t, next, at(step).Next(), step)
		require.InDelta(t, float64(i)/8, at(step).Progress(), 1e-9, step)
	}
}

func TestAMissingChoiceComesFirstOnceTheLearnerHasComePastIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ part, do string }{
		{"native_language", "native_language"},
		{"industry", "industry_selection"},
		{"role", "role_input"},
		{"partners", "communication_partners"},
		{"situations", "situation_selection"},
	} {
		past := c.do
		if c.part == "role" { // described, but not chosen yet: to choose comes next
			past = "role_selection"
		}
		reached := false
		for i, step := range walk {
			reached = reached || step == past
			want := c.do
			if !reached {
				want = walk[i+1]
			}
			require.Equal(t, want, at(step, c.part).Next(), "%s at %s", c.part, step)
		}
	}
	require.Equal(t, "industry_selection", at("summary", "industry", "role", "partners").Next(), "the first of several")
	require.Equal(t, "native_language", at("completed", "native_language", "situations").Next())
}

func TestMissingNamesPartsInTheirOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ without, want []string }{
		{nil, []string{}},
		{[]string{"situations"}, []string{"situations"}},
		{[]string{"partners"}, []string{"partners"}},
		{[]string{"role", "native_language"}, []string{"native_language", "role"}},
		{[]string{"industry", "situations"}, []string{"industry", "situations"}},
		{[]string{"native_language", "industry", "role", "partners"}, []string{"native_language", "industry", "role", "partners"}},
	} {
		require.Equal(t, c.want, at("summary", c.without...).Missing())
	}
}

func TestAStepOnlyMovesForward(t *testing.T) {
	t.Parallel()
	for i, reached := range walk {
		for j, done := range walk[1:] {
			want := walk[max(i, j+1)]
			o := onboarding.Onboarding{Step: reached, Status: onboarding.StatusInProgress}
			require.Equal(t, want, onboarding.Did(o, done).Step, "%s at %s", done, reached)
		}
	}
}

func TestEveryStatusButCompletedGoesOn(t *testing.T) {
	t.Parallel()
	before := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for status, began := range map[string]bool{"not_started": true, "in_progress": false, "paused": false, "abandoned": true, "expired": true} {
		o := onboarding.Did(onboarding.Onboarding{Step: "not_started", Status: status}, "native_language")
		require.Equal(t, "in_progress", o.Status, status)
		require.Equal(t, began, o.StartedAt != nil, status)
		o = onboarding.Did(onboarding.Onboarding{Step: "not_started", Status: status, StartedAt: &before}, "native_language")
		require.Equal(t, before, *o.StartedAt, "%s: it began once", status)
	}
	require.Equal(t, "completed", onboarding.Did(onboarding.Onboarding{Step: "completed", Status: "completed"}, "role_selection").Status)
}

func TestATagDiffersWhenTheAnswerDoes(t *testing.T) {
	t.Parallel()
	base := func() onboarding.Onboarding {
		return onboarding.Onboarding{Version: 3, Status: "in_progress", NativeLanguage: ptr("english"),
			Role: &onboarding.Role{ID: accountant, Title: "Accountant", Keywords: []string{"ledger"}}}
	}
	tags := map[string]string{base().Tag(): "as it is"}
	for what, change := range map[string]func(o *onboarding.Onboarding){
		"version":     func(o *onboarding.Onboarding) { o.Version++ },
		"status":      func(o *onboarding.Onboarding) { o.Status = "paused" },
		"language":    func(o *onboarding.Onboarding) { o.NativeLanguage = ptr("chinese_simplified") },
		"no language": func(o *onboarding.Onboarding) { o.NativeLanguage = nil },
		"role's text": func(o *onboarding.Onboarding) { o.Role.Title = "会计" },
		"keyword":     func(o *onboarding.Onboarding) { o.Role.Keywords = []string{"账"} },
		"no role":     func(o *onboarding.Onboarding) { o.Role = nil },
	} {
		o := base()
		change(&o)
		require.Empty(t, tags[o.Tag()], what)
		tags[o.Tag()] = what
	}
	require.Equal(t, "as it is", tags[base().Tag()])
}
