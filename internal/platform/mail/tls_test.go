package mail_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/mail"
)

// guarded is a server with TLS that takes mails of those who sign in.
type guarded struct {
	addr   string
	roots  *x509.CertPool
	mails  atomic.Int64
	signed atomic.Int64
	clear  atomic.Bool // a password came without TLS
}

func newGuarded(t *testing.T, implicit bool) *guarded {
	t.Helper()
	web := httptest.NewUnstartedServer(nil) // for its certificate, which is of 127.0.0.1 and example.com
	web.StartTLS()
	t.Cleanup(web.Close)
	g := &guarded{roots: x509.NewCertPool()}
	g.roots.AddCert(web.Certificate())
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &guest{guarded: g, conn: c}, nil }))
	server.Domain, server.AllowInsecureAuth = "localhost", true
	server.TLSConfig = &tls.Config{Certificates: web.TLS.Certificates}
	server.ErrorLog = log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g.addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, server.TLSConfig)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return g
}

// guest is one connection to it.
type guest struct {
	*guarded
	conn *smtp.Conn
}

func (g *guest) AuthMechanisms() []string { return []string{sasl.Plain} }

func (g *guest) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if _, encrypted := g.conn.TLSConnectionState(); !encrypted {
			g.clear.Store(true)
		}
		if user != "us" || password != "hunter2" {
			return errors.New("hunter2 is not the password of us")
		}
		g.signed.Add(1)
		return nil
	}), nil
}

func (g *guest) Reset()                               {}
func (g *guest) Logout() error                        { return nil }
func (g *guest) Mail(string, *smtp.MailOptions) error { return nil }
func (g *guest) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (g *guest) Data(r io.Reader) error               { g.mails.Add(1); _, err := io.Copy(io.Discard, r); return err }

func TestMailsAndPasswordsTravelEncrypted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		implicit bool
		url      func(addr string) string
		signed   int64
	}{
		"STARTTLS by default":    {false, func(a string) string { return "smtp://us:hunter2@" + a }, 1},
		"STARTTLS where offered": {false, func(a string) string { return "smtp://" + a + "?starttls=opportunistic" }, 0},
		"TLS from the start":     {true, func(a string) string { return "smtps://us:hunter2@" + a }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			g := newGuarded(t, c.implicit)
			m := b.mailer(func(cfg *mail.Config) { cfg.URL, cfg.TLS = c.url(g.addr), &tls.Config{RootCAs: g.roots} })
			require.NoError(t, m.Send(t.Context(), 1, message()))
			require.EqualValues(t, 1, g.mails.Load())
			require.Equal(t, c.signed, g.signed.Load())
			require.False(t, g.clear.Load())
		})
	}
}

func TestAServerThatIsNotTheOneMeantGetsNothing(t *testing.T) {
	t.Parallel()
	for name, implicit := range map[string]bool{"STARTTLS": false, "TLS from the start": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			g := newGuarded(t, implicit)
			m := b.mailer(func(cfg *mail.Config) {
				cfg.URL = "smtp://us:hunter2@" + g.addr
				if implicit {
					cfg.URL = "smtps://us:hunter2@" + g.addr
				}
			})
			err := m.Send(t.Context(), 1, message())
			require.ErrorContains(t, err, "certificate")
			requireKeepsQuiet(t, err.Error())
			require.Equal(t, "pending", b.row().status)
			require.Zero(t, g.signed.Load())
			require.Zero(t, g.mails.Load())
		})
	}
}

// What is wrong with us is wrong with no mail.
func TestAWrongPasswordLeavesTheMailForLater(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := newGuarded(t, true)
	tried := func(password string) error {
		m := b.mailer(func(cfg *mail.Config) {
			cfg.URL, cfg.TLS = "smtps://us:"+password+"@"+g.addr, &tls.Config{RootCAs: g.roots}
		})
		return m.Send(context.Background(), 1, message())
	}
	err := tried("hunter2-wrong")
	require.ErrorContains(t, err, "it answers 454")
	requireKeepsQuiet(t, err.Error()+b.log.String())
	require.NotErrorIs(t, err, mail.ErrPermanent)
	require.Equal(t, row{status: "pending", language: "en"}, b.row())
	require.NoError(t, tried("hunter2"))
}
