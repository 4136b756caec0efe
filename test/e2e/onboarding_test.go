package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// newcomers are one learner of each language.
func newcomers() map[string]*journey.Profile {
	return map[string]*journey.Profile{
		"en": {
			Accept: "en-GB", NativeLanguage: "english", Industry: "shipping_logistics", Title: "Logistics project manager",
			Description: "I plan new warehouses for our customers and lead the team until they work.",
			Partners:    []string{"clients", "suppliers"}, Situations: []string{"negotiations", "status_updates"},
		},
		"zh-Hans": {
			Accept: "zh-CN", NativeLanguage: "chinese_simplified", Industry: "banking_finance", Title: "银行柜员",
			Description: "我在网点柜台给客户办理存款、取款和开户，每天下班前要点钱。",
			Partners:    []string{"customers", "colleagues"}, Situations: []string{"client_conversations", "phone_calls", "meetings"},
		},
		"zh-Hant": {
			Accept: "zh-TW", NativeLanguage: "chinese_traditional", Industry: "hotels_hospitality", Title: "飯店禮賓員",
			Description: "我在大廳幫客人訂餐廳、叫計程車，也介紹景點。",
			Partners:    []string{"customers"}, Situations: []string{"client_conversations"},
		},
	}
}

// wantedRoles are what their words mean.
var wantedRoles = map[string]string{"en": "Logistics Project Manager", "zh-Hans": "银行柜员", "zh-Hant": "飯店禮賓員"}

func TestANewcomerComesFromSignUpToAPlanInTheirLanguage(t *testing.T) {
	t.Parallel()
	s := newStack(t, partner.Config{})
	node := s.serve(t)
	for language, profile := range newcomers() {
		l := learner(t, node)
		for _, step := range profile.Steps() {
			require.NoError(t, step.Do(t.Context(), l), "%s: %s", language, step.Name)
			now, err := l.Onboarding(t.Context(), profile.Accept)
			require.NoError(t, err)
			require.Equal(t, step.Now, now.CurrentStep, "%s: %s", language, step.Name)
		}
		done, err := l.Onboarding(t.Context(), profile.Accept)
		require.NoError(t, err)
		chosen(t, profile, done, language)
		task, err := l.Task(t.Context(), done.TaskID.MustGet())
		require.NoError(t, err)
		require.Equal(t, client.TaskStatusCompleted, task.Status)
		plan, err := l.LearningPlan(t.Context())
		require.NoError(t, err)
		require.Equal(t, language, plan.Language)
		require.Equal(t, client.LearningPlanSource("model"), plan.Source)
		require.Equal(t, language != "en", strings.ContainsFunc(plan.Summary, func(r rune) bool { return unicode.Is(unicode.Han, r) }), plan.Summary)
		require.GreaterOrEqual(t, len(plan.Conversations), 5)
		require.Equal(t, profile.Partners[0], plan.Conversations[0].PartnerID, "ranked by the learner's priorities")
		first := plan.Conversations[0]
		_, err = l.Converse(t.Context(), first.PartnerID, first.SituationID)
		require.NoError(t, err, "and what it recommends can be practised")
	}
}

// chosen checks a finished onboarding and its summary against what was meant.
func chosen(t *testing.T, profile *journey.Profile, done *client.Onboarding, language string) {
	t.Helper()
	require.Equal(t, client.OnboardingStatusCompleted, done.Status)
	require.Equal(t, profile.NativeLanguage, done.Selections.NativeLanguage.MustGet())
	require.Equal(t, profile.Industry, done.Selections.IndustryID.MustGet())
	require.Equal(t, wantedRoles[language], done.Selections.Role.MustGet().Title)
	require.Len(t, done.Selections.Partners, len(profile.Partners))
	for i, p := range done.Selections.Partners {
		require.Equal(t, profile.Partners[i], p.PartnerID)
		require.Equal(t, profile.Situations, p.SituationIds)
	}
	require.Empty(t, done.Missing)
	require.InDelta(t, 1, done.Progress, 0)
	require.True(t, done.NextStep.IsNull())
}

func TestAnOnboardingGoesOnAtTheStepThatWasLeftOnAnotherDevice(t *testing.T) {
	t.Parallel()
	s := newStack(t, partner.Config{})
	first, second := s.serve(t), s.serve(t)
	profile := newcomers()["zh-Hans"]
	steps := profile.Steps()
	for left := range len(steps) {
		t.Run(fmt.Sprintf("left before %q", steps[left].Name), func(t *testing.T) {
			t.Parallel()
			phone := learner(t, first)
			for _, step := range steps[:left] {
				require.NoError(t, step.Do(t.Context(), phone), step.Name)
			}
			before, err := phone.Onboarding(t.Context(), profile.Accept)
			require.NoError(t, err)

			laptop := at(t, phone, second)
			require.NoError(t, laptop.LogIn(t.Context()), "a session of its own")
			there, err := laptop.Onboarding(t.Context(), profile.Accept)
			require.NoError(t, err)
			require.Equal(t, before, there, "exactly as it was left")
			for _, step := range steps[left:] {
				require.NoError(t, step.Do(t.Context(), laptop), step.Name)
			}
			done, err := phone.Onboarding(t.Context(), profile.Accept)
			require.NoError(t, err)
			chosen(t, profile, done, "zh-Hans")
			require.NoError(t, steps[len(steps)-1].Do(t.Context(), phone), "completing twice")
			again, err := phone.Onboarding(t.Context(), profile.Accept)
			require.NoError(t, err)
			require.Equal(t, done, again)
		})
	}
}

func TestAnOnboardingSurvivesTheDeathOfItsNode(t *testing.T) {
	t.Parallel()
	s := newStack(t, partner.Config{})
	node := s.serve(t)
	profile := newcomers()["en"]
	profile.Custom = true
	l := learner(t, node)
	steps := profile.Steps()
	for i, step := range steps {
		require.NoError(t, step.Do(t.Context(), l), step.Name)
		if i%3 == 2 {
			node.end() // kill -9
			node = s.serve(t)
			l = at(t, l, node)
		}
	}
	done, err := l.Onboarding(t.Context(), profile.Accept)
	require.NoError(t, err)
	require.Equal(t, client.OnboardingStatusCompleted, done.Status)
	require.True(t, done.Selections.Role.MustGet().IsCustom)
	task, err := l.Task(t.Context(), done.TaskID.MustGet())
	require.NoError(t, err)
	require.Equal(t, client.TaskStatusCompleted, task.Status)
}

func TestRolesAreMatchedOverHTTPWhileEmbeddingsAreDown(t *testing.T) {
	t.Parallel()
	s := newStack(t, partner.Config{})
	l := learner(t, s.serve(t))
	profile := newcomers()["zh-Hant"]
	for _, step := range profile.Steps()[:2] {
		require.NoError(t, step.Do(t.Context(), l))
	}
	found, err := l.Match(t.Context(), profile)
	require.NoError(t, err)
	require.False(t, found.Degraded)
	for range 10 {
		s.Model.ScriptEmbeddings(partner.Step{Status: http.StatusInternalServerError})
	}
	profile.Description += "還有行李。"
	found, err = l.Match(t.Context(), profile)
	require.NoError(t, err)
	require.True(t, found.Degraded)
	require.Equal(t, "飯店禮賓員", found.Matches[0].Role.Title)
}
