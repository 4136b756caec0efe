package mail_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
)

func TestADatabaseThatIsAwayLeavesTheMailForLater(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.mailer(func(cfg *mail.Config) { cfg.Pool = b.hurried() })
	unlock := b.lock()
	require.True(t, fault.Is(m.Send(t.Context(), 1, message()), "server.unavailable"))
	unlock()
	require.NoError(t, m.Send(t.Context(), 1, message()))
	require.Len(t, b.catcher.List(), 1)
}

func TestWhatCameOfAMailIsStoredAsSoonAsTheDatabaseIsBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.mailer(func(cfg *mail.Config) { cfg.Pool = b.hurried() })
	gate := make(chan struct{})
	b.catcher.Script(mailcatcher.Step{At: mailcatcher.AtEnd, Gate: gate})
	sent := make(chan error, 1)
	go func() { sent <- m.Send(context.Background(), 1, message()) }()
	b.eventually("the mail is with the server", func() bool { return len(b.catcher.List()) == 1 })
	unlock := b.lock()
	close(gate)
	b.eventually("its outcome waits", func() bool { return b.waiting() == 1 })
	b.eventually("its outcome has failed once", func() bool { return b.waiting() == 0 })
	unlock()
	require.NoError(t, <-sent)
	require.Equal(t, "sent", b.row().status)
}

// waiting counts statements that wait for a lock.
func (b *bench) waiting() (n int) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(),
		"select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").Scan(&n))
	return n
}

func TestAnOutcomeThatCannotBeStoredIsAnError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gate := make(chan struct{})
	b.catcher.Script(mailcatcher.Step{At: mailcatcher.AtEnd, Gate: gate})
	sent := make(chan error, 1)
	go func() { sent <- b.Send(context.Background(), 1, message()) }()
	b.eventually("the mail is with the server", func() bool { return len(b.catcher.List()) == 1 })
	_, err := b.pool.Exec(t.Context(), "alter table mails rename to letters")
	require.NoError(t, err)
	close(gate)
	err = <-sent
	require.ErrorContains(t, err, "is sent: end mail")
	require.NotErrorIs(t, err, mail.ErrPermanent)
	_, err = b.pool.Exec(t.Context(), "alter table letters rename to mails")
	require.NoError(t, err)
	require.ErrorIs(t, b.Send(t.Context(), 2, message()), mail.ErrUnknown, "the next run must not send it again")
	require.Len(t, b.catcher.List(), 1)
}

// slow stands before the catcher and passes nothing on until it is opened.
func (b *bench) slow(open <-chan struct{}) (url string) {
	b.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b.t, err)
	b.t.Cleanup(func() { l.Close() })
	target := strings.TrimSuffix(strings.TrimPrefix(b.catcher.SMTPURL(), "smtp://"), "?starttls=off")
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			<-open
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				return
			}
			go func() { _, _ = io.Copy(server, client); server.Close() }()
			go func() { _, _ = io.Copy(client, server); client.Close() }()
		}
	}()
	return "smtp://" + l.Addr().String() + "?starttls=off"
}

// Whether a claim was made that got no answer cannot be known, but the mail was
// not begun.
func TestAClaimThatFailsIsTakenBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	open := make(chan struct{})
	m := b.mailer(func(cfg *mail.Config) { cfg.Pool, cfg.URL = b.hurried(), b.slow(open) })
	sent := make(chan error, 1)
	go func() { sent <- m.Send(context.Background(), 1, message()) }()
	b.eventually("the mail is admitted", func() bool {
		var n int
		require.NoError(t, b.pool.QueryRow(t.Context(), "select count(*) from mails").Scan(&n))
		return n == 1
	})
	unlock := b.lock()
	close(open)
	b.eventually("the claim waits", func() bool { return b.waiting() == 1 })
	b.eventually("the claim has failed", func() bool { return b.waiting() == 0 })
	unlock()
	require.True(t, fault.Is(<-sent, "server.unavailable"))
	require.Equal(t, row{status: "pending", language: "en"}, b.row())
	require.NoError(t, m.Send(t.Context(), 2, message()))
	require.Len(t, b.catcher.List(), 1)
}
