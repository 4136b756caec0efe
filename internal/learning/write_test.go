package learning_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

var errIncomplete = fault.New(fault.Conflict, "onboarding.incomplete", "Something is missing.")

func TestTheModelsPlanIsStoredInTheOrderOfTheLearnersPriorities(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.model.Script(partner.Step{Text: good()})
	progress := &steps{}
	written, err := b.Write(t.Context(), progress, uuid.New(), input())
	require.NoError(t, err)
	require.Equal(t, &steps{total: 4, done: 4}, progress)
	require.Equal(t, learning.SourceModel, written.Source)

	plan := b.plan()
	require.Equal(t, written.PlanID, plan.ID)
	require.Equal(t, mei, plan.UserID)
	require.Equal(t, "en", plan.Language)
	require.Equal(t, now.Truncate(time.Microsecond), plan.CreatedAt)
	require.Equal(t, []learning.Conversation{
		{Rank: 1, PartnerID: "suppliers", SituationID: "negotiations", Title: "Negotiations with Suppliers", Goal: "Ask for a better rate."},
		{Rank: 2, PartnerID: "suppliers", SituationID: "negotiations", Title: "Negotiations with Suppliers", Goal: "Refuse a surcharge politely."},
		{Rank: 3, PartnerID: "suppliers", SituationID: "phone_calls", Title: "Phone Calls with Suppliers", Goal: "Ask for the sailing date."},
		{Rank: 4, PartnerID: "colleagues", SituationID: "meetings", Title: "Meetings with Colleagues", Goal: "Report on the delays."},
		{Rank: 5, PartnerID: "colleagues", SituationID: "phone_calls", Title: "Phone Calls with Colleagues", Goal: "Agree on who calls back."},
	}, plan.Conversations)
	require.Equal(t, "Stage 1", plan.Milestones[0].Title)
	require.Equal(t, learning.Day{Day: "monday", Minutes: 25, Activity: "Practise one conversation."}, plan.WeeklySchedule[0])
	require.Equal(t, learning.Resource{Title: "Rates aloud", Kind: "exercise", Description: "Say ten figures aloud."}, plan.Resources[1])
	require.Empty(t, b.logs.String())
}

func TestAnAnswerThatCannotBeReadIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step  partner.Step
		wrong string
	}{
		"prose":     {partner.Step{Text: "Here is your plan!"}, "the answer is not one JSON object of the schema"},
		"cut off":   {partner.Step{Text: good()[:200], FinishReason: "length"}, "write shorter texts"},
		"an object": {partner.Step{Text: "{}"}, "milestones: there must be exactly 3, not 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.model.Script(c.step, partner.Step{Text: good()})
			require.Equal(t, learning.SourceModel, b.write(uuid.New()).Source)
			second, _ := b.asked(1)
			require.Contains(t, second.Messages[3].Content, c.wrong)
			require.Empty(t, b.logs.String())
		})
	}
}

func TestAModelThatCannotBeHadLeavesThePlanToRules(t *testing.T) {
	t.Parallel()
	secret := good(set("A private text.", "resources"))
	for name, c := range map[string]struct {
		steps []partner.Step
		asked int
		log   string
	}{
		"two bad answers":        {[]partner.Step{{Text: secret}, {Text: secret}}, 2, "resources: has the wrong type"},
		"bad, then down":         {[]partner.Step{{Text: secret}, {Status: 500}}, 2, llm.CodeUnavailable},
		"down":                   {[]partner.Step{{Status: 500}}, 1, llm.CodeUnavailable},
		"too many":               {[]partner.Step{{Status: 429}}, 1, llm.CodeRateLimited},
		"refused":                {[]partner.Step{{Status: 401}}, 1, llm.CodeRefused},
		"garbage":                {[]partner.Step{{Garbage: true}}, 1, "model."},
		"broke off":              {[]partner.Step{{Text: secret, BreakAfter: 3}}, 1, llm.CodeInterrupted},
		"filtered":               {[]partner.Step{{Text: secret, FinishReason: "content_filter"}}, 1, "filtered"},
		"silent":                 {[]partner.Step{{SilentAfter: -1}}, 1, "did not answer in the time of one call"},
		"silent in the repair":   {[]partner.Step{{Text: secret}, {SilentAfter: 2}}, 2, "did not answer in the time of one call"},
		"filtered in the repair": {[]partner.Step{{Text: secret}, {Text: "x", FinishReason: "content_filter"}}, 2, "filtered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if strings.HasPrefix(name, "silent") {
				b.CallsEndAfter(300 * time.Millisecond)
			}
			b.model.Script(c.steps...)
			progress := &steps{}
			written, err := b.Write(t.Context(), progress, uuid.New(), input())
			require.NoError(t, err)
			require.Equal(t, &steps{total: 4, done: 4}, progress)
			require.Equal(t, learning.SourceRules, written.Source)
			require.Len(t, b.model.Requests(), c.asked)
			plan := b.plan()
			require.Equal(t, learning.SourceRules, plan.Source)
			require.Empty(t, learning.Violations(plan, clerk("en")))
			require.Equal(t, learning.ByRules(clerk("en")).Conversations, plan.Conversations)

			logged := b.logs.String()
			require.Equal(t, 1, strings.Count(logged, "level=WARN"), logged)
			require.Contains(t, logged, c.log)
			for _, private := range []string{"private", "Freight", "Books space", "mei@"} {
				require.NotContains(t, logged, private)
			}
		})
	}
}

func TestAPlanIsWrittenInTheLearnersLanguage(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"zh-Hans": "zh-Hans", "zh-Hant": "zh-Hant", "en": "en", "es": "en", "": "en"} {
		t.Run(given, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.profile[mei] = clerk(given)
			english := good(set("You will negotiate with confidence.", "summary"))
			b.model.Script(partner.Step{Text: english}, partner.Step{Text: english})
			source := b.write(uuid.New()).Source
			require.Equal(t, want, b.plan().Language)
			if want == "en" {
				require.Equal(t, learning.SourceModel, source)
				return
			}
			require.Equal(t, learning.SourceRules, source, "English twice is no Chinese plan")
			second, _ := b.asked(1)
			require.Contains(t, second.Messages[3].Content, "summary: must be written in")
		})
	}
}

func TestARunThatComesAgainGetsWhatItsTaskHasWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.model.Script(partner.Step{Text: good()})
	task := uuid.New()
	first := b.write(task)
	progress := &steps{}
	again, err := b.Write(t.Context(), progress, task, input())
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, &steps{total: 4, done: 4}, progress)
	require.Len(t, b.model.Requests(), 1, "the model is not asked again")

	b.model.Script(partner.Step{Status: 500})
	next := b.write(uuid.New())
	require.NotEqual(t, first.PlanID, next.PlanID, "another task writes another plan")
	require.Equal(t, next.PlanID, b.plan().ID)
	require.Equal(t, learning.SourceRules, b.plan().Source)
}

// interrupting is a model that lets something happen before it answers.
type interrupting struct {
	learning.Model
	before func()
}

func (m interrupting) Complete(ctx context.Context, req llm.Request) (llm.Reply, error) {
	m.before()
	return m.Model.Complete(ctx, req)
}

func TestOfTwoRunsOfATaskTheFirstToStoreWins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.model.Script(partner.Step{Status: 500}, partner.Step{Text: good()})
	task := uuid.New()
	var first learning.Written
	slow := b.service(interrupting{b.client, func() { first = b.write(task) }})
	second, err := slow.Write(t.Context(), &steps{}, task, input())
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Equal(t, learning.SourceRules, second.Source)
	require.Equal(t, first.PlanID, b.plan().ID)
	require.Len(t, b.model.Requests(), 2)
}

func TestACancelledRunStoresNothing(t *testing.T) {
	t.Parallel()
	for name, before := range map[string][]partner.Step{"in the first call": nil, "in the repair": {{Text: "{}"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			gate := make(chan struct{})
			b.model.Script(append(before, partner.Step{Text: good(), Gate: gate})...)
			cancelled := errors.New("the learner cancelled")
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				gate <- struct{}{} // taken once the model speaks
				cancel(cancelled)
			}()
			_, err := b.Write(ctx, &steps{}, uuid.New(), input())
			require.ErrorIs(t, err, cancelled)
			_, err = b.Get(t.Context(), mei)
			require.True(t, fault.Is(err, "resource.not_found"))
			require.Empty(t, b.logs.String())
		})
	}
}

func TestARunThatIsOutOfTimeStoresNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.model.Script(partner.Step{SilentAfter: 2})
	late := errors.New("the task is out of time")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, late)
	defer cancel()
	_, err := b.Write(ctx, &steps{}, uuid.New(), input())
	require.ErrorIs(t, err, late)
	_, found, err := b.Export(t.Context(), mei)
	require.NoError(t, err)
	require.False(t, found)
}

func TestWithoutAnOnboardingNothingIsPlanned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.Ready(t.Context(), mei))
	delete(b.profile, mei)
	require.ErrorIs(t, b.Ready(t.Context(), mei), errIncomplete)
	_, err := b.Write(t.Context(), &steps{}, uuid.New(), input())
	require.ErrorIs(t, err, errIncomplete)

	empty := clerk("en")
	empty.Partners = []learning.PartnerProfile{{ID: "suppliers", Name: "Suppliers"}}
	b.profile[mei] = empty
	require.ErrorContains(t, b.Ready(t.Context(), mei), "no partner with a situation")
	require.Empty(t, b.model.Requests())
}

func TestALearnerWhoIsGoneGetsNoPlan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), "delete from users where id = $1", mei)
	require.NoError(t, err)
	b.model.Script(partner.Step{Text: good()})
	_, err = b.Write(t.Context(), &steps{}, uuid.New(), input())
	require.True(t, fault.Is(err, "resource.not_found"), "%v", err)
}

func TestAPlanIsExportedAndErased(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.Get(t.Context(), mei)
	require.True(t, fault.Is(err, "resource.not_found"))
	_, found, err := b.Export(t.Context(), mei)
	require.NoError(t, err)
	require.False(t, found)

	b.model.Script(partner.Step{Text: good()})
	b.write(uuid.New())
	exported, found, err := b.Export(t.Context(), mei)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, b.plan(), exported)
	_, found, err = b.Export(t.Context(), uuid.New())
	require.NoError(t, err)
	require.False(t, found, "another's")

	for _, want := range []int64{1, 0} {
		n, err := b.Erase(t.Context(), mei)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	_, err = b.Get(t.Context(), mei)
	require.True(t, fault.Is(err, "resource.not_found"))
}

func TestWithoutADatabaseNothingIsPromised(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.pool.Close()
	_, err := b.Write(t.Context(), &steps{}, uuid.New(), input())
	require.Error(t, err)
	_, err = b.Get(t.Context(), mei)
	require.Error(t, err)
	_, err = b.Erase(t.Context(), mei)
	require.Error(t, err)
	require.Empty(t, b.model.Requests(), "no model is paid for what cannot be stored")
}
