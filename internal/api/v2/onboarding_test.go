package v2_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// choose asks for a choice of the onboarding; header holds names and values in turn.
func choose(t *testing.T, l *apitest.Learner, path string, body any, header ...string) apitest.Answer {
	t.Helper()
	call := apitest.Call{Method: http.MethodPut, Path: "/onboarding/" + path, Body: body, Header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		call.Header[header[i]] = header[i+1]
	}
	return l.Do(t, call)
}

// chose makes a choice and gives the onboarding as it is then.
func chose(t *testing.T, l *apitest.Learner, path string, body any, header ...string) (now apiv2.Onboarding) {
	t.Helper()
	choose(t, l, path, body, header...).Expect(t, http.StatusOK, &now)
	return now
}

type object = map[string]any

// accountantID is a seeded role of banking_finance.
const accountantID = catalogueRole

func TestEveryRuleOfTheOnboardingHasItsOwnProblem(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	other := s.SignUp(t)
	chose(t, other, "industry", object{"industry_id": "banking_finance"})
	theirs := chose(t, other, "role", object{"custom": object{"title": "Quokka keeper", "description": "I keep the quokkas of our bank"}}).Selections.Role.MustGet()

	l := s.SignUp(t)
	job := object{"title": "Accountant", "description": "I keep the books of our branch"}
	l.Post(t, "/onboarding/role-matches", job).Refused(t, http.StatusConflict, "onboarding.industry_required")
	choose(t, l, "role", object{"role_id": accountantID}).Refused(t, http.StatusConflict, "onboarding.industry_required")
	choose(t, l, "role", object{"custom": job}).Refused(t, http.StatusConflict, "onboarding.industry_required")
	choose(t, l, "partners/clients/situations", object{"situation_ids": []string{"meetings"}}).Refused(t, http.StatusConflict, "onboarding.partner_not_selected")
	chose(t, l, "industry", object{"industry_id": "real_estate"})
	chose(t, l, "partners", object{"partner_ids": []string{"clients"}})

	for _, c := range []struct {
		path, code string
		body       object
		fields     []string // pointer and code of each
	}{
		{"native-language", "onboarding.unknown_language", object{"native_language": "klingon"}, []string{"/native_language unknown"}},
		{"native-language", "onboarding.unknown_language", object{"native_language": "french"}, []string{"/native_language unknown"}},
		{"industry", "onboarding.unknown_industry", object{"industry_id": "mining"}, []string{"/industry_id unknown"}},
		{"role", "onboarding.unknown_role", object{"role_id": uuid.NewString()}, []string{"/role_id unknown"}},
		{"role", "onboarding.unknown_role", object{"role_id": theirs.ID}, []string{"/role_id unknown"}},
		{"role", "onboarding.role_of_other_industry", object{"role_id": accountantID}, []string{"/role_id not_allowed"}},
		{"partners", "onboarding.partner_required", object{"partner_ids": []string{}}, []string{"/partner_ids too_few"}},
		{"partners", "onboarding.invalid_partners", object{"partner_ids": []string{"clients", "enemies", "CLIENTS", "meetings"}},
			[]string{"/partner_ids/1 unknown", "/partner_ids/2 repeated", "/partner_ids/3 unknown"}},
		{"partners/clients/situations", "onboarding.situation_required", object{"situation_ids": []string{}}, []string{"/situation_ids too_few"}},
		{"partners/clients/situations", "onboarding.invalid_situations", object{"situation_ids": []string{"phone-calls", "battles", "phone_calls"}},
			[]string{"/situation_ids/1 unknown", "/situation_ids/2 repeated"}},
	} {
		before := string(l.Get(t, "/onboarding").Body)
		p := choose(t, l, c.path, c.body).Refused(t, http.StatusUnprocessableEntity, c.code)
		var named []string
		for _, field := range *p.Errors {
			named = append(named, field.Pointer+" "+field.Code)
		}
		require.Equal(t, c.fields, named, c.code)
		require.Equal(t, before, string(l.Get(t, "/onboarding").Body), "nothing is half done")
	}
	choose(t, l, "partners/enemies/situations", object{"situation_ids": []string{"meetings"}}).Refused(t, http.StatusNotFound, "resource.not_found")

	a := l.Post(t, "/onboarding/complete", nil)
	p := a.Refused(t, http.StatusConflict, "onboarding.incomplete")
	require.Len(t, *p.Errors, 3)
	require.Contains(t, string(a.Body), `"missing":["native_language","role","situations"]`)
	l.Post(t, "/learning-plan", nil).Refused(t, http.StatusConflict, "onboarding.incomplete")
}

func TestIDsAreTakenHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	l := apitest.Shared(t).SignUp(t)
	require.Equal(t, "chinese_traditional", chose(t, l, "native-language", object{"native_language": "Chinese-Traditional"}).Selections.NativeLanguage.MustGet())
	require.Equal(t, "hotels_hospitality", chose(t, l, "industry", object{"industry_id": "HOTELS-hospitality"}).Selections.IndustryID.MustGet())
	chose(t, l, "partners", object{"partner_ids": []string{"Senior-Management", "CLIENTS"}})
	now := chose(t, l, "partners/SENIOR-management/situations", object{"situation_ids": []string{"Phone-Calls", "one_on_ones"}})
	require.Equal(t, []apiv2.SelectedPartner{
		{PartnerID: "senior_management", SituationIds: []string{"phone_calls", "one_on_ones"}}, {PartnerID: "clients", SituationIds: []string{}},
	}, now.Selections.Partners, "in the order of priority")
	var me apiv2.User
	l.Get(t, "/users/me").Expect(t, http.StatusOK, &me)
	require.Equal(t, "chinese_traditional", me.NativeLanguage.MustGet(), "the account's as well")
}

func TestStepsOnlyMoveForward(t *testing.T) {
	t.Parallel()
	l := apitest.Shared(t).SignUp(t)
	onboard(t, l)
	var done apiv2.Onboarding
	l.Get(t, "/onboarding").Expect(t, http.StatusOK, &done)
	require.Equal(t, apiv2.OnboardingStatusCompleted, done.Status)

	now := chose(t, l, "industry", object{"industry_id": "banking_finance"})
	require.Equal(t, apiv2.ProgressStepCompleted, now.CurrentStep, "redoing a step keeps the position")
	require.Equal(t, apiv2.OnboardingStatusCompleted, now.Status)
	require.True(t, now.Selections.Role.MustGet().IsCustom, "a role of one's own stays")
	require.Empty(t, now.Missing)

	chose(t, l, "role", object{"role_id": accountantID})
	now = chose(t, l, "industry", object{"industry_id": "real_estate"})
	require.True(t, now.Selections.Role.IsNull(), "one of the catalogue is of its industry")
	require.Equal(t, []apiv2.MissingPart{apiv2.MissingPartRole}, now.Missing)
	require.Equal(t, apiv2.ProgressStepRoleInput, now.NextStep.MustGet())
	require.InDelta(t, 1, now.Progress, 0)

	now = chose(t, l, "partners", object{"partner_ids": []string{"suppliers", "clients"}})
	require.Equal(t, []string{"meetings"}, now.Selections.Partners[1].SituationIds, "a partner that stays keeps its situations")

	var fresh apiv2.Onboarding
	l.Post(t, "/onboarding/reset", nil).Expect(t, http.StatusOK, &fresh)
	require.Equal(t, apiv2.OnboardingStatusNotStarted, fresh.Status)
	require.Equal(t, apiv2.ProgressStepNativeLanguage, fresh.NextStep.MustGet())
	require.True(t, fresh.Selections.NativeLanguage.IsNull())
	require.True(t, fresh.TaskID.IsNull())
	l.Get(t, "/learning-plan").Expect(t, http.StatusOK, nil) // which stays
}

func TestTwoDevicesKnowOfEachOther(t *testing.T) {
	t.Parallel()
	l := apitest.Shared(t).SignUp(t)
	first := choose(t, l, "industry", object{"industry_id": "real_estate"}).Expect(t, http.StatusOK, nil)
	tag := first.Header.Get("ETag")
	require.Equal(t, http.StatusNotModified, l.Do(t, apitest.Call{Method: http.MethodGet, Path: "/onboarding", Header: map[string]string{"If-None-Match": tag}}).Status)
	second := choose(t, l, "partners", object{"partner_ids": []string{"clients"}}, "If-Match", tag).Expect(t, http.StatusOK, nil)
	require.NotEqual(t, tag, second.Header.Get("ETag"))
	for path, body := range map[string]object{
		"industry": {"industry_id": "banking_finance"}, "native-language": {"native_language": "english"}, "partners": {"partner_ids": []string{"suppliers", "clients"}},
		"partners/clients/situations": {"situation_ids": []string{"meetings"}}, "role": {"custom": object{"title": "Agent", "description": "I show houses to people"}},
	} {
		choose(t, l, path, body, "If-Match", tag).Refused(t, http.StatusPreconditionFailed, "request.precondition_failed")
		choose(t, l, path, body, "If-Match", "*").Expect(t, http.StatusOK, nil)
	}
}

func TestACustomRoleIsPutIntoTheThirdPersonOrKeptAsItIs(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	chose(t, l, "industry", object{"industry_id": "real_estate"})
	job := object{"title": "Window planner", "description": "I plan the windows of our new towers and I check the drawings.", "hierarchy_level": "manager"}
	role := chose(t, l, "role", object{"custom": job}).Selections.Role.MustGet()
	require.NotContains(t, " "+strings.ToLower(role.Description), " i ")
	require.GreaterOrEqual(t, len(role.Keywords), 5)
	require.Equal(t, apiv2.HierarchyLevel("manager"), role.HierarchyLevel.MustGet())
	again := chose(t, l, "role", object{"custom": job}).Selections.Role.MustGet()
	require.Equal(t, role.ID, again.ID, "the same words are the same role")

	s.Model.Script(partner.Step{Text: "no JSON"})
	job["description"] = "I clean the windows of our new towers."
	kept := chose(t, l, "role", object{"custom": job}).Selections.Role.MustGet()
	require.Equal(t, "I clean the windows of our new towers.", kept.Description)
	require.NotEqual(t, role.ID, kept.ID)
}

func TestMatchingSaysWhatItFoundAndHow(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	chose(t, l, "industry", object{"industry_id": "hotels_hospitality"})
	match := func(language, title, description string) (found apiv2.RoleMatches) {
		l.Do(t, apitest.Call{Method: http.MethodPost, Path: "/onboarding/role-matches", Header: map[string]string{"Accept-Language": language},
			Body: object{"title": title, "description": description}}).Expect(t, http.StatusOK, &found)
		return found
	}
	found := match("zh-TW", "concierge", "I book restaurants and taxis for the guests of our hotel")
	require.Equal(t, "飯店禮賓員", found.Matches[0].Role.Title, "in the learner's language")
	require.Contains(t, strings.Join(found.Matches[0].Reasons, ""), "您的描述")
	require.Equal(t, apiv2.RecommendedAction("select_excellent_match"), found.RecommendedAction)
	require.False(t, found.Degraded)
	var now apiv2.Onboarding
	l.Get(t, "/onboarding").Expect(t, http.StatusOK, &now)
	require.Equal(t, apiv2.ProgressStepRoleInput, now.CurrentStep)
	require.Equal(t, "concierge", now.Selections.RoleInput.MustGet().Title, "another device goes on with it")

	for range 3 { // as often as it is tried
		s.Model.ScriptEmbeddings(partner.Step{Status: http.StatusInternalServerError})
	}
	found = match("en", "hotel concierge", "I book tables for guests")
	require.True(t, found.Degraded)
	require.Equal(t, "Hotel Concierge", found.Matches[0].Role.Title)

	found = match("en", "Violinist", "I play in an orchestra at night")
	require.Empty(t, found.Matches)
	require.Equal(t, apiv2.RecommendedAction("create_custom_role"), found.RecommendedAction)
	l.Post(t, "/onboarding/role-matches", object{"title": " x ", "description": "0123456789"}).Refused(t, http.StatusBadRequest, "request.invalid")
}

func TestMatchingHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	redis, _ := ownRedis(t)
	s := apitest.New(t, redis, rated(func(c *app.Config) { c.RateMatching = "2/1m" }))
	l := s.SignUp(t)
	chose(t, l, "industry", object{"industry_id": "hotels_hospitality"})
	body := object{"title": "concierge", "description": "I book tables for guests"}
	for range 2 {
		l.Post(t, "/onboarding/role-matches", body).Expect(t, http.StatusOK, nil)
	}
	l.Post(t, "/onboarding/role-matches", body).Refused(t, http.StatusTooManyRequests, "request.rate_limited")
	l.Get(t, "/onboarding").Expect(t, http.StatusOK, nil)
}

func TestAnOnboardingTellsItsEventsInOrder(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	onboard(t, l)
	l.Post(t, "/onboarding/complete", nil).Expect(t, http.StatusOK, nil)
	rows, err := s.Pool(t).Query(t.Context(), "select type from outbox where aggregate_type = 'onboarding' and aggregate_id = $1 order by position", l.User.ID)
	require.NoError(t, err)
	var told []string
	for rows.Next() {
		var one string
		require.NoError(t, rows.Scan(&one))
		told = append(told, strings.TrimPrefix(one, "onboarding."))
	}
	require.Equal(t, []string{
		"started", "language_selected", "step_completed", "industry_selected", "step_completed", "custom_role_created", "role_selected", "step_completed",
		"partners_selected", "step_completed", "situations_configured", "step_completed", "completed", "step_completed",
	}, told, "completing twice tells nothing more")
}
