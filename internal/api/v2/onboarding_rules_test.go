package v2_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// steps are those of the contract, in the order of doing.
var steps = []apiv2.ProgressStep{
	"not_started", "native_language", "industry_selection", "role_input", "role_selection",
	"communication_partners", "situation_selection", "summary", "completed",
}

// onboardingOf reads an onboarding with its texts in a language.
func onboardingOf(t *testing.T, l *apitest.Learner, language string) (now apiv2.Onboarding, tag string) {
	t.Helper()
	a := l.Do(t, apitest.Call{Method: http.MethodGet, Path: "/onboarding", Header: map[string]string{"Accept-Language": language}}).
		Expect(t, http.StatusOK, &now)
	return now, a.Header.Get("ETag")
}

// TestTheOnboardingKeepsItsRules runs learners of their own on one server.
func TestTheOnboardingKeepsItsRules(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	for name, keeps := range map[string]func(*testing.T, *apitest.Learner){
		"a learner is led step by step to a plan in their language": aLearnerIsLedStepByStepToAPlanInTheirLanguage,
		"an answer in another language is another":                  anAnswerInAnotherLanguageIsAnother,
		"a role is chosen in one way and of the industry":           aRoleIsChosenInOneWayAndOfTheIndustry,
		"resetting forgets what was chosen and nothing else":        resettingForgetsWhatWasChosenAndNothingElse,
	} {
		t.Run(name, func(t *testing.T) { keeps(t, s.SignUp(t)) })
	}
}

func aLearnerIsLedStepByStepToAPlanInTheirLanguage(t *testing.T, l *apitest.Learner) {
	at := func(step int, missing ...apiv2.MissingPart) {
		t.Helper()
		now, _ := onboardingOf(t, l, "en")
		require.Equal(t, steps[step], now.CurrentStep)
		require.Equal(t, steps[step+1], now.NextStep.MustGet())
		require.InDelta(t, float64(step)/8, now.Progress, 0.001)
		require.Equal(t, append([]apiv2.MissingPart{}, missing...), now.Missing)
	}
	at(0, "native_language", "industry", "role", "partners")
	chose(t, l, "native-language", object{"native_language": "chinese_simplified"})
	at(1, "industry", "role", "partners")
	chose(t, l, "industry", object{"industry_id": "banking_finance"})
	at(2, "role", "partners")
	var found apiv2.RoleMatches
	l.Post(t, "/onboarding/role-matches", object{"title": "Accountant", "description": "I keep the books of our branch"}).Expect(t, http.StatusOK, &found)
	at(3, "role", "partners")
	chose(t, l, "role", object{"role_id": found.Matches[0].Role.ID})
	at(4, "partners")
	chose(t, l, "partners", object{"partner_ids": []string{"clients", "colleagues"}})
	at(5, "situations")
	chose(t, l, "partners/clients/situations", object{"situation_ids": []string{"negotiations", "meetings"}})
	at(6)

	var seen apiv2.OnboardingSummary
	l.Do(t, apitest.Call{Method: http.MethodGet, Path: "/onboarding/summary", Header: map[string]string{"Accept-Language": "zh-CN"}}).Expect(t, http.StatusOK, &seen)
	require.Equal(t, "客户", seen.Partners[0].Name, "by name, in the learner's language")
	require.Equal(t, []int{1, 2}, []int{seen.Partners[0].Situations[0].Priority, seen.Partners[0].Situations[1].Priority})
	require.Equal(t, []int{2, 2}, []int{seen.TotalPartners, seen.TotalSituations})
	require.False(t, seen.IsComplete)
	at(7)

	var done, again apiv2.OnboardingCompletion
	l.Post(t, "/onboarding/complete", nil).Expect(t, http.StatusOK, &done)
	require.True(t, done.Onboarding.NextStep.IsNull())
	require.InDelta(t, 1, done.Onboarding.Progress, 0)
	l.Post(t, "/onboarding/complete", nil).Expect(t, http.StatusOK, &again)
	require.Equal(t, done.TaskID, again.TaskID)
	require.Equal(t, done.Onboarding.CompletedAt, again.Onboarding.CompletedAt)

	told := events(t, l.Get(t, "/tasks/%s/events", done.TaskID).Expect(t, http.StatusOK, nil).Body)
	require.Equal(t, "task.completed", told[len(told)-1].Name)
	var plan apiv2.LearningPlan
	l.Get(t, "/learning-plan").Expect(t, http.StatusOK, &plan)
	require.Equal(t, "zh-Hans", plan.Language)
	require.Equal(t, "clients", plan.Conversations[0].PartnerID, "the most important first")
	require.Equal(t, "negotiations", plan.Conversations[0].SituationID)
}

func anAnswerInAnotherLanguageIsAnother(t *testing.T, l *apitest.Learner) {
	chose(t, l, "industry", object{"industry_id": "banking_finance"})
	chose(t, l, "role", object{"role_id": accountantID})
	english, tag := onboardingOf(t, l, "en")
	chinese, other := onboardingOf(t, l, "zh-TW")
	require.NotEqual(t, english.Selections.Role.MustGet().Title, chinese.Selections.Role.MustGet().Title)
	require.NotEqual(t, tag, other, "else a cache would keep the wrong language")
	choose(t, l, "partners", object{"partner_ids": []string{"clients"}}, "Accept-Language", "zh-TW", "If-Match", other).Expect(t, http.StatusOK, nil)
}

func aRoleIsChosenInOneWayAndOfTheIndustry(t *testing.T, l *apitest.Learner) {
	own := quokka(t, l)
	for _, body := range []object{
		{}, {"role_id": accountantID, "custom": object{"title": "Accountant", "description": "I keep the books"}}, {"role_id": "accountant"},
		{"custom": object{"title": "  x  ", "description": "I keep the books"}}, {"custom": object{"title": "Accountant", "description": "  short   "}},
		{"custom": object{"title": "Accountant", "description": "I keep the books", "hierarchy_level": "king"}},
	} {
		choose(t, l, "role", body).Refused(t, http.StatusBadRequest, "request.invalid")
	}
	chose(t, l, "industry", object{"industry_id": "real_estate"})
	choose(t, l, "role", object{"role_id": own.ID}).Refused(t, http.StatusUnprocessableEntity, "onboarding.role_of_other_industry")
	chose(t, l, "industry", object{"industry_id": "banking_finance"})
	require.Equal(t, own.ID, chose(t, l, "role", object{"role_id": own.ID}).Selections.Role.MustGet().ID, "one's own may be chosen again")
}

func TestACustomRoleIsKeptWhileTheModelIsDown(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	chose(t, l, "industry", object{"industry_id": "real_estate"})
	for range 3 { // as often as it is tried
		s.Model.Script(partner.Step{Status: http.StatusInternalServerError})
	}
	role := chose(t, l, "role", object{"custom": object{"title": "  Crane poet ", "description": " I write poems about cranes. "}}).Selections.Role.MustGet()
	require.Equal(t, []string{"Crane poet", "I write poems about cranes."}, []string{role.Title, role.Description})
	require.NotEmpty(t, role.Keywords)
	require.NotContains(t, s.Logs.String(), "poems", "what a learner wrote is not logged")
}

func resettingForgetsWhatWasChosenAndNothingElse(t *testing.T, l *apitest.Learner) {
	_, untouched := onboardingOf(t, l, "en")
	a := l.Post(t, "/onboarding/reset", nil).Expect(t, http.StatusOK, nil)
	require.Equal(t, untouched, a.Header.Get("ETag"), "what has not begun does not change")

	own := quokka(t, l)
	chose(t, l, "native-language", object{"native_language": "english"})
	_, before := onboardingOf(t, l, "en")
	l.Post(t, "/onboarding/reset", nil).Expect(t, http.StatusOK, nil)
	var me apiv2.User
	l.Get(t, "/users/me").Expect(t, http.StatusOK, &me)
	require.True(t, me.NativeLanguage.IsNull(), "the account's too")
	var page apiv2.RolePage
	l.Get(t, "/roles?q=quokka").Expect(t, http.StatusOK, &page)
	require.Equal(t, own.ID, page.Data[0].ID, "custom roles stay")
	choose(t, l, "industry", object{"industry_id": "banking_finance"}, "If-Match", before).Refused(t, http.StatusPreconditionFailed, "request.precondition_failed")
	choose(t, l, "industry", object{"industry_id": "banking_finance"}, "If-Match", untouched).Refused(t, http.StatusPreconditionFailed, "request.precondition_failed")
}
