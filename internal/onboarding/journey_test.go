package onboarding_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestWhoHasNotBegunIsNotStarted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, onboarding.Onboarding{UserID: mei, Status: "not_started", Step: "not_started", Partners: []onboarding.Partner{}}, b.now())
	require.Equal(t, "native_language", b.now().Next())
	b.ok(b.Summary(t.Context(), mei, "en"))
	require.Zero(t, b.count("onboardings"), "reading writes nothing")

	b.exec("update users set native_language = 'english' where id = $1", mei)
	require.Equal(t, []string{"industry", "role", "partners"}, b.now().Missing(), "the account knows the language")
}

func TestALearnerGoesTheWholeWay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.ok(b.language("Chinese-Simplified"))
	require.Equal(t, []any{int64(1), "in_progress", "native_language", "chinese_simplified"}, []any{o.Version, o.Status, o.Step, *o.NativeLanguage})
	require.Equal(t, []time.Time{start, start, start}, []time.Time{*o.StartedAt, *o.UpdatedAt, o.LastActivityAt})
	require.Equal(t, "chinese_simplified", *b.account())
	require.Equal(t, []string{"started {}", `language_selected {"native_language":"chinese_simplified"}`,
		`step_completed {"current_step":"native_language","step":"native_language"}`}, b.told())

	b.clock.pass(time.Minute)
	o = b.ok(b.industry("BANKING-finance"))
	require.Equal(t, "banking_finance", *o.IndustryID)
	require.Equal(t, start, *o.StartedAt)
	require.Equal(t, start.Add(time.Minute), o.LastActivityAt)
	require.Equal(t, []string{`industry_selected {"industry_id":"banking_finance","role_cleared":false}`,
		`step_completed {"current_step":"industry_selection","step":"industry_selection"}`}, b.told())

	o = b.ok(b.role(accountant))
	require.Equal(t, onboarding.Role{ID: accountant, IndustryID: "banking_finance", Level: ptr("associate"), Title: "Accountant",
		Description: "Keeps the books.", Keywords: []string{"ledger"}}, *o.Role)
	require.Equal(t, []string{`role_selected {"is_custom":false,"role_id":"` + accountant.String() + `"}`,
		`step_completed {"current_step":"role_selection","step":"role_selection"}`}, b.told())

	o = b.ok(b.partners("Clients", "senior-management"))
	require.Equal(t, []onboarding.Partner{{ID: "clients", Situations: []string{}}, {ID: "senior_management", Situations: []string{}}}, o.Partners)
	require.Equal(t, []string{"situations"}, o.Missing())
	require.Equal(t, []string{`partners_selected {"partner_ids":["clients","senior_management"]}`,
		`step_completed {"current_step":"communication_partners","step":"communication_partners"}`}, b.told())

	o = b.ok(b.situations("CLIENTS", "phone-calls", "Meetings"))
	require.Equal(t, []string{"phone_calls", "meetings"}, o.Partners[0].Situations)
	require.Empty(t, o.Missing())
	require.Equal(t, []string{`situations_configured {"partner_id":"clients","situation_ids":["phone_calls","meetings"]}`,
		`step_completed {"current_step":"situation_selection","step":"situation_selection"}`}, b.told())
	require.Equal(t, o, b.now(), "what a verb answers is what is stored")

	o = b.ok(b.Summary(t.Context(), mei, "en"))
	require.Equal(t, []any{int64(6), "summary"}, []any{o.Version, o.Step})
	require.Equal(t, o, b.ok(b.Summary(t.Context(), mei, "en")), "seeing it again is no step")
	require.Equal(t, []string{`step_completed {"current_step":"summary","step":"summary"}`}, b.told())

	o = b.ok(b.complete())
	require.Equal(t, []any{int64(7), "completed", "completed", "", 1.0}, []any{o.Version, o.Status, o.Step, o.Next(), o.Progress()})
	require.Equal(t, start.Add(time.Minute), *o.CompletedAt)
	require.Equal(t, 1, b.count("tasks"))
	require.Equal(t, []string{`completed {"task_id":"` + o.TaskID.String() + `"}`,
		`step_completed {"current_step":"completed","step":"completed"}`}, b.told())
	require.Equal(t, o, b.now())
}

func TestRedoingAStepKeepsThePosition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.chosen()
	b.told()
	require.Equal(t, "situation_selection", b.ok(b.language("english")).Step)
	require.Equal(t, "situation_selection", b.ok(b.partners("suppliers")).Step)
	require.Equal(t, []string{`language_selected {"native_language":"english"}`, `step_completed {"current_step":"situation_selection","step":"native_language"}`,
		`partners_selected {"partner_ids":["suppliers"]}`, `step_completed {"current_step":"situation_selection","step":"communication_partners"}`}, b.told())

	b.ok(b.situations("suppliers", "briefings"))
	b.ok(b.complete())
	b.told()
	o := b.ok(b.industry("hotels_hospitality"))
	require.Equal(t, []string{"completed", "completed", "role_input"}, []string{o.Status, o.Step, o.Next()})
	require.Equal(t, []string{`industry_selected {"industry_id":"hotels_hospitality","role_cleared":true}`,
		`step_completed {"current_step":"completed","step":"industry_selection"}`}, b.told())
	require.Equal(t, o, b.ok(b.complete()), "a completed one stays so")
	require.Empty(t, b.told())
}

func TestAnythingUnknownIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.language("french") // known, but not available
	require.Equal(t, []string{"/native_language unknown"}, places(t, requireFault(t, err, fault.Unprocessable, "onboarding.unknown_language"), "french"))
	_, err = b.industry("space")
	require.Equal(t, []string{"/industry_id unknown"}, places(t, requireFault(t, err, fault.Unprocessable, "onboarding.unknown_industry"), "space"))
	_, err = b.partners()
	require.Equal(t, []string{"/partner_ids too_few"}, places(t, requireFault(t, err, fault.Unprocessable, "onboarding.partner_required")))
	_, err = b.partners("clients", "aliens", "Clients")
	require.Equal(t, []string{"/partner_ids/1 unknown", "/partner_ids/2 repeated"},
		places(t, requireFault(t, err, fault.Unprocessable, "onboarding.invalid_partners"), "aliens", "lients"))
	_, err = b.situations("clients")
	requireFault(t, err, fault.Unprocessable, "onboarding.situation_required")
	_, err = b.situations("clients", "dreams", "meetings", "MEETINGS")
	require.Equal(t, []string{"/situation_ids/0 unknown", "/situation_ids/2 repeated"},
		places(t, requireFault(t, err, fault.Unprocessable, "onboarding.invalid_situations"), "dreams", "eetings"))
	_, err = b.situations("aliens", "meetings")
	requireFault(t, err, fault.NotFound, "resource.not_found")
	_, err = b.situations("clients", "meetings")
	requireFault(t, err, fault.Conflict, "onboarding.partner_not_selected")
	require.Zero(t, b.now().Version)
	require.Empty(t, b.told())
}

func TestPartnersThatStayKeepTheirSituations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.chosen()
	b.ok(b.situations("colleagues", "briefings"))
	o := b.ok(b.partners("suppliers", "colleagues"))
	require.Equal(t, []onboarding.Partner{{ID: "suppliers", Situations: []string{}}, {ID: "colleagues", Situations: []string{"briefings"}}}, o.Partners)
	o = b.ok(b.partners("clients"))
	require.Equal(t, []onboarding.Partner{{ID: "clients", Situations: []string{}}}, o.Partners, "who left comes back without")
	require.Equal(t, o, b.now())
}

func TestAnIndustryTakesBackARoleOfAnotherButNeverOnesOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.chosen()
	b.told()
	require.Equal(t, accountant, b.ok(b.industry("banking_finance")).Role.ID, "the same industry")
	o := b.ok(b.industry("real_estate"))
	require.Nil(t, o.Role)
	require.Nil(t, b.now().Role)
	require.Equal(t, "role_input", o.Next())
	require.Contains(t, b.told(), `industry_selected {"industry_id":"real_estate","role_cleared":true}`)

	own := b.ok(b.own("Agent", "I sell houses by the sea.", nil)).Role.ID
	b.told()
	require.Equal(t, own, b.ok(b.industry("banking_finance")).Role.ID)
	require.Contains(t, b.told(), `industry_selected {"industry_id":"banking_finance","role_cleared":false}`)
}

func TestARoleThatIsGoneCountsAsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.chosen()
	b.exec("update roles set author_id = $1, published_at = null where id = $2", other, accountant)
	require.Equal(t, []string{"role"}, b.now().Missing())
	require.Contains(t, b.log.String(), "the chosen role is gone")
	b.exec("delete from roles where id = $1", accountant)
	_, err := b.complete()
	requireFault(t, err, fault.Conflict, "onboarding.incomplete")
}

func TestTextsComeInTheLanguageAskedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	english := b.chosen()
	chinese := b.ok(b.Get(t.Context(), mei, "zh-Hans"))
	require.Equal(t, "会计", chinese.Role.Title)
	require.NotEqual(t, english.Tag(), chinese.Tag())
	o := b.ok(b.SetIndustry(t.Context(), onboarding.SetIndustryInput{UserID: mei, Language: "zh-Hans", IndustryID: "banking_finance"}))
	require.Equal(t, "会计", o.Role.Title)
}

func TestAnErasedLearnerHasNoOnboarding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, has, err := b.Export(t.Context(), mei)
	require.NoError(t, err)
	require.False(t, has)
	b.ok(b.Reset(t.Context(), mei, "en")) // makes a row, and nothing to tell
	_, has, err = b.Export(t.Context(), mei)
	require.NoError(t, err)
	require.False(t, has)

	chosen := b.chosen()
	o, has, err := b.Export(t.Context(), mei)
	require.NoError(t, err)
	require.True(t, has)
	require.Equal(t, chosen, o)

	for _, want := range []int64{1, 0} {
		n, err := b.Erase(t.Context(), mei)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	_, has, err = b.Export(t.Context(), mei)
	require.NoError(t, err)
	require.False(t, has)
}

func TestNobodyHasNoOnboarding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := onboarding.New(onboarding.Deps{Pool: b.pool, Learners: nobody{}, Now: b.clock.Now}).
		Complete(t.Context(), onboarding.CompleteInput{UserID: uuid.New()})
	requireFault(t, err, fault.NotFound, "resource.not_found")
}
