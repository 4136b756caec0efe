package v1_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/docs"
	"github.com/fluentpro/fluentpro/gen/apiv1"
	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestMain(m *testing.M) { apitest.Main(m) }

// body is a JSON object, as the app writes it.
type body = map[string]any

// send asks an operation of version 1 and expects 200.
func send(t *testing.T, l *apitest.Learner, method, path string, in, out any) {
	t.Helper()
	l.Do(t, apitest.Call{Method: method, Path: "/api/v1" + path, Body: in}).Expect(t, http.StatusOK, out)
}

// refused expects an error of version 1 and gives what the app shows.
func refused(t *testing.T, l *apitest.Learner, method, path string, in any, status int, code string) string {
	t.Helper()
	var e apiv1.Error
	a := l.Do(t, apitest.Call{Method: method, Path: "/api/v1" + path, Body: in}).Expect(t, status, &e)
	require.Equal(t, "application/json", a.Header.Get("Content-Type"))
	require.Equal(t, code, e.Code, "%s", a.Body)
	require.NotEmpty(t, e.RequestID)
	require.NotEmpty(t, e.Detail)
	return e.Detail
}

// signedIn is a learner whom the app signed up and in.
func signedIn(t *testing.T, s *apitest.Server) (*apitest.Learner, apiv1.User) {
	t.Helper()
	email := uuid.NewString() + "@example.com"
	nobody := s.Nobody()
	var made apiv1.SignUpResponse
	send(t, nobody, http.MethodPost, "/auth/signup/", body{"email": email, "password": apitest.Password, "full_name": "Mei Chen", "app_version": "1.4.2"}, &made)
	require.Equal(t, "local|"+made.UserID.String(), made.Auth0ID)
	var in apiv1.LogInResponse
	send(t, nobody, http.MethodPost, "/auth/login", body{"email": email, "password": apitest.Password}, &in)
	require.Equal(t, made.UserID, in.User.ID)
	l := s.Nobody()
	l.Tokens.AccessToken, l.Tokens.RefreshToken = in.AccessToken, in.RefreshToken
	return l, in.User
}

// The app's whole way, as it sends it: then the same learner goes on with version 2.
func TestTheShippedAppsJourney(t *testing.T) {
	t.Parallel()
	l, user := signedIn(t, apitest.Shared(t))
	require.Equal(t, apiv1.OnboardingStatusPending, user.OnboardingStatus)

	var language apiv1.NativeLanguageResponse
	send(t, l, http.MethodPost, "/onboarding/part-1/native-language/", body{"native_language": "chinese_simplified"}, &language)
	require.Equal(t, "chinese_simplified", language.NativeLanguage)
	var industry apiv1.IndustryResponse
	send(t, l, http.MethodPost, "/onboarding/part-1/industry", body{"industry": "banking_finance"}, &industry)
	require.Equal(t, "banking_finance", industry.Industry)
	var found apiv1.SearchRolesResponse
	send(t, l, http.MethodPost, "/onboarding/part-1/search-roles", body{"job_title": "Accountant", "job_description": "I prepare monthly reports and check invoices."}, &found)
	require.Equal(t, "Accountant", found.Matches[0].Title)
	require.Equal(t, "Banking & Finance", found.Matches[0].IndustryName)
	require.Greater(t, found.Matches[0].ConfidenceScore, 0.9)
	var role apiv1.SelectRoleResponse
	send(t, l, http.MethodPost, "/onboarding/part-1/select-role", body{"role_id": found.Matches[0].ID, "custom_title": nil, "custom_description": nil}, &role)
	require.Equal(t, apiv1.SelectRoleResponse{Success: true, Message: "Your role is saved.", RoleID: found.Matches[0].ID}, role)

	var partners apiv1.PartnersResponse
	send(t, l, http.MethodGet, "/onboarding/part-2/communication-partners", nil, &partners)
	require.Len(t, partners.Partners, 7)
	require.Equal(t, partners.Partners[0].ID, partners.Partners[0].Identifier)
	var chosen apiv1.SelectPartnersResponse
	send(t, l, http.MethodPost, "/onboarding/part-2/select-partners", body{"partner_ids": []string{"suppliers", "clients"}}, &chosen)
	require.Equal(t, []apiv1.PartnerSelection{
		{UserID: user.ID, CommunicationPartnerID: "suppliers", Priority: 1}, {UserID: user.ID, CommunicationPartnerID: "clients", Priority: 2},
	}, chosen.PartnerSelections)
	var units apiv1.SelectSituationsResponse
	send(t, l, http.MethodPost, "/onboarding/part-2/select-situations", body{"partner_id": "clients", "situation_ids": []string{"negotiations", "meetings"}}, &units)
	require.Equal(t, 2, units.SelectedCount)
	require.Equal(t, apiv1.SituationSelection{UserID: user.ID, CommunicationPartnerID: "clients", UnitID: "meetings", Priority: 2}, units.SituationSelections[1])
	var situations apiv1.SituationsResponse
	send(t, l, http.MethodGet, "/onboarding/part-2/situations/clients", nil, &situations)
	require.Len(t, situations.AvailableSituations, 15)
	require.Equal(t, "Clients", situations.PartnerName)
	require.Equal(t, []string{"negotiations", "meetings"}, situations.SelectedSituations)
	var selections apiv1.SelectionsResponse
	send(t, l, http.MethodGet, "/onboarding/part-2/summary", nil, &selections)
	require.Equal(t, 2, selections.TotalPartnersSelected)
	require.Equal(t, 2, selections.TotalSituationsSelected)
	require.Equal(t, apiv1.Selection{Partner: "suppliers", Priority: 1, Situations: []apiv1.SelectedUnit{}}, selections.Selections[0])
	var next apiv1.NextPart
	send(t, l, http.MethodPost, "/onboarding/part-2/complete", []byte{}, &next) // no body, but its type
	require.Equal(t, apiv1.Part3, next.NextStep)

	var summary apiv1.SummaryResponse
	send(t, l, http.MethodGet, "/onboarding/part-3/summary", nil, &summary)
	require.Equal(t, "Accountant", summary.Summary.Role.Title)
	require.Equal(t, "Chinese (Simplified)", summary.Summary.NativeLanguageDisplay)
	require.Equal(t, "Banking & Finance", summary.Summary.IndustryName)
	require.Equal(t, "Meetings", summary.Summary.CommunicationPartners[1].Situations[1].Name)
	require.Equal(t, apiv1.OnboardingStatusCourseAssignment, summary.Summary.OnboardingStatus)
	var done apiv1.CompleteResponse
	send(t, l, http.MethodPost, "/onboarding/part-3/complete", []byte{}, &done)
	require.Equal(t, apiv1.OnboardingStatusCompleted, done.OnboardingStatus)
	var progress apiv1.ProgressStatus
	send(t, l, http.MethodGet, "/onboarding/progress/status", nil, &progress)
	require.True(t, progress.Completed)
	require.True(t, progress.NextStep.IsNull())
	var me apiv1.User
	send(t, l, http.MethodGet, "/auth/me", nil, &me)
	require.Equal(t, found.Matches[0].ID, me.SelectedRoleID.MustGet())
	require.Equal(t, "banking_finance", me.IndustryID.MustGet())

	var o apiv2.Onboarding
	l.Get(t, "/onboarding").Expect(t, http.StatusOK, &o)
	require.Equal(t, apiv2.OnboardingStatusCompleted, o.Status)
	require.Equal(t, []string{"negotiations", "meetings"}, o.Selections.Partners[1].SituationIds)
}

func TestTheAppCompletesWithoutPartnersAndBeginsAnew(t *testing.T) {
	t.Parallel()
	l, _ := signedIn(t, apitest.Shared(t))
	var empty apiv1.SummaryResponse
	send(t, l, http.MethodGet, "/onboarding/part-3/summary", nil, &empty)
	require.Equal(t, "No role selected", empty.Summary.Role.Title)
	require.Equal(t, "Please complete role selection", empty.Summary.Role.Description)
	require.Contains(t, refused(t, l, http.MethodPost, "/onboarding/part-3/complete", nil, 409, "onboarding.incomplete"), "native_language: must be chosen first; industry: must be chosen first;")

	send(t, l, http.MethodPost, "/onboarding/part-1/native-language", body{"native_language": "english"}, nil)
	send(t, l, http.MethodPost, "/onboarding/part-1/industry", body{"industry": "shipping_logistics"}, nil)
	var own apiv1.SelectRoleResponse
	send(t, l, http.MethodPost, "/onboarding/part-1/select-role", body{"custom_title": "Tea taster", "custom_description": "I taste teas and write about them."}, &own)
	require.True(t, own.IsCustom)
	var tracked apiv1.TrackResponse
	send(t, l, http.MethodPost, "/onboarding/progress/track", body{"action": "select_role", "data": body{"at": 7}}, &tracked)
	require.Equal(t, apiv1.StepRoleSelection, tracked.Progress.CurrentStep)
	require.Equal(t, own.RoleID, *tracked.Progress.Data.RoleID)
	require.Equal(t, "communication_partners", tracked.NextStep.MustGet())
	send(t, l, http.MethodPost, "/onboarding/part-3/complete", nil, nil)

	var anew apiv1.ResetResponse
	send(t, l, http.MethodPost, "/onboarding/progress/reset", []byte{}, &anew)
	require.Equal(t, apiv1.StepNotStarted, anew.CurrentStep)
	var progress apiv1.ProgressStatus
	send(t, l, http.MethodGet, "/onboarding/progress/status", nil, &progress)
	require.False(t, progress.Completed)
	require.False(t, progress.CanResume)
}

func TestTheAppStaysSignedInUntilItSignsOut(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l, user := signedIn(t, s)
	var status apiv1.AuthStatus
	send(t, s.Nobody(), http.MethodGet, "/auth/status", nil, &status)
	require.False(t, status.Authenticated)
	require.True(t, status.UserID.IsNull())
	stranger := s.Nobody()
	stranger.Tokens.AccessToken = "stale.or.forged"
	send(t, stranger, http.MethodGet, "/auth/status", nil, &status)
	require.False(t, status.Authenticated)
	send(t, l, http.MethodGet, "/auth/status", nil, &status)
	require.Equal(t, user.ID, status.UserID.MustGet())
	var check apiv1.TokenCheck
	send(t, l, http.MethodGet, "/auth/verify", nil, &check)
	require.Equal(t, apiv1.TokenCheck{Valid: true, Auth0ID: "local|" + user.ID.String(), Message: "The token is valid."}, check)

	var fresh apiv1.TokensResponse
	send(t, s.Nobody(), http.MethodPost, "/auth/refresh", body{"refresh_token": l.Tokens.RefreshToken}, &fresh)
	require.Equal(t, 900, fresh.ExpiresIn)
	l.Tokens.AccessToken = fresh.AccessToken
	send(t, l, http.MethodPost, "/auth/logout", []byte{}, nil)
	refused(t, l, http.MethodGet, "/auth/me", nil, 401, "auth.invalid_token")
	refused(t, s.Nobody(), http.MethodPost, "/auth/refresh", body{"refresh_token": fresh.RefreshToken}, 401, "auth.invalid_refresh_token")
}

func TestErrorsAreOneTextThatNamesTheFieldAndTheRule(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l, user := signedIn(t, s)
	for _, c := range []struct {
		method, path string
		in           any
		status       int
		code, says   string
	}{
		{"POST", "/auth/signup", body{"email": "mei", "password": "x", "full_name": "Mei Chen"}, 422, "request.invalid", "email: "},
		{"POST", "/auth/signup", body{"email": string(user.Email), "password": apitest.Password, "full_name": "Mei Chen"}, 409, "user.email_taken", "exists already"},
		{"POST", "/auth/signup", []byte(`{"email": `), 400, "request.malformed", "ends before"},
		{"POST", "/auth/login", body{"email": string(user.Email), "password": "Wrong-Light-42"}, 401, "auth.invalid_credentials", ""},
		{"POST", "/auth/refresh", body{}, 422, "request.invalid", "refresh_token: Is required."},
		{"PUT", "/users/me", body{"full_name": "M"}, 422, "request.invalid", "full_name: "},
		{"PUT", "/users/me", body{"email": "other@example.com"}, 422, "user.password_required", "password"},
		{"POST", "/onboarding/part-1/search-roles", body{"job_title": "Accountant", "job_description": "I prepare reports."}, 409, "onboarding.industry_required", ""},
		{"POST", "/onboarding/part-1/select-role", body{}, 422, "request.invalid", ""},
		{"POST", "/onboarding/part-2/select-partners", body{"partner_ids": []string{}}, 422, "onboarding.partner_required", ""},
		{"POST", "/onboarding/part-2/select-situations", body{"partner_id": "clients", "situation_ids": []string{"meetings"}}, 409, "onboarding.partner_not_selected", ""},
		{"GET", "/onboarding/part-2/situations/martians", nil, 404, "resource.not_found", "partner"},
		{"POST", "/onboarding/progress/track", body{"action": "fly"}, 422, "request.invalid", "action: Must be one of set_native_language"},
		{"POST", "/admin/reindex-roles", nil, 403, "auth.forbidden", ""},
		{"GET", "/nothing", nil, 404, "route.not_found", ""},
		{"DELETE", "/users/me", nil, 405, "route.method_not_allowed", ""},
	} {
		require.Contains(t, refused(t, l, c.method, c.path, c.in, c.status, c.code), c.says, "%s %s", c.method, c.path)
	}
}

func TestAUserIsReadByThemselvesAndByAdmins(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l, user := signedIn(t, s)
	path := "/users/" + user.ID.String()
	for _, who := range []*apitest.Learner{l, s.Admin(t)} {
		var read apiv1.Account
		send(t, who, http.MethodGet, path, nil, &read)
		require.Equal(t, apiv1.Account{ID: user.ID, FullName: "Mei Chen", Email: user.Email, IsActive: true}, read)
	}
	refused(t, s.SignUp(t), http.MethodGet, path, nil, 404, "resource.not_found")
	var changed apiv1.Account
	send(t, l, http.MethodPut, "/users/me", body{"full_name": "Mei Chen-Li", "email": strings.ToUpper(string(user.Email))}, &changed)
	require.Equal(t, "Mei Chen-Li", changed.FullName)
	require.Equal(t, user.Email, changed.Email)
}

// Every operation says that it will end, and then has ended: whoever asks, whatever else
// would be wrong with the request.
func TestEveryOperationTellsUntilWhenItIsServed(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	asked := 0
	each := func(status func(t *testing.T, a apitest.Answer, successor string)) {
		for path, item := range apitest.ContractV1().Paths.Map() {
			for method, op := range item.Operations() {
				path := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(path, uuid.NewString())
				a := s.Nobody().Do(t, apitest.Call{Method: method, Path: "/api/v1" + path})
				require.Equal(t, "@1788220800", a.Header.Get("Deprecation"), op.OperationID)
				require.Equal(t, "Wed, 01 Sep 2027 00:00:00 GMT", a.Header.Get("Sunset"), op.OperationID)
				require.Len(t, a.Header.Values("Link"), 3, op.OperationID)
				require.Contains(t, a.Header.Values("Link")[2], `rel="successor-version"`)
				successor, _ := op.Extensions["x-successor"].(string)
				status(t, a, successor)
				asked++
			}
		}
	}
	each(func(t *testing.T, a apitest.Answer, _ string) { require.NotEqual(t, http.StatusGone, a.Status) })
	s.Clock.Advance(time.Until(time.Date(2027, 9, 1, 0, 0, 1, 0, time.UTC)))
	each(func(t *testing.T, a apitest.Answer, successor string) {
		var e apiv1.Error
		a.Expect(t, http.StatusGone, &e)
		require.Equal(t, "route.gone", e.Code)
		require.Contains(t, e.Detail, successor)
	})
	require.Equal(t, 2*28, asked)
}

// The guide has a section for each operation, where its links lead.
func TestTheGuideShowsHowToLeaveEachOperation(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	page := string(s.Nobody().Get(t, "/docs/v1-to-v2").Expect(t, http.StatusOK, nil).Body)
	sections := map[string]string{}
	for _, part := range strings.Split(string(docs.V1ToV2), "\n## ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		sections[name] = text
	}
	for path, item := range apitest.ContractV1().Paths.Map() {
		for method, op := range item.Operations() {
			text := sections[op.OperationID]
			require.Contains(t, text, "Before:\n\n```http\n"+method+" /api/v1"+path+"\n", op.OperationID)
			after := regexp.MustCompile("After:\n\n```http\n([A-Z]+) /api/v2(\\S+)\n").FindStringSubmatch(text)
			require.NotNil(t, after, op.OperationID)
			successor := apitest.FindOperation(after[1], after[2])
			require.NotNil(t, successor, "%s: %s", op.OperationID, after[0])
			require.Contains(t, text, "`"+op.Extensions["x-successor"].(string)+"`", op.OperationID)
			require.Contains(t, page, `<h2 id="`+op.OperationID+`">`)
			delete(sections, op.OperationID)
		}
	}
	require.Empty(t, sections)
}
