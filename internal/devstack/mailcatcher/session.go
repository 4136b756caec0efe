package mailcatcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/emersion/go-smtp"
)

// Where a Step goes wrong.
const (
	AtMail = "MAIL" // when the sender is named
	AtRcpt = "RCPT" // when the recipient is named
	AtData = "DATA" // in the middle of the message, none of which is kept
	AtEnd  = "END"  // after the whole message
)

// Step is how one mail goes wrong: one of Code, Drop and Hang is set, or Gate
// alone. A mail that is not refused AtEnd is kept: where the connection is cut or
// silent there, its sender cannot know.
type Step struct {
	At   string
	Code int             // the mail is refused with this reply, 4xx or 5xx
	Drop bool            // the connection is cut
	Hang bool            // nothing is said any more until the client leaves
	Gate <-chan struct{} // nothing happens before this is closed, or the server stops
}

// Script lets the next mails go wrong in this order, one connection each; those
// after the last step are taken. Steps add to those still waiting.
func (s *Server) Script(steps ...Step) { s.script.add(steps) }

// script is the steps to come.
type script struct {
	mu    sync.Mutex
	steps []Step
}

func (s *script) add(steps []Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, steps...)
}

// next takes the step of one connection; the zero Step lets all go well.
func (s *script) next() Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.steps) == 0 {
		return Step{}
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step
}

// newSMTP makes the mail server.
func newSMTP(s *Server, logger *slog.Logger) *smtp.Server {
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	server.Domain, server.EnableSMTPUTF8 = "localhost", true
	server.MaxMessageBytes, server.MaxRecipients = MaxBytes, maxRecipients
	server.ReadTimeout, server.WriteTimeout = idleTimeout, idleTimeout
	server.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
	return server
}

// errDropped is what a connection ends with that was cut on purpose.
var errDropped = errors.New("cut on purpose")

// session is one connection.
type session struct {
	server *Server
	conn   *smtp.Conn
	step   *Step // taken with the first mail
	from   string
	to     []string
}

// Mail takes the sender.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.step == nil {
		step := s.server.script.next()
		s.step = &step
	}
	s.from = from
	return s.at(AtMail)
}

// Rcpt takes one recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return s.at(AtRcpt)
}

// Data takes the message.
func (s *session) Data(r io.Reader) error {
	if err := s.at(AtData); err != nil {
		return err
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.step.At != AtEnd || s.step.Code == 0 {
		if err := s.server.box.keep(envelope{from: s.from, to: s.to}, text); err != nil {
			return err
		}
	}
	return s.at(AtEnd)
}

// Reset forgets the mail in progress.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout ends the session.
func (s *session) Logout() error { return nil }

// at does what the step wants at this place.
func (s *session) at(place string) error {
	if s.step.At != place {
		return nil
	}
	if s.step.Gate != nil {
		select {
		case <-s.step.Gate:
		case <-s.server.ended.Done():
		}
	}
	switch {
	case s.step.Code != 0:
		return &smtp.SMTPError{
			Code: s.step.Code, EnhancedCode: smtp.EnhancedCode{s.step.Code / 100, 0, 0},
			Message: fmt.Sprintf("as scripted for %v", s.to),
		}
	case s.step.Drop:
		return errors.Join(errDropped, s.conn.Conn().Close())
	case s.step.Hang:
		s.hang()
		return errDropped
	}
	return nil
}

// hang says nothing until the client has left or the server stops.
func (s *session) hang() {
	ctx, cancel := context.WithCancel(s.server.ended)
	defer cancel()
	context.AfterFunc(ctx, func() { _ = s.conn.Conn().Close() }) // ends the read below
	_, _ = io.Copy(io.Discard, s.conn.Conn())
}
