package task_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/task"
)

func ptr[T any](v T) *T { return &v }

func TestPercentAndTimeLeftFollowFromTheTally(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tally   task.Tally
		percent *float64
		eta     *int64
	}{
		{task.Tally{}, nil, nil},
		{task.Tally{Done: 5}, nil, nil},
		{task.Tally{Done: 5, Rate: ptr(1.0)}, nil, nil},
		{task.Tally{Total: ptr[int64](0)}, ptr(100.0), nil},
		{task.Tally{Total: ptr[int64](0), Rate: ptr(0.0)}, ptr(100.0), ptr[int64](0)},
		{task.Tally{Done: 1, Total: ptr[int64](3)}, ptr(33.3), nil},
		{task.Tally{Done: 9999, Total: ptr[int64](10000)}, ptr(99.9), nil},
		{task.Tally{Done: 10, Total: ptr[int64](10)}, ptr(100.0), nil},
		{task.Tally{Done: 12, Total: ptr[int64](10), Rate: ptr(2.0)}, ptr(100.0), ptr[int64](0)},
		{task.Tally{Done: 1, Total: ptr[int64](10), Rate: ptr(2.0)}, ptr(10.0), ptr[int64](5)},
		{task.Tally{Done: 0, Total: ptr[int64](10), Rate: ptr(4.0)}, ptr(0.0), ptr[int64](3)},
		{task.Tally{Done: 0, Total: ptr[int64](10), Rate: ptr(0.0)}, ptr(0.0), nil},
		{task.Tally{Done: 0, Total: ptr[int64](math.MaxInt64), Rate: ptr(1.0)}, ptr(0.0), nil},
		{task.Tally{Done: 0, Total: ptr[int64](365 * 24 * 3600), Rate: ptr(1.0)}, ptr(0.0), ptr[int64](365 * 24 * 3600)},
	} {
		name := fmt.Sprintf("%+v", c.tally)
		require.Equal(t, c.percent, c.tally.Percent(), name)
		require.Equal(t, c.eta, c.tally.ETA(), name)
	}
}

// after is a time so many seconds after the meters of these tests begin.
func after(seconds float64) time.Time {
	return time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

func TestASteadySpeedIsToldExactly(t *testing.T) {
	t.Parallel()
	m := task.NewMeter(after(0))
	require.Nil(t, m.Read(4, after(0.5)), "not in the first second")
	for s := 1.0; s < 100; s++ {
		rate := m.Read(int64(8*s), after(s))
		require.NotNil(t, rate)
		require.InDelta(t, 8, *rate, 1e-9, "after %g seconds", s)
	}
}

func TestTheRateFollowsASpeedThatChangesButNotAtOnce(t *testing.T) {
	t.Parallel()
	m := task.NewMeter(after(0))
	m.Read(1000, after(100)) // 10 a second for long
	before := 10.0
	for s := 101.0; s <= 160; s++ { // then nothing
		rate := *m.Read(1000, after(s))
		require.Less(t, rate, before)
		require.Greater(t, rate, before*0.9, "one second changes little")
		before = rate
	}
	require.Less(t, before, 0.5, "after a minute it is all but forgotten")
}

func TestAClockThatStandsStillChangesNothing(t *testing.T) {
	t.Parallel()
	m := task.NewMeter(after(0))
	require.InDelta(t, 5, *m.Read(10, after(2)), 1e-9)
	require.InDelta(t, 5, *m.Read(1000, after(2)), 1e-9)
}
