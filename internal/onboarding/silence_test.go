package onboarding_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// sweep sweeps once and checks how many it changed.
func (b *bench) sweep(want int64) {
	b.t.Helper()
	n, err := b.SweepSilent(b.t.Context(), 100)
	require.NoError(b.t, err)
	require.Equal(b.t, want, n)
}

func (b *bench) stored() (status string) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), "select status from onboardings where user_id = $1", mei).Scan(&status))
	return status
}

func TestSilenceIsToldAtOnceAndStoredByTheSweep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok(b.language("english"))
	b.told()
	b.clock.pass(onboarding.PausedAfter - time.Microsecond)
	b.sweep(0)
	lively := b.now()
	require.Equal(t, "in_progress", lively.Status)

	b.clock.pass(time.Microsecond)
	paused := b.now()
	require.Equal(t, "paused", paused.Status)
	require.Equal(t, "in_progress", b.stored(), "reading writes nothing")
	require.NotEqual(t, lively.Tag(), paused.Tag())
	b.sweep(1)
	b.sweep(0)
	require.Equal(t, "paused", b.stored())
	require.Equal(t, paused, b.now(), "readers see no difference")
	require.Equal(t, paused.Tag(), b.now().Tag())
	require.Empty(t, b.told())

	o := b.ok(b.industry("real_estate"))
	require.Equal(t, []any{"in_progress", "industry_selection", start}, []any{o.Status, o.Step, *o.StartedAt})
	require.Equal(t, []string{`industry_selected {"industry_id":"real_estate","role_cleared":false}`,
		`step_completed {"current_step":"industry_selection","step":"industry_selection"}`}, b.told(), "to go on is no event")
}

func TestLongSilenceIsAbandonedAndThenExpired(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"abandoned", "expired"} {
		b := setup(t)
		chosen := b.chosen()
		b.told()
		b.clock.pass(onboarding.PausedAfter)
		b.sweep(1)
		before := b.now().Tag()
		b.clock.pass(onboarding.AbandonedAfter - onboarding.PausedAfter)
		require.Equal(t, "paused", b.now().Status, "that is the sweep's to say")
		b.sweep(1)
		b.sweep(0)
		require.Equal(t, []string{`abandoned {"current_step":"situation_selection","status":"abandoned"}`}, b.told())
		if last == "expired" {
			b.clock.pass(onboarding.ExpiredAfter - onboarding.AbandonedAfter)
			b.sweep(1)
			b.sweep(0)
			require.Equal(t, []string{`abandoned {"current_step":"situation_selection","status":"expired"}`}, b.told())
		}
		o := b.now()
		require.NotEqual(t, before, o.Tag())
		at := b.clock.Now()
		want := chosen
		want.Version, want.Status, want.UpdatedAt = o.Version, last, &at
		require.Equal(t, want, o, "nothing is forgotten")

		o = b.ok(b.Summary(t.Context(), mei, "en"))
		require.Equal(t, []any{"in_progress", "summary", start}, []any{o.Status, o.Step, *o.StartedAt})
		require.Equal(t, []string{"started {}", `step_completed {"current_step":"summary","step":"summary"}`}, b.told())
	}
}

func TestASweepAfterALongTimeTellsOfTheEndAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok(b.language("english"))
	b.told()
	b.clock.pass(onboarding.ExpiredAfter)
	b.sweep(1)
	b.sweep(0)
	require.Equal(t, []string{`abandoned {"current_step":"native_language","status":"expired"}`}, b.told())
}

func TestSilenceAfterCompletionOrBeforeTheBeginningIsNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.chosen()
	b.ok(b.complete())
	_, err := b.SetIndustry(t.Context(), onboarding.SetIndustryInput{UserID: other, Language: "en", IndustryID: "real_estate"})
	require.NoError(t, err)
	b.ok(b.Reset(t.Context(), other, "en"))
	b.clock.pass(2 * onboarding.ExpiredAfter)
	b.sweep(0)
	require.Equal(t, "completed", b.now().Status)
}

func TestSweepsAtOnceTakeBitesOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const learners = 25
	for i := range learners {
		id := uuid.New()
		b.exec("insert into users (id, email, full_name, password_hash, created_at, updated_at) values ($1, $2, 'One', '', now(), now())", id, fmt.Sprintf("%d@example.com", i))
		_, err := b.SetIndustry(t.Context(), onboarding.SetIndustryInput{UserID: id, Language: "en", IndustryID: "real_estate"})
		require.NoError(t, err)
	}
	b.clock.pass(onboarding.AbandonedAfter)
	var all sync.WaitGroup
	swept := make([]int64, 2)
	errs := make([]error, 2)
	for i := range swept {
		all.Go(func() { swept[i], errs[i] = b.SweepSilent(t.Context(), 10) })
	}
	all.Wait()
	for i := range swept {
		require.NoError(t, errs[i])
		require.LessOrEqual(t, swept[i], int64(10))
	}
	require.Equal(t, int(swept[0]+swept[1]), b.count("onboardings where status = 'abandoned' and version = 2"))
	b.sweep(learners - swept[0] - swept[1])
	require.Equal(t, learners, b.count("outbox where type = 'onboarding.abandoned'"))
	require.Equal(t, learners, b.count("onboardings where status = 'abandoned' and version = 2"))
}

func TestAFormThatWasOpenForLongCanStillBeSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	lively := b.ok(b.language("english")).Tag()
	b.clock.pass(onboarding.PausedAfter)
	changed := fault.New(fault.Precondition, "request.precondition_failed", "It has changed since; read it again.")
	with := func(tag string) error {
		_, err := b.SetIndustry(t.Context(), onboarding.SetIndustryInput{UserID: mei, Language: "en", IndustryID: "real_estate",
			Matches: func(o onboarding.Onboarding) error {
				if o.Tag() != tag {
					return changed
				}
				return nil
			}})
		return err
	}
	require.ErrorIs(t, with("another"), changed)
	require.NoError(t, with(lively), "nothing has been chosen since it was read")
	require.ErrorIs(t, with(lively), changed)
	b.clock.pass(onboarding.PausedAfter)
	require.NoError(t, with(b.now().Tag()), "what a reader of the paused one has is good too")
}
