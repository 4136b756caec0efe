package v2_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
	"github.com/fluentpro/fluentpro/internal/task"
)

// pathID is a path parameter that names one thing.
var pathID = regexp.MustCompile(`\{([a-z_]+_id)\}`)

// belongings makes one of everything for a learner, by the path parameter that names it.
// A parameter that is not here fails the tests below: say how its thing is made.
func belongings(t *testing.T, s *apitest.Server, l *apitest.Learner) map[string]string {
	t.Helper()
	_, session := enter(t, s, l, "phone")
	c := l.Talk(t)
	var page apiv2.MessagePage
	l.Get(t, "/conversations/%s/messages", c.ID).Expect(t, http.StatusOK, &page)
	made := s.StartTask(t, task.StartInput{UserID: l.User.ID, Kind: "example", Input: struct{}{}})
	l.Get(t, "/tasks/%s/events", made.ID).Expect(t, http.StatusOK, nil) // to its end
	giveUp(t, s, sweepLetter(l.User.ID.String()))
	var letter uuid.UUID
	require.NoError(t, s.Pool(t).QueryRow(t.Context(), "select id from dead_letters where subject = $1", l.User.ID.String()).Scan(&letter))
	role := onboard(t, l)
	_, err := s.Pool(t).Exec(t.Context(), `insert into conversation_feedback values ($1, $2, $1, 1, 'rules', 'en',
		'{"counts": {}, "scores": {}, "strengths": [{"text": "x"}], "suggestions": [{"criterion": "accuracy", "text": "x", "quote": {"text": "x", "message_id": "`+page.Data[0].ID.String()+`"}}]}', $1, now())`,
		c.ID, l.User.ID)
	require.NoError(t, err)
	return map[string]string{
		"role_id": role, "session_id": session.ID.String(), "user_id": l.User.ID.String(), "conversation_id": c.ID.String(), "message_id": page.Data[0].ID.String(),
		"task_id": made.ID.String(), "dead_letter_id": letter.String(),
	}
}

// onboard takes a learner through the onboarding, with a role of their own, to a learning
// plan, and gives the role.
func onboard(t *testing.T, l *apitest.Learner) string {
	t.Helper()
	put := func(path string, body map[string]any) (now apiv2.Onboarding) {
		l.Do(t, apitest.Call{Method: http.MethodPut, Path: "/onboarding/" + path, Body: body}).Expect(t, http.StatusOK, &now)
		return now
	}
	put("native-language", map[string]any{"native_language": "english"})
	put("industry", map[string]any{"industry_id": "real_estate"})
	own := "Keeper of " + l.User.ID.String()
	role := put("role", map[string]any{"custom": map[string]any{"title": own, "description": own + " and of nothing else"}}).Selections.Role.MustGet()
	put("partners", map[string]any{"partner_ids": []string{"clients"}})
	put("partners/clients/situations", map[string]any{"situation_ids": []string{"meetings"}})
	var done apiv2.OnboardingCompletion
	l.Post(t, "/onboarding/complete", nil).Expect(t, http.StatusOK, &done)
	l.Get(t, "/tasks/%s/events", done.TaskID).Expect(t, http.StatusOK, nil) // to its end
	return role.ID.String()
}

// rowsOf is all that is stored of a learner.
func rowsOf(t *testing.T, s *apitest.Server, l *apitest.Learner) (all string) {
	t.Helper()
	require.NoError(t, s.Pool(t).QueryRow(t.Context(), `
		select string_agg(line, E'\n' order by line) from (
			select u::text as line from users u where id = $1
			union all select x::text from sessions x where user_id = $1
			union all select x::text from conversations x where user_id = $1
			union all select m::text from messages m join conversations c on c.id = m.conversation_id where c.user_id = $1
			union all select x::text from tasks x where user_id = $1
			union all select x::text from onboardings x where user_id = $1
			union all select x::text from learning_plans x where user_id = $1
			union all select x::text from conversation_feedback x where user_id = $1
			union all select x::text from roles x where author_id = $1
			union all select x::text from dead_letters x where subject = $2) as mine`,
		l.User.ID, l.User.ID.String()).Scan(&all))
	return all
}

// bare is a call of an operation with nothing but what it must have.
func bare(t *testing.T, method, path string, op *openapi3.Operation, ids map[string]string) apitest.Call {
	t.Helper()
	call := apitest.Call{Method: method, Path: path}
	for name, id := range ids {
		call.Path = strings.ReplaceAll(call.Path, "{"+name+"}", id)
	}
	call.Path = strings.ReplaceAll(call.Path, "{version}", "1") // every conversation has it
	require.NotContains(t, call.Path, "{")
	if op.RequestBody != nil {
		text, err := json.Marshal(op.RequestBody.Value.Content["application/json"].Example)
		require.NoError(t, err)
		call.Body = text
	}
	return call
}

// privileged reports that learners may not use an operation at all.
func privileged(op *openapi3.Operation) bool {
	permission, ok := op.Extensions["x-permission"]
	return ok && permission != "practise"
}

// attempts are the ways to name another's things: all of them, or one of them below or
// above one's own.
func attempts(names []string, theirs, own map[string]string) []map[string]string {
	all := []map[string]string{theirs}
	if len(names) > 1 {
		for _, name := range names {
			mixed := maps.Clone(own)
			mixed[name] = theirs[name]
			all = append(all, mixed)
		}
	}
	return all
}

func TestAnothersThingIsNotThereWhateverTheOperation(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTasks(exampleTasks))
	admin := s.Admin(t)
	for path, item := range apitest.Contract().Paths.Map() {
		names := []string{}
		for _, match := range pathID.FindAllStringSubmatch(path, -1) {
			if match[1] != "partner_id" { // of the catalogue: nobody's
				names = append(names, match[1])
			}
		}
		if len(names) == 0 {
			continue
		}
		for method, op := range item.Operations() {
			t.Run(op.OperationID, func(t *testing.T) {
				t.Parallel()
				owner, stranger := s.SignUp(t), s.SignUp(t)
				theirs, own, nobodys := belongings(t, s, owner), belongings(t, s, stranger), map[string]string{}
				for _, name := range names {
					if name == "backup_id" { // it is nobody's, and takes its time
						theirs[name] = backedUp(t, admin)
						own[name] = theirs[name]
					}
					require.Contains(t, theirs, name, "say in belongings how this one is made")
					nobodys[name] = uuid.Must(uuid.NewV7()).String()
				}
				before := rowsOf(t, s, owner)
				s.Nobody().Do(t, bare(t, method, path, op, theirs)).Refused(t, http.StatusUnauthorized, "auth.required")
				absent := stranger.Do(t, bare(t, method, path, op, nobodys))
				for _, ids := range attempts(names, theirs, own) {
					a := stranger.Do(t, bare(t, method, path, op, ids))
					if privileged(op) {
						a.Refused(t, http.StatusForbidden, "auth.forbidden")
						continue
					}
					p := a.Refused(t, http.StatusNotFound, "resource.not_found")
					require.Equal(t, absent.Refused(t, http.StatusNotFound, "resource.not_found").Detail, p.Detail, "nor does it say that it is there")
				}
				require.Equal(t, before, rowsOf(t, s, owner), "nothing of the owner's has changed")

				allowed := owner
				if privileged(op) {
					allowed = admin
				}
				response := allowed.Open(t.Context(), t, bare(t, method, path, op, theirs))
				defer func() { _ = response.Body.Close() }()
				require.NotContains(t, []int{400, 401, 403, 404, 405}, response.StatusCode, "who may finds it")
			})
		}
	}
}

// endless are the operations whose answer does not end, and which test proves of each that
// it gives nothing of another's.
var endless = map[string]func(*testing.T){
	"streamMyEvents":  TestEventsAreTheUsersOwn,
	"connectRealtime": TestASocketLeadsToNothingOfAnothers,
}

// What lists and exports give is one's own, and what administers is for those who may.
func TestNoListShowsAnothersThings(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTasks(exampleTasks))
	owner, stranger := s.SignUp(t), s.SignUp(t)
	theirs := slices.Collect(maps.Values(belongings(t, s, owner)))
	onboard(t, stranger) // so that they have a plan to read
	theirs = append(theirs, owner.User.ID.String(), string(owner.User.Email))
	for path, item := range apitest.Contract().Paths.Map() {
		op := item.Get
		if op == nil || strings.Contains(path, "{") {
			continue
		}
		if answer := op.Responses.Value("200"); answer == nil || answer.Value.Content[sse.MediaType] != nil {
			require.Contains(t, endless, op.OperationID, "it does not end: say which test reads it")
			continue
		}
		if a := stranger.Get(t, "%s", path); privileged(op) {
			a.Refused(t, http.StatusForbidden, "auth.forbidden")
		} else {
			text := string(a.Expect(t, http.StatusOK, nil).Body)
			for _, one := range theirs {
				require.NotContains(t, text, one, op.OperationID)
			}
		}
	}
}

// The other way round: every operation asks for a token, but those that the contract
// names as public, and the WebSocket, whose first frame may bring one: see
// TestASocketWithoutATokenDoesNothing.
func TestNothingButThePublicIsDoneWithoutAToken(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	public := []string{
		"signUp", "logIn", "refreshSession", "requestPasswordReset", "completePasswordReset", "verifyEmail",
		"listLanguages", "listIndustries", "listPartners", "listSituations", "connectRealtime",
	}
	for path, item := range apitest.Contract().Paths.Map() {
		for method, op := range item.Operations() {
			if slices.Contains(public, op.OperationID) {
				continue
			}
			call := apitest.Call{Method: method, Path: regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(path, uuid.NewString())}
			s.Nobody().Do(t, call).Refused(t, http.StatusUnauthorized, "auth.required")
		}
	}
}
