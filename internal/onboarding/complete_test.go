package onboarding_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestCompletingNamesEverythingThatIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.complete()
	f := requireFault(t, err, fault.Conflict, "onboarding.incomplete")
	require.Equal(t, []string{"/native_language required", "/industry required", "/role required", "/partners required"}, places(t, f))
	require.Equal(t, []string{"native_language", "industry", "role", "partners"}, f.Details["missing"])

	b.ok(b.industry("banking_finance"))
	b.ok(b.partners("clients"))
	_, err = b.complete()
	f = requireFault(t, err, fault.Conflict, "onboarding.incomplete")
	require.Equal(t, []string{"/native_language required", "/role required", "/situations required"}, places(t, f))
	require.Equal(t, int64(2), b.now().Version)
	require.Zero(t, b.count("tasks"))
}

func TestSomeClientsCompleteWithoutPartners(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := onboarding.CompleteInput{UserID: mei, Language: "en", PartnersOptional: true}
	_, err := b.Complete(t.Context(), in)
	require.Equal(t, []string{"native_language", "industry", "role"}, requireFault(t, err, fault.Conflict, "onboarding.incomplete").Details["missing"])
	b.ok(b.language("english"))
	b.ok(b.industry("banking_finance"))
	b.ok(b.role(accountant))
	_, err = b.complete()
	requireFault(t, err, fault.Conflict, "onboarding.incomplete")
	require.Equal(t, "completed", b.ok(b.Complete(t.Context(), in)).Status)
}

func TestCompletingTwiceIsCompletingOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.chosen()
	var all sync.WaitGroup
	answers := make([]onboarding.Onboarding, 6)
	errs := make([]error, len(answers))
	for i := range answers {
		all.Go(func() { answers[i], errs[i] = b.complete() })
	}
	all.Wait()
	for i, o := range answers {
		require.NoError(t, errs[i])
		require.Equal(t, answers[0], o)
	}
	require.Equal(t, 1, b.count("tasks"))
	require.Equal(t, 1, b.count("outbox where type = 'onboarding.completed'"))
	b.told()
	b.clock.pass(time.Hour)
	require.Equal(t, answers[0], b.ok(b.complete()))
	require.Empty(t, b.told())
	require.Equal(t, "completed", b.now().Status, "silence does not end it")
}

func TestWithoutAPlanNothingIsCompleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.chosen()
	b.told()
	b.plans.fails = errors.New("no jobs")
	_, err := b.complete()
	require.ErrorIs(t, err, b.plans.fails)
	require.Equal(t, before, b.now())
	require.Empty(t, b.told())
	b.plans.fails = nil
	require.Equal(t, "completed", b.ok(b.complete()).Status)
}

func TestAResetForgetsEverything(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.chosen()
	_, err := b.match("Accountant", "I keep the books.")
	require.NoError(t, err)
	before := b.ok(b.complete())
	b.told()
	b.clock.pass(time.Hour)
	at := b.clock.Now()
	o := b.ok(b.Reset(t.Context(), mei, "en"))
	require.Equal(t, onboarding.Onboarding{UserID: mei, Version: before.Version + 1, Status: "not_started", Step: "not_started",
		Partners: []onboarding.Partner{}, UpdatedAt: &at, LastActivityAt: at}, o)
	require.Equal(t, o, b.now())
	require.Nil(t, b.account())
	require.Equal(t, []string{`reset {"previous_step":"completed"}`}, b.told())
	require.Equal(t, 1, b.count("tasks"), "the plan stays")

	require.Equal(t, o, b.ok(b.Reset(t.Context(), mei, "en")), "there is nothing to forget")
	require.Empty(t, b.told())

	o = b.ok(b.language("english"))
	require.Equal(t, at, *o.StartedAt, "it begins anew")
	require.Equal(t, "started {}", b.told()[0])
	b.chosen()
	again := b.ok(b.complete())
	require.NotEqual(t, before.TaskID, again.TaskID)
	require.Equal(t, at, *again.CompletedAt)
}

func TestAResetBeforeTheBeginningForgetsTheLanguageOfTheAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, b.now(), b.ok(b.Reset(t.Context(), mei, "en")))
	require.Empty(t, b.told())
	b.exec("update users set native_language = 'english' where id = $1", mei)
	o := b.ok(b.Reset(t.Context(), mei, "en"))
	require.Nil(t, o.NativeLanguage)
	require.Nil(t, b.account())
	require.Equal(t, []string{`reset {"previous_step":"not_started"}`}, b.told())
}
