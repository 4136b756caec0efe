package mail_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
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
