package monitor_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/monitor"
)

func TestAnAlertOutlivesAReceiverThatIsDown(t *testing.T) {
	t.Parallel()
	b, p, hook := setup(t), newPart(), newReceiver(t)
	n := b.node("one", p.probe(), hook.use)
	hook.answer(http.StatusServiceUnavailable)
	p.set(monitor.Degraded)
	b.round(n)
	b.round(n)
	require.Len(t, hook.all(), 1)
	n.Round(t.Context())
	require.Len(t, hook.all(), 1, "not again at once")
	hook.answer(http.StatusOK)
	b.clock.advance(monitor.RetryAfter(1))
	other := b.node("two", p.probe(), hook.use)
	other.Round(t.Context())
	got := hook.all()
	require.Len(t, got, 2, "another node tries again")
	require.Equal(t, got[0].id, got[1].id)
	require.Equal(t, 1, b.count("select count(*) from monitor_alerts where done_at is not null and not failed and attempts = 2"))
	b.clock.advance(time.Hour)
	other.Round(t.Context())
	require.Len(t, hook.all(), 2, "once it is told it is told")
}

func TestAnAlertIsGivenUpAfterItsBoundAndNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	b, p, hook := setup(t), newPart(), newReceiver(t)
	n := b.node("one", p.probe(), hook.use)
	hook.answer(http.StatusInternalServerError)
	p.set(monitor.Failing)
	b.round(n)
	b.round(n)
	took := time.Duration(0)
	for attempt := range monitor.MaxAttempts + 3 {
		require.Len(t, hook.all(), min(attempt+1, monitor.MaxAttempts))
		b.clock.advance(monitor.RetryAfter(attempt + 1))
		n.Round(t.Context())
		if attempt+1 < monitor.MaxAttempts {
			took += monitor.RetryAfter(attempt + 1)
		}
	}
	require.Len(t, hook.all(), monitor.MaxAttempts)
	require.InDelta(t, time.Hour, took, float64(10*time.Minute))
	require.Equal(t, 1, b.count("select count(*) from monitor_alerts where done_at is not null and failed"))
	require.Contains(t, b.log.String(), "an alert was given up")
	require.Contains(t, b.log.String(), "answered with 500")
	for _, hidden := range []string{secret, secret[6:30], "hunter2"} {
		require.NotContains(t, b.log.String(), hidden)
	}
}

func TestAnAlertGoesByMail(t *testing.T) {
	t.Parallel()
	b, p, hook := setup(t), newPart(), newReceiver(t)
	catcher, mails := b.mailer()
	n := b.node("one", p.probe(), mails, hook.use)
	p.set(monitor.Failing)
	b.round(n)
	b.round(n)
	p.set(monitor.OK)
	b.round(n)
	b.round(n)
	got, err := catcher.To("ops@example.com")
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, "FluentPro: part is ok", got[0].Subject)
	require.Equal(t, "FluentPro: part is failing", got[1].Subject)
	require.Contains(t, got[1].Text, "part was unknown and is now failing.")
	require.Contains(t, got[1].Text, "Measured: 2s\r\nDetail: as the test says\r\n")
	require.Len(t, hook.all(), 2, "each channel is told")
	require.Zero(t, b.count("select count(*) from monitor_alerts where channel like '%example%'"), "addresses are not stored")
}

func TestWhileTheDatabaseIsAwayOneNodeTellsFromMemory(t *testing.T) {
	t.Parallel()
	b, p, hook := setup(t), newPart(), newReceiver(t)
	asked := 0
	alone := func(first bool) func(*monitor.Deps) {
		return func(d *monitor.Deps) {
			d.Alone = func(context.Context, string, time.Duration) bool { asked++; return first }
		}
	}
	database := p.probe(func(p *monitor.Probe) { p.Name, p.Local = monitor.NameDatabase, true })
	one, two := b.node("one", database, hook.use, alone(true)), b.node("two", database, hook.use, alone(false))
	b.round(one, two)
	require.Equal(t, monitor.OK, one.Here()[0].State)
	p.set(monitor.Failing)
	hook.answer(http.StatusBadGateway)
	b.pool.Close()
	b.round(one, two)
	b.round(one, two)
	b.round(one, two)
	require.Equal(t, monitor.Failing, one.Here()[0].State)
	require.Equal(t, 2, asked)
	require.NotEmpty(t, hook.all())
	hook.answer(http.StatusOK)
	b.round(one, two)
	b.round(one, two)
	got := hook.all()
	for _, g := range got {
		require.Equal(t, []string{got[0].id, monitor.NameDatabase, monitor.Failing}, []string{g.id, g.Data.Probe, g.Data.State})
	}
	told := len(got)
	p.set(monitor.OK)
	b.round(one, two)
	b.round(one, two)
	b.round(one, two)
	got = hook.all()
	require.Len(t, got, told+1)
	require.Equal(t, monitor.OK, got[told].Data.State)
	require.NotContains(t, b.log.String(), secret[6:30])
}
