package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// outcome is what came of handing a mail over.
type outcome struct {
	status  string
	failure string // where, and the reply code; no text of the server's
	err     error  // nil when it is sent
}

// session is a connection on which one mail can be handed over.
type session struct {
	raw    net.Conn // below TLS, so that it can be cut at any time
	client *gomail.Client
	smtp   *smtp.Client
	lost   bool // the server may be anywhere in the dialogue
}

// open connects, turns to TLS and signs in. Nothing is said of the mail yet, so
// that a server which is away costs no mail its certainty.
func (m *Mailer) open(ctx context.Context, l letter) (*session, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, m.connect, errConnectSlow)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.server.address())
	if err != nil {
		return nil, fmt.Errorf("connect to the SMTP server: %w", openFailure(ctx, err))
	}
	s := &session{raw: raw}
	stop := context.AfterFunc(ctx, s.cut)
	defer stop()
	if s.client, err = m.client(raw, l); err == nil {
		s.smtp, err = s.client.DialToSMTPClientWithContext(ctx)
	}
	if err != nil {
		s.cut()
		return nil, fmt.Errorf("greet the SMTP server: %w", openFailure(ctx, err))
	}
	return s, nil
}

// client adapts the library to a connection that is there. It is told of no
// implicit TLS, since it would then believe that a connection it has not dialled
// itself is not encrypted; it sees for itself that it is.
func (m *Mailer) client(raw net.Conn, l letter) (*gomail.Client, error) {
	config := m.tls.Clone()
	config.ServerName = m.server.host
	policy := gomail.TLSMandatory
	switch m.server.security {
	case tlsOff:
		policy = gomail.NoTLS
	case tlsOpportunistic, tlsImplicit:
		policy = gomail.TLSOpportunistic
	}
	options := []gomail.Option{
		gomail.WithPort(m.server.port), gomail.WithTLSConfig(config), gomail.WithTLSPolicy(policy),
		gomail.WithoutNoop(), gomail.WithoutRset(),
		gomail.WithTimeout(m.connect + m.send), // the contexts are shorter, and say why
		gomail.WithDialContextFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
			if m.server.security != tlsImplicit {
				return raw, nil
			}
			conn := tls.Client(raw, config)
			return conn, conn.HandshakeContext(ctx)
		}),
	}
	if l.ascii { // asked of a server without need, it might not find one for the next hop
		options = append(options, gomail.WithoutSMTPUTF8())
	}
	if m.server.user != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(m.server.user), gomail.WithPassword(m.server.password))
	}
	return gomail.NewClient(m.server.host, options...)
}

// openFailure keeps back what a server says, which may repeat what it was sent.
func openFailure(ctx context.Context, err error) error {
	var reply *textproto.Error
	var garbled textproto.ProtocolError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &reply):
		return fmt.Errorf("it answers %d", reply.Code)
	case errors.As(err, &garbled):
		return errors.New("its answer cannot be read")
	}
	return err
}

// transfer hands the mail over and says what is known then. The end of ctx cuts
// the connection.
func (s *session) transfer(ctx context.Context, l letter) outcome {
	stop := context.AfterFunc(ctx, s.cut)
	defer stop()
	err := s.client.SendWithSMTPClient(s.smtp, l.msg)
	if l.msg.IsDelivered() {
		return outcome{status: statusSent}
	}
	o := judge(err)
	if o.code == 0 {
		s.lost = true
		if ctx.Err() != nil {
			o.err = fmt.Errorf("%w: %w", o.err, context.Cause(ctx))
		}
	}
	return o.outcome
}

// judgement is an outcome with the server's reply code, 0 where it gave none.
type judgement struct {
	outcome
	code int
}

// judge decides what is known of a mail whose transfer failed, from the step
// that did. The server has a mail only when it was told the end of the text.
func judge(err error) judgement {
	var failed *gomail.SendError
	if !errors.As(err, &failed) {
		return judgement{outcome: outcome{status: statusUnknown, failure: "transfer", err: ErrUnknown}}
	}
	j := judgement{code: failed.ErrorCode()}
	j.status, j.failure = statusPending, step(failed.Reason)
	refused := j.code >= 500
	switch failed.Reason {
	case gomail.ErrSMTPDataClose:
		if j.code == 0 {
			j.status = statusUnknown
		}
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData:
	default:
		refused = false // of us, not of the mail
	}
	if refused {
		j.status = statusRefused
	}
	j.explain(failed)
	return j
}

// explain puts reply codes into words.
func (j *judgement) explain(failed *gomail.SendError) {
	said := "no answer"
	if j.code != 0 {
		said = fmt.Sprint(j.code)
		if enhanced := failed.EnhancedStatusCode(); enhanced != "" {
			said += " " + enhanced
		}
	}
	j.failure += ": " + said
	switch j.status {
	case statusUnknown:
		j.err = fmt.Errorf("%s: %w", j.failure, ErrUnknown)
	case statusRefused:
		j.err = fmt.Errorf("%s: %w", j.failure, ErrRefused)
	default:
		j.err = fmt.Errorf("the SMTP server did not take it: %s", j.failure)
	}
}

// step names where in the dialogue a transfer failed.
func step(reason gomail.SendErrReason) string {
	switch reason {
	case gomail.ErrSMTPMailFrom:
		return "MAIL"
	case gomail.ErrSMTPRcptTo:
		return "RCPT"
	case gomail.ErrSMTPData, gomail.ErrWriteContent:
		return "DATA"
	case gomail.ErrSMTPDataClose:
		return "end of DATA"
	}
	return "before MAIL"
}

// leave says goodbye where the server expects a command: elsewhere it would end
// a message that is not whole, and send it.
func (s *session) leave() {
	if !s.lost {
		_ = s.raw.SetDeadline(time.Now().Add(quitWait)) // the mail's fate does not hang on it
		_ = s.smtp.Quit()
	}
	s.cut()
}

// cut ends the connection at once.
func (s *session) cut() { _ = s.raw.Close() }
