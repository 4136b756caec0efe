package onboarding_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

const (
	title       = "Treasury Analyst"
	description = "I plan the cash of our group."
)

// nobody is an account that keeps nothing.
type nobody struct{}

func (nobody) NativeLanguage(context.Context, uuid.UUID) (*string, error) { return nil, nil }

func (nobody) SetNativeLanguage(context.Context, postgres.Tx, uuid.UUID, *string) error { return nil }

func TestMatchingKeepsWhatWasWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok(b.industry("banking_finance"))
	b.told()
	b.roles.found = onboarding.Matches{Action: "review_good_matches", Degraded: true,
		Matches: []onboarding.Match{{Role: onboarding.Role{ID: accountant}, Score: 0.8, Reasons: []string{"why"}}}}
	found, err := b.match("  Accountant ", "\tI keep the books.\n")
	require.NoError(t, err)
	require.Equal(t, b.roles.found, found)
	require.Equal(t, []onboarding.MatchInput{{UserID: mei, IndustryID: "banking_finance", Title: "Accountant",
		Description: "I keep the books.", Language: "zh-Hans"}}, b.roles.matched)
	o := b.now()
	require.Equal(t, onboarding.RoleInput{Title: "Accountant", Description: "I keep the books."}, *o.RoleInput)
	require.Equal(t, []string{"role_input", "native_language"}, []string{o.Step, o.Next()})
	require.Equal(t, "role_selection", b.ok(b.language("english")).Next())
	require.Equal(t, []string{
		`role_match_performed {"degraded":true,"industry_id":"banking_finance","recommended_action":"review_good_matches","role_ids":["` + accountant.String() + `"]}`,
		`step_completed {"current_step":"role_input","step":"role_input"}`}, b.told()[:2])

	b.roles.found = onboarding.Matches{Action: "create_custom_role"}
	_, err = b.match("Juggler", "I juggle all day.")
	require.NoError(t, err)
	require.Contains(t, b.told()[0], `"role_ids":[]`)
	require.Equal(t, "Juggler", b.now().RoleInput.Title)
}

func TestMatchingNeedsAnIndustryAndWords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.match("Accountant", "I keep the books.")
	requireFault(t, err, fault.Conflict, "onboarding.industry_required")
	_, err = b.match("A ", " too short ")
	require.Equal(t, []string{"/title too_short", "/description too_short"}, places(t, requireFault(t, err, fault.Malformed, "request.invalid")))
	require.Empty(t, b.roles.matched)

	b.ok(b.industry("real_estate"))
	b.roles.during = func() { b.ok(b.industry("banking_finance")) }
	_, err = b.match("Accountant", "I keep the books.")
	require.NoError(t, err, "another industry meanwhile does no harm")
	require.Equal(t, "Accountant", b.now().RoleInput.Title)

	b.roles.during = func() { b.ok(b.Reset(t.Context(), mei, "en")) }
	_, err = b.match("Accountant", "I keep the books.")
	requireFault(t, err, fault.Conflict, "onboarding.industry_required")
	require.Equal(t, "not_started", b.now().Status)
}

func TestOnlyARoleOfTheIndustryCanBeChosen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, id := range []uuid.UUID{accountant, uuid.New()} {
		_, err := b.role(id)
		requireFault(t, err, fault.Conflict, "onboarding.industry_required")
	}
	b.ok(b.industry("banking_finance"))
	for _, id := range []uuid.UUID{hidden, uuid.New()} {
		_, err := b.role(id)
		require.Equal(t, []string{"/role_id unknown"}, places(t, requireFault(t, err, fault.Unprocessable, "onboarding.unknown_role")))
	}
	_, err := b.role(concierge)
	require.Equal(t, []string{"/role_id not_allowed"}, places(t, requireFault(t, err, fault.Unprocessable, "onboarding.role_of_other_industry")))
	for _, in := range []onboarding.SetRoleInput{{UserID: mei}, {UserID: mei, RoleID: &accountant, Custom: &onboarding.CustomRole{Title: title, Description: description}}} {
		_, err = b.SetRole(t.Context(), in)
		requireFault(t, err, fault.Malformed, "request.invalid")
	}
	require.Equal(t, int64(1), b.now().Version)
}

func TestOnesOwnTextBecomesARole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.own(title, description, nil)
	requireFault(t, err, fault.Conflict, "onboarding.industry_required")
	b.ok(b.industry("banking_finance"))
	b.told()
	o := b.ok(b.own("  "+title, description+" ", ptr("associate")))
	require.Equal(t, onboarding.Role{ID: o.Role.ID, IndustryID: "banking_finance", Level: ptr("associate"), Title: title,
		Description: description, Keywords: []string{"own"}, Custom: true}, *o.Role)
	require.Equal(t, o, b.now())
	id := o.Role.ID.String()
	selected := []string{`role_selected {"is_custom":true,"role_id":"` + id + `"}`, `step_completed {"current_step":"role_selection","step":"role_selection"}`}
	require.Equal(t, append([]string{`custom_role_created {"hierarchy_level":"associate","industry_id":"banking_finance","role_id":"` + id + `"}`}, selected...), b.told())

	before := b.count("roles")
	require.Equal(t, o.Role, b.ok(b.own(title, description, ptr("associate"))).Role, "the very same text is the same role")
	require.Equal(t, selected, b.told())
	require.Equal(t, before, b.count("roles"))
}

func TestOnesOwnTextFollowsTheRules(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok(b.industry("banking_finance"))
	_, err := b.own("x", "short", nil)
	require.Equal(t, []string{"/custom/title too_short", "/custom/description too_short"}, places(t, requireFault(t, err, fault.Malformed, "request.invalid")))
	_, err = b.own(title, description, ptr("emperor"))
	require.Equal(t, []string{"/custom/hierarchy_level not_allowed"}, places(t, requireFault(t, err, fault.Malformed, "request.invalid"), "emperor"))
	refuse := fault.New(fault.Precondition, "request.precondition_failed", "no")
	_, err = b.SetRole(t.Context(), onboarding.SetRoleInput{UserID: mei, Custom: &onboarding.CustomRole{Title: title, Description: description},
		Matches: func(onboarding.Onboarding) error { return refuse }})
	require.ErrorIs(t, err, refuse)
	require.Empty(t, b.roles.composed, "the model is not asked in vain")
}

func TestARoleIsComposedAgainForTheIndustryChosenMeanwhile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok(b.industry("banking_finance"))
	industries := []string{"real_estate"}
	b.roles.during = func() {
		if len(industries) > 0 {
			b.ok(b.industry(industries[0]))
			industries = industries[1:]
		}
	}
	o := b.ok(b.own(title, description, nil))
	require.Equal(t, "real_estate", o.Role.IndustryID)
	require.Len(t, b.roles.composed, 2)

	before := b.count("roles")
	industries = []string{"banking_finance", "hotels_hospitality"}
	_, err := b.own("Another", description, nil)
	requireFault(t, err, fault.Precondition, "request.precondition_failed")
	require.Equal(t, before, b.count("roles"))
	require.Equal(t, o.Role, b.now().Role)
}
