package monitor_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/monitor"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestOfTwoNodesOneLooksAndOneTells(t *testing.T) {
	t.Parallel()
	b, p, hook := setup(t), newPart(), newReceiver(t)
	one, two := b.node("one", p.probe(), hook.use), b.node("two", p.probe(), hook.use)
	var both sync.WaitGroup
	for range 2 {
		b.clock.advance(20 * time.Second)
		for _, n := range []*monitor.Service{one, two} {
			both.Go(func() { n.Round(t.Context()) })
		}
		both.Wait()
	}
	require.Equal(t, 2, p.ran(), "once a pace, whoever does it")
	require.Equal(t, monitor.OK, b.state(two, "part").State)
	require.Empty(t, hook.all(), "that all is well at first is no news")

	p.set(monitor.Failing)
	for range 4 {
		b.clock.advance(20 * time.Second)
		for _, n := range []*monitor.Service{one, two} {
			both.Go(func() { n.Round(t.Context()) })
		}
		both.Wait()
	}
	got := hook.all()
	require.Len(t, got, 1)
	require.Equal(t, "system.probe_changed", got[0].Type)
	require.Equal(t, got[0].id, got[0].Data.ChangeID.String())
	require.Equal(t, []string{"part", monitor.OK, monitor.Failing, "as the test says"}, []string{got[0].Data.Probe, got[0].Data.Previous, got[0].Data.State, got[0].Data.Detail})
	require.Equal(t, 1, b.count("select count(*) from outbox where type = 'system.probe_changed' and data->>'state' = 'failing' and data->>'change_id' = $1", got[0].id))
	require.Equal(t, 6, b.count("select count(*) from monitor_readings where name = 'part'"))

	o, err := one.Overview(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, monitor.Failing, o.State)
	require.Len(t, o.Changes, 1)
	require.Len(t, o.Nodes, 2)
}

func TestARunOfADeadNodeIsTakenOver(t *testing.T) {
	t.Parallel()
	b, p := setup(t), newPart()
	begun, release := make(chan struct{}), make(chan struct{})
	stuck := b.node("stuck", p.probe(func(one *monitor.Probe) {
		one.Look = func(context.Context) (monitor.Reading, error) {
			close(begun)
			<-release
			return monitor.Reading{Level: monitor.Failing, Detail: "too late"}, nil
		}
	}))
	var late sync.WaitGroup
	late.Go(func() { stuck.Round(t.Context()) })
	<-begun
	other := b.node("other", p.probe())
	b.clock.advance(5 * time.Second)
	other.Round(t.Context())
	require.Zero(t, p.ran(), "the run is still that of the first")
	b.clock.advance(5 * time.Second) // its lease: twice the timeout
	other.Round(t.Context())
	require.Equal(t, 1, p.ran())
	close(release)
	late.Wait()
	s := b.state(other, "part")
	require.Equal(t, monitor.OK, s.State)
	require.Equal(t, "as the test says", s.Detail, "what was overtaken has no effect")
	require.Equal(t, 1, b.count("select count(*) from monitor_readings where name = 'part'"))
}

func TestAClockThatWentWrongHoldsNothingUp(t *testing.T) {
	t.Parallel()
	b, p := setup(t), newPart()
	n := b.node("one", p.probe())
	b.round(n)
	b.clock.advance(-24 * time.Hour)
	n.Round(t.Context())
	require.Equal(t, 2, p.ran())
}

func TestAProbeThatBreaksIsAFailingReading(t *testing.T) {
	t.Parallel()
	for says, look := range map[string]func(context.Context) (monitor.Reading, error){
		"the probe panicked":   func(context.Context) (monitor.Reading, error) { panic("oh") },
		"not done within 20ms": func(ctx context.Context) (monitor.Reading, error) { <-ctx.Done(); return monitor.Reading{}, ctx.Err() },
		"an unexpected error": func(context.Context) (monitor.Reading, error) {
			return monitor.Reading{}, errors.New("postgres://me:hunter2@db")
		},
		"write: server.unavailable": func(context.Context) (monitor.Reading, error) {
			return monitor.Reading{}, monitor.At("write", fault.New(fault.Unavailable, "server.unavailable", "hunter2"))
		},
		"as it is": func(context.Context) (monitor.Reading, error) { return monitor.Reading{}, monitor.Plain("as it is") },
	} {
		r := monitor.Probe{Name: "p", Timeout: 20 * time.Millisecond, Look: look}.Read(t.Context())
		require.Equal(t, monitor.Failing, r.Level)
		require.Equal(t, says, r.Detail)
	}
}

func TestWhatWasSeenIsForgottenAfterSevenDays(t *testing.T) {
	t.Parallel()
	b, p, hook := setup(t), newPart(), newReceiver(t)
	n := b.node("one", p.probe(), hook.use)
	p.set(monitor.Failing)
	b.round(n)
	b.round(n)
	b.clock.advance(monitor.Kept - time.Minute)
	swept := func() {
		more, err := n.Sweep(t.Context(), 100)
		require.NoError(t, err)
		require.Less(t, more, int64(100))
	}
	swept()
	require.Equal(t, 2, b.count("select count(*) from monitor_readings where name = 'part'"))
	require.Equal(t, 1, b.count("select count(*) from monitor_changes where name = 'part'"))
	b.clock.advance(2 * time.Minute)
	swept()
	for _, table := range []string{"monitor_readings", "monitor_changes", "monitor_alerts", "monitor_nodes"} {
		require.Zero(t, b.count("select count(*) from "+table), table)
	}
	require.Equal(t, monitor.Failing, b.state(n, "part").State, "what is so now is no history")
}

func TestAServiceWithoutANodeIsFailingAndAStaleProbeIsDegraded(t *testing.T) {
	t.Parallel()
	b, p := setup(t), newPart()
	n := b.node("one", p.probe())
	b.round(n)
	judged := func() string {
		o, err := n.Overview(t.Context(), 0)
		require.NoError(t, err)
		return o.State
	}
	require.Equal(t, monitor.OK, judged())
	require.Equal(t, monitor.OK, n.Seen()[1].State)
	b.clock.advance(10 * time.Minute)
	require.Equal(t, monitor.Failing, judged())
	require.True(t, n.Seen()[1].Stale)
	b.node("two", newPart().probe(func(p *monitor.Probe) { p.Name = "another" })).Round(t.Context())
	require.Equal(t, monitor.Degraded, judged(), "a node lives, but nobody has looked")
	require.True(t, b.state(n, "part").Stale)
}

func TestASilentNodeIsMissedAndOneThatSaidGoodByeIsNot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.node("one", nil), b.node("two", nil)
	level := func() monitor.Reading {
		r, err := one.Nodes(t.Context())
		require.NoError(t, err)
		return r
	}
	b.round(one, two)
	require.Equal(t, monitor.Reading{Level: monitor.OK, Value: 2, Unit: monitor.UnitCount}, level())
	for range 4 {
		b.round(one)
	}
	require.Equal(t, monitor.Reading{Level: monitor.Degraded, Value: 1, Unit: monitor.UnitCount, Detail: "node two is silent"}, level())
	b.round(two)
	require.Equal(t, monitor.OK, level().Level)
	two.Start(t.Context())
	two.Stop()
	two.Stop()
	for range 4 {
		b.round(one)
	}
	require.Equal(t, monitor.Reading{Level: monitor.OK, Value: 1, Unit: monitor.UnitCount}, level())
}

func TestANodeThatCannotReachWhatAllNeedSaysSo(t *testing.T) {
	t.Parallel()
	b, p := setup(t), newPart()
	one := b.node("one", p.probe(func(p *monitor.Probe) { p.Local = true }))
	p.set(monitor.Failing)
	b.round(one)
	require.Equal(t, monitor.Unknown, one.Here()[0].State)
	b.round(one)
	require.Equal(t, monitor.Failing, one.Here()[0].State)
	b.round(one)
	r, err := one.Nodes(t.Context())
	require.NoError(t, err)
	require.Equal(t, "node one: part: as the test says", r.Detail)
}

func TestStartLooksAtOnce(t *testing.T) {
	t.Parallel()
	b, p := setup(t), newPart()
	n := b.node("one", p.probe())
	n.Stop() // harmless
	n.Start(t.Context())
	n.Start(t.Context())
	defer n.Stop()
	require.Eventually(t, func() bool { return len(n.Seen()) == 2 }, patience, 5*time.Millisecond)
	require.Equal(t, 1, p.ran())
}
