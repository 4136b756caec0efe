package v2_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// writePlan asks for a new plan; header holds names and values in turn.
func writePlan(t *testing.T, l *apitest.Learner, header ...string) apitest.Answer {
	t.Helper()
	call := apitest.Call{Method: http.MethodPost, Path: "/learning-plan", Header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		call.Header[header[i]] = header[i+1]
	}
	return l.Do(t, call)
}

func TestAPlanIsWrittenAfterTheOnboardingAndAnewOnRequest(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	l.Get(t, "/learning-plan").Refused(t, http.StatusNotFound, "resource.not_found")
	writePlan(t, l).Refused(t, http.StatusConflict, "onboarding.incomplete")
	onboard(t, l)
	var first, second apiv2.LearningPlan
	a := l.Get(t, "/learning-plan").Expect(t, http.StatusOK, &first)
	require.Equal(t, apiv2.LearningPlanSource("model"), first.Source)
	require.Equal(t, "en", first.Language)
	require.Len(t, first.Milestones, 3)
	require.GreaterOrEqual(t, len(first.Conversations), 5)
	cached := apitest.Call{Method: http.MethodGet, Path: "/learning-plan", Header: map[string]string{"If-None-Match": a.Header.Get("ETag")}}
	require.Equal(t, http.StatusNotModified, l.Do(t, cached).Status)

	chose(t, l, "native-language", object{"native_language": "chinese_traditional"})
	var task apiv2.Task
	a = writePlan(t, l, "Prefer", "wait=30").Expect(t, http.StatusOK, &task)
	require.Equal(t, "wait=30", a.Header.Get("Preference-Applied"))
	require.Equal(t, apiv2.TaskStatusCompleted, task.Status)
	require.EqualValues(t, 4, task.Progress.Done)
	l.Do(t, cached).Expect(t, http.StatusOK, &second)
	require.NotEqual(t, first.ID, second.ID)
	require.Equal(t, "zh-Hant", second.Language)
}

func TestOnePlanIsWrittenAtATime(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	onboard(t, l)
	gate := make(chan struct{})
	s.Model.Script(partner.Step{Gate: gate})
	key := uuid.NewString()
	var first, again apiv2.Task
	a := writePlan(t, l, "Idempotency-Key", key).Expect(t, http.StatusAccepted, &first)
	require.Equal(t, "/api/v2/tasks/"+first.ID.String(), a.Header.Get("Location"))
	writePlan(t, l, "Idempotency-Key", uuid.NewString()).Expect(t, http.StatusAccepted, &again)
	require.Equal(t, first.ID, again.ID)
	close(gate)
	l.Get(t, "/tasks/%s/events", first.ID).Expect(t, http.StatusOK, nil)
	a = writePlan(t, l, "Idempotency-Key", key).Expect(t, http.StatusAccepted, &again)
	require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"))
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, apiv2.TaskStatusCompleted, again.Status)
	writePlan(t, l, "Prefer", "wait=30").Expect(t, http.StatusOK, &again)
	require.NotEqual(t, first.ID, again.ID)
}

func TestWhileTheModelIsDownAPlanIsMadeByRules(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	onboard(t, l)
	s.Model.Script(partner.Step{Text: "Practise a lot."}, partner.Step{Text: `{"summary": "Practise a lot."}`}) // the answer, and the repair
	writePlan(t, l, "Prefer", "wait=30").Expect(t, http.StatusOK, nil)
	var plan apiv2.LearningPlan
	l.Get(t, "/learning-plan").Expect(t, http.StatusOK, &plan)
	require.Equal(t, apiv2.LearningPlanSource("rules"), plan.Source, "and it says so")
	require.GreaterOrEqual(t, len(plan.Conversations), 5)
	require.NotContains(t, s.Logs.String(), "Practise a lot.", "what the model said is not logged")
}

func TestAKeyGivesItsPlansTaskAlsoAfterAReset(t *testing.T) {
	t.Parallel()
	l := apitest.Shared(t).SignUp(t)
	onboard(t, l)
	key := uuid.NewString()
	var first, again apiv2.Task
	writePlan(t, l, "Idempotency-Key", key, "Prefer", "wait=30").Expect(t, http.StatusOK, &first)
	l.Post(t, "/onboarding/reset", nil).Expect(t, http.StatusOK, nil)
	a := writePlan(t, l, "Idempotency-Key", key).Expect(t, http.StatusAccepted, &again)
	require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"), "a retry gets the first answer, whatever was done since")
	require.Equal(t, first.ID, again.ID)

	unused := uuid.NewString()
	for range 2 { // what was refused has no effect, and its key is not used up
		writePlan(t, l, "Idempotency-Key", unused).Refused(t, http.StatusConflict, "onboarding.incomplete")
	}
	onboard(t, l)
	a = writePlan(t, l, "Idempotency-Key", unused, "Prefer", "wait=30").Expect(t, http.StatusOK, &again)
	require.Empty(t, a.Header.Get("Idempotency-Replayed"))
	require.NotEqual(t, first.ID, again.ID)
}

func TestAPlansTaskTellsWhichPlanItWrote(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	onboard(t, l)
	for range 3 { // as often as it is tried
		s.Model.Script(partner.Step{Status: http.StatusInternalServerError})
	}
	var task struct {
		Result struct {
			LearningPlanID uuid.UUID `json:"learning_plan_id"`
			Source         string
		}
	}
	writePlan(t, l, "Prefer", "wait=30").Expect(t, http.StatusOK, &task)
	require.Equal(t, "rules", task.Result.Source)
	var plan apiv2.LearningPlan
	l.Get(t, "/learning-plan").Expect(t, http.StatusOK, &plan)
	require.Equal(t, plan.ID, task.Result.LearningPlanID)

	gate := make(chan struct{})
	s.Model.Script(partner.Step{Gate: gate})
	a := writePlan(t, l, "Prefer", "wait=1").Expect(t, http.StatusAccepted, nil)
	require.Empty(t, a.Header.Get("Preference-Applied"), "it was not done in time")
	var still apiv2.LearningPlan
	l.Get(t, "/learning-plan").Expect(t, http.StatusOK, &still)
	require.Equal(t, plan.ID, still.ID, "the one before stays until then")
	close(gate)
}
