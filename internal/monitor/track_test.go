package monitor_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/monitor"
)

// story has a probe read level after level, a minute apart, and gives its state after each;
// a change is marked.
func story(p monitor.Probe, from monitor.State, levels ...string) (states []string, last monitor.State) {
	at := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	if from.CheckedAt != nil {
		at = *from.CheckedAt
	}
	for _, level := range levels {
		at = at.Add(time.Minute)
		var changed bool
		from, changed = p.Next(from, monitor.Reading{Level: level}, at)
		said := from.State
		if changed {
			said += "!"
		}
		states = append(states, said)
	}
	return states, from
}

const (
	ok  = monitor.OK
	deg = monitor.Degraded
	bad = monitor.Failing
)

func fresh() monitor.State { return monitor.State{Name: "p", State: monitor.Unknown} }

func TestAStateChangesOnlyWhenReadingsInARowAgree(t *testing.T) {
	t.Parallel()
	p := monitor.Probe{Worse: 3, Better: 2}
	for name, c := range map[string]struct{ levels, states []string }{
		"one bad answer alarms nobody":  {[]string{ok, bad, ok, bad, bad, ok}, []string{ok, ok, ok, ok, ok, ok}},
		"all well at first is not told": {[]string{ok}, []string{ok}},
		"bad from the beginning":        {[]string{bad, bad, bad}, []string{"unknown", "unknown", "failing!"}},
		"worse and better again":        {[]string{ok, bad, bad, bad, ok, ok}, []string{ok, ok, ok, "failing!", bad, "ok!"}},
		"the best of worse readings":    {[]string{ok, bad, deg, bad, bad, bad, bad}, []string{ok, ok, ok, "degraded!", deg, deg, "failing!"}},
		"the worst of better ones":      {[]string{bad, bad, bad, deg, ok, ok, ok}, []string{"unknown", "unknown", "failing!", bad, "degraded!", deg, "ok!"}},
	} {
		states, _ := story(p, fresh(), c.levels...)
		require.Equal(t, c.states, states, name)
	}
	states, _ := story(monitor.Probe{}, fresh(), ok, bad, bad, bad)
	require.Equal(t, []string{ok, ok, ok, "failing!"}, states, "three is the default")
}

func TestAProbeThatFlapsTakesLongerToBeWellEachTime(t *testing.T) {
	t.Parallel()
	p := monitor.Probe{Worse: 1, Better: 1}
	_, s := story(p, fresh(), ok)
	for flaps, good := range []int{1, 2, 3, 4, 5, 5, 5} {
		var states []string
		states, s = story(p, s, bad)
		require.Equal(t, []string{"failing!"}, states)
		for n := 1; s.State != ok; n++ {
			states, s = story(p, s, ok)
			require.Equal(t, n == good, states[0] == "ok!", "after %d flaps, %d good ones: %s", flaps, n, states[0])
		}
	}
	for range 60 {
		_, s = story(p, s, ok)
	}
	states, _ := story(p, s, bad, ok)
	require.Equal(t, []string{"failing!", "ok!"}, states, "an hour of calm and it is forgotten")
}

func TestAValueIsSaidInWords(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		value float64
		unit  string
	}{"12": {12, monitor.UnitCount}, "1ms": {0.0012, monitor.UnitSeconds}, "400µs": {0.0004, monitor.UnitSeconds}, "1h0m1s": {3601, monitor.UnitSeconds}} {
		require.Equal(t, want, monitor.Value(c.value, c.unit))
	}
}
