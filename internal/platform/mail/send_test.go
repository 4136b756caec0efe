package mail_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
)

func TestAMailIsSentOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for lease := range int64(3) {
		require.NoError(t, b.Send(t.Context(), lease+1, message()))
	}
	require.Len(t, b.catcher.List(), 1)
	require.Equal(t, row{status: "sent", language: "en", lease: 1, attempts: 1}, b.row())
	other := message()
	other.Key = "another event/note"
	require.NoError(t, b.Send(t.Context(), 9, other))
	require.Len(t, b.catcher.List(), 2)
	require.Contains(t, b.log.String(), "mail sent")
	requireKeepsQuiet(t, b.log.String())
}

func TestNoAddressAndNoTextIsStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.Send(t.Context(), 1, message()))
	var stored string
	require.NoError(t, b.pool.QueryRow(t.Context(), "select m::text from mails m").Scan(&stored))
	requireKeepsQuiet(t, stored)
}

// Every place at which a server can fail, and what is known then.
func TestWhatCameOfAMailIsKnownOrKnownToBeUnknown(t *testing.T) {
	t.Parallel()
	const back, refused, unknown = "pending", "refused", "unknown"
	for name, c := range map[string]struct {
		step    mailcatcher.Step
		status  string
		failure string
		kept    int // by the server, before the mail is tried again
	}{
		"sender not now":         {mailcatcher.Step{At: mailcatcher.AtMail, Code: 451}, back, "MAIL: 451 4.0.0", 0},
		"sender never":           {mailcatcher.Step{At: mailcatcher.AtMail, Code: 550}, back, "MAIL: 550 5.0.0", 0},
		"recipient not now":      {mailcatcher.Step{At: mailcatcher.AtRcpt, Code: 451}, back, "RCPT: 451 4.0.0", 0},
		"recipient never":        {mailcatcher.Step{At: mailcatcher.AtRcpt, Code: 550}, refused, "RCPT: 550 5.0.0", 0},
		"text not now":           {mailcatcher.Step{At: mailcatcher.AtEnd, Code: 452}, back, "end of DATA: 452 4.0.0", 0},
		"text never":             {mailcatcher.Step{At: mailcatcher.AtEnd, Code: 554}, refused, "end of DATA: 554 5.0.0", 0},
		"cut at the sender":      {mailcatcher.Step{At: mailcatcher.AtMail, Drop: true}, back, "MAIL: no answer", 0},
		"cut at the recipient":   {mailcatcher.Step{At: mailcatcher.AtRcpt, Drop: true}, back, "RCPT: no answer", 0},
		"cut after the text":     {mailcatcher.Step{At: mailcatcher.AtEnd, Drop: true}, unknown, "end of DATA: no answer", 1},
		"silent at the sender":   {mailcatcher.Step{At: mailcatcher.AtMail, Hang: true}, back, "MAIL: no answer", 0},
		"silent at recipient":    {mailcatcher.Step{At: mailcatcher.AtRcpt, Hang: true}, back, "RCPT: no answer", 0},
		"silent within the text": {mailcatcher.Step{At: mailcatcher.AtData, Hang: true}, unknown, "end of DATA: no answer", 0},
		"silent after the text":  {mailcatcher.Step{At: mailcatcher.AtEnd, Hang: true}, unknown, "end of DATA: no answer", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			timeout := time.Duration(0)
			if c.step.Hang {
				timeout = 2 * time.Second
			}
			m := b.mailer(func(cfg *mail.Config) { cfg.SendTimeout = timeout })
			b.catcher.Script(c.step)
			err := m.Send(t.Context(), 1, message())
			require.Error(t, err)
			requireKeepsQuiet(t, err.Error()+b.log.String())
			require.ErrorContains(t, err, c.failure)
			if c.step.Hang {
				require.ErrorContains(t, err, "did not take the mail in time")
			}
			require.Equal(t, row{status: c.status, failure: c.failure, language: "en", lease: 1, attempts: 1}, b.row())
			require.Len(t, b.catcher.List(), c.kept)

			again := b.Send(t.Context(), 2, message()) // the next run of the job
			switch c.status {
			case back:
				require.NotErrorIs(t, err, mail.ErrPermanent)
				require.NoError(t, again)
				require.Equal(t, row{status: "sent", language: "en", lease: 2, attempts: 2}, b.row())
				require.Len(t, b.catcher.List(), 1)
			case refused:
				for _, err := range []error{err, again} {
					require.ErrorIs(t, err, mail.ErrRefused)
					require.ErrorIs(t, err, mail.ErrPermanent)
				}
				require.Empty(t, b.catcher.List())
				require.Contains(t, b.log.String(), `"code":"mail.refused"`)
			case unknown:
				for _, err := range []error{err, again} {
					require.ErrorIs(t, err, mail.ErrUnknown)
					require.ErrorIs(t, err, mail.ErrPermanent)
				}
				require.Len(t, b.catcher.List(), c.kept, "never twice")
				require.Contains(t, b.log.String(), `"code":"mail.unknown"`)
			}
		})
	}
}

func TestATextThatDidNotReachTheServerWholeIsSentAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.catcher.Script(mailcatcher.Step{At: mailcatcher.AtData, Drop: true})
	m := message()
	m.Data = note{Name: "Mei", Text: strings.Repeat("far more than any buffer on the way ", 500_000)}
	err := b.Send(t.Context(), 1, m)
	require.ErrorContains(t, err, "DATA: no answer")
	require.NotErrorIs(t, err, mail.ErrPermanent)
	require.Equal(t, row{status: "pending", failure: "DATA: no answer", language: "en", lease: 1, attempts: 1}, b.row())
	require.NoError(t, b.Send(t.Context(), 2, message()))
	require.Len(t, b.catcher.List(), 1)
}

// listen takes connections, greets with a line and says nothing more.
func listen(t *testing.T, greeting string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(greeting))
			t.Cleanup(func() { c.Close() })
		}
	}()
	return "smtp://" + l.Addr().String() + "?starttls=off"
}

func TestAServerThatCannotBeReachedCostsNoMailItsCertainty(t *testing.T) {
	t.Parallel()
	b := setup(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for url, why := range map[string]string{
		"smtp://" + closed.Addr().String() + "?starttls=off": "connection refused",
		listen(t, ""): "not ready in time",
		listen(t, "554 no mails of mei@example.com here, hunter2\r\n"): "it answers 554",
		listen(t, "hello?\r\n"):                    "cannot be read",
		strings.Split(b.catcher.SMTPURL(), "?")[0]: "STARTTLS",
	} {
		m := b.mailer(func(cfg *mail.Config) { cfg.URL, cfg.ConnectTimeout = url, 2*time.Second })
		err := m.Send(t.Context(), 1, message())
		require.ErrorContains(t, err, why)
		require.NotErrorIs(t, err, mail.ErrPermanent)
		requireKeepsQuiet(t, err.Error())
		require.Equal(t, row{status: "pending", language: "en"}, b.row(), "nothing was said of the mail")
	}
	require.NoError(t, b.Send(t.Context(), 1, message()))
	require.Len(t, b.catcher.List(), 1)
}

func TestOfManyRunsAtOnceOneSends(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var wg sync.WaitGroup
	for lease := range int64(20) {
		wg.Go(func() {
			err := b.Send(context.Background(), lease+1, message())
			if err != nil && !strings.Contains(err.Error(), "another run") && !strings.Contains(err.Error(), "cannot be known") {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, b.catcher.List(), 1)
	require.Equal(t, "sent", b.row().status, "whoever sent it has the last word")
	require.Equal(t, 1, b.row().attempts)
	require.NoError(t, b.Send(t.Context(), 99, message()))
	require.Len(t, b.catcher.List(), 1)
}

// A run that was killed while it handed the mail over may have been heard.
func TestAMailOfARunThatDiedIsUnknown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `insert into mails values ('event/note', 'x@example.com', 'note', 'en', 'sending', 7, 1, '', now(), now())`)
	require.NoError(t, err)
	for _, earlier := range []int64{6, 7} {
		err := b.Send(t.Context(), earlier, message())
		require.ErrorContains(t, err, "another run is at the mail")
		require.NotErrorIs(t, err, mail.ErrPermanent)
		require.Equal(t, "sending", b.row().status, "only a later run takes over")
	}
	require.ErrorIs(t, b.Send(t.Context(), 8, message()), mail.ErrUnknown)
	require.Equal(t, row{status: "unknown", language: "en", lease: 7, attempts: 1}, b.row())
	require.ErrorIs(t, b.Send(t.Context(), 9, message()), mail.ErrUnknown)
	require.Empty(t, b.catcher.List())
}

// A run may lose its lease and yet be alive; what it learns is the truth.
func TestTheRunThatSentItCorrectsAnUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code   int
		status string
	}{"sent": {0, "sent"}, "refused": {554, "refused"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			gate := make(chan struct{})
			b.catcher.Script(mailcatcher.Step{At: mailcatcher.AtEnd, Gate: gate, Code: c.code})
			first := make(chan error, 1)
			go func() { first <- b.Send(context.Background(), 1, message()) }()
			b.eventually("the mail is with the server", func() bool { return b.sending() })
			require.ErrorIs(t, b.Send(t.Context(), 2, message()), mail.ErrUnknown)
			require.Equal(t, "unknown", b.row().status)
			close(gate)
			if err := <-first; c.code == 0 {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, mail.ErrRefused)
			}
			require.Equal(t, c.status, b.row().status)
		})
	}
}

// sending says whether some run has claimed the note.
func (b *bench) sending() bool {
	var n int
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), "select count(*) from mails where status = 'sending'").Scan(&n))
	return n == 1
}

func TestARunThatEndsFinishesTheMailItHasBegun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gate := make(chan struct{})
	b.catcher.Script(mailcatcher.Step{At: mailcatcher.AtRcpt, Gate: gate})
	ctx, end := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() { sent <- b.Send(ctx, 1, message()) }()
	b.eventually("the mail is with the server", b.sending)
	end()
	close(gate)
	require.NoError(t, <-sent)
	require.Equal(t, "sent", b.row().status)
	require.Len(t, b.catcher.List(), 1)

	other := message()
	other.Key = "another"
	require.ErrorIs(t, b.Send(ctx, 2, other), context.Canceled, "but begins none")
	require.Len(t, b.catcher.List(), 1)
}

func TestARunThatEndsDoesNotWaitForASilentServerForLong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.catcher.Script(mailcatcher.Step{At: mailcatcher.AtRcpt, Hang: true})
	ctx, end := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() { sent <- b.Send(ctx, 1, message()) }()
	b.eventually("the mail is with the server", b.sending)
	end()
	select {
	case err := <-sent:
		require.ErrorContains(t, err, "RCPT: no answer")
	case <-time.After(patience):
		t.Fatal("it still waits")
	}
	require.Equal(t, "pending", b.row().status)
}

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

func TestAMailThatCannotBeWrittenIsNotBegun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, change := range map[string]func(*mail.Message){
		"no such template":  func(m *mail.Message) { m.Template = "poem" },
		"no such language":  func(m *mail.Message) { m.Language = "fr" },
		"data that lacks":   func(m *mail.Message) { m.Data = struct{ Name string }{"Mei"} },
		"map that lacks":    func(m *mail.Message) { m.Data = map[string]string{"Name": "Mei"} },
		"no address":        func(m *mail.Message) { m.To.Address = "" },
		"not an address":    func(m *mail.Message) { m.To.Address = "mei" },
		"two addresses":     func(m *mail.Message) { m.To.Address = "mei@example.com>, <other@example.com" },
		"address of lines":  func(m *mail.Message) { m.To.Address = "mei@example.com\r\nBcc: other@example.com" },
		"address and name":  func(m *mail.Message) { m.To.Address = "Mei <mei@example.com>" },
		"address and space": func(m *mail.Message) { m.To.Address = " mei@example.com" },
	} {
		m := message()
		change(&m)
		err := b.Send(t.Context(), 1, m)
		require.ErrorContains(t, err, "write mail", name)
		requireKeepsQuiet(t, strings.ReplaceAll(fmt.Sprint(err), "MapFile", ""))
	}
	var n int
	require.NoError(t, b.pool.QueryRow(t.Context(), "select count(*) from mails").Scan(&n))
	require.Zero(t, n)
}
