// Package mail sends the service's own mails over SMTP (RFC 5321): text and
// HTML from templates, in each of Languages.
//
// It promises that a mail is never sent twice. Key names one mail for ever, and
// a row says what has become of it:
//
//   - before the server is told anything of a mail, the row becomes sending, under
//     the lease number of the run that sends it;
//   - when the server accepts it, the row becomes sent, and Send does nothing more;
//   - when the server refuses it, or the connection is lost before the end of the
//     message, the server has not taken it (RFC 5321, 4.1.1.4): the row goes back to
//     pending, and the next run sends it, or it becomes refused where the server
//     says that trying again is of no use (5xx to the recipient or the text);
//   - when the connection is lost between the end of the message and the server's
//     answer, or the run dies while the row says sending, nobody can know whether
//     the mail is on its way. The row becomes unknown and the mail is not sent
//     again: of the two evils of RFC 1047, this package takes the lost mail.
//
// So a mail may be lost where its outcome is unknown, and Send says so. A refusal
// before any recipient is named (of our sign-in, of our sender) tells of our
// settings, not of the mail: it is tried again.
//
// The row holds no address and no text. Errors and logs hold neither, nor the
// password of the server, nor what the server said beyond its reply code.
package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	netmail "net/mail"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Defaults of Config.
const (
	defaultConnectTimeout = 15 * time.Second
	defaultSendTimeout    = time.Minute
)

const (
	grace     = 3 * time.Second  // for handing a mail over once its caller's context has ended
	storeWait = 10 * time.Second // how long storing what came of it is tried
	quitWait  = time.Second      // for taking leave of the server
)

// Errors of Send that trying again does not mend; both are ErrPermanent.
var (
	ErrPermanent = errors.New("trying again is of no use")
	ErrUnknown   = fmt.Errorf("whether the mail was sent cannot be known: %w", ErrPermanent)
	ErrRefused   = fmt.Errorf("the server refuses the mail: %w", ErrPermanent)
)

// errBusy is a mail that another run is sending, or has just sent.
var errBusy = errors.New("another run is at the mail")

// Causes of a transaction that is cut.
var (
	errConnectSlow = errors.New("the SMTP server was not ready in time")
	errSendSlow    = errors.New("the SMTP server did not take the mail in time")
)

// Config says where mails go and what they look like.
type Config struct {
	URL       string        // of the server, see ParseURL
	From      string        // the sender, such as FluentPro <no-reply@example.com>
	Templates []fs.FS       // of the nouns: <name>.<language>.txt, which begins with its Subject, and .html
	Pool      *pgxpool.Pool // where it is written down what was sent
	Logger    *slog.Logger
	Now       func() time.Time

	// ConnectTimeout bounds dialling, TLS, greeting and sign-in together; 0: 15 s.
	ConnectTimeout time.Duration
	// SendTimeout bounds the rest, from the sender to the server's answer to the
	// message; 0: 1 minute. A server that is slower leaves the outcome unknown.
	SendTimeout time.Duration
	TLS         *tls.Config // how the server is verified; nil: by the system's roots, TLS 1.2 or newer
}

// Address is a person's.
type Address struct {
	Name    string // shown; any script, may be empty
	Address string // local@domain
}

// Message is one mail to one person.
type Message struct {
	Key      string // names this mail for ever: the id of its event, and its template
	To       Address
	Language string // one of Languages
	Template string
	Data     any // of the template; a field it lacks is an error
}

// Mailer sends mails. Safe for concurrent use; each mail has a connection of its
// own.
type Mailer struct {
	server    Server
	from      netmail.Address
	templates templates
	store     *store
	logger    *slog.Logger
	now       func() time.Time
	connect   time.Duration
	send      time.Duration
	tls       *tls.Config
}

// New reads all templates; one that cannot be parsed, or that lacks a language,
// is refused. The server is first reached by Send.
func New(cfg Config) (*Mailer, error) {
	server, err := ParseURL(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	from, err := ParseFrom(cfg.From)
	if err != nil {
		return nil, fmt.Errorf("mail sender: %w", err)
	}
	all, err := parseTemplates(cfg.Templates)
	if err != nil {
		return nil, err
	}
	if cfg.TLS == nil {
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &Mailer{
		server: server, from: from, templates: all, store: &store{pool: cfg.Pool}, logger: cfg.Logger, now: cfg.Now,
		connect: cmp.Or(cfg.ConnectTimeout, defaultConnectTimeout), send: cmp.Or(cfg.SendTimeout, defaultSendTimeout),
		tls: cfg.TLS,
	}, nil
}

// Send sends a mail unless that was done. lease is the number of the job's run
// (job.Run): of two runs the one with the larger number is the later. Once the
// server is being told the mail, the end of ctx cuts it only after 3 s. Errors:
// ErrUnknown and ErrRefused, for good; any other may be tried again by a later
// run.
func (m *Mailer) Send(ctx context.Context, lease int64, msg Message) error {
	letter, err := m.compose(msg)
	if err != nil {
		return fmt.Errorf("write mail %s: %w", msg.Template, err)
	}
	due, err := m.admit(ctx, lease, letter)
	if err != nil || !due {
		return err
	}
	s, err := m.open(ctx, letter)
	if err != nil {
		return err
	}
	defer s.leave()
	if err := m.claim(ctx, lease, letter); err != nil {
		return err
	}
	return m.conclude(ctx, lease, letter, m.transfer(ctx, s, letter))
}

// admit says whether the mail is still to be sent.
func (m *Mailer) admit(ctx context.Context, lease int64, l letter) (due bool, err error) {
	status, err := m.store.admit(ctx, l, lease, m.now())
	if err != nil {
		return false, err
	}
	switch status {
	case statusSent:
		return false, nil
	case statusUnknown:
		return false, fmt.Errorf("mail %s: %w", l.messageID, ErrUnknown)
	case statusRefused:
		return false, fmt.Errorf("mail %s: %w", l.messageID, ErrRefused)
	case statusSending:
		return false, fmt.Errorf("mail %s: %w", l.messageID, errBusy)
	}
	return true, nil
}

// claim begins a mail. A claim that was made while its answer was lost would
// leave unknown what nobody has begun, so the end of ctx does not cut it, and one
// that fails is taken back.
func (m *Mailer) claim(ctx context.Context, lease int64, l letter) error {
	if ctx.Err() != nil {
		return fmt.Errorf("mail %s: %w", l.messageID, context.Cause(ctx))
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	err := m.store.begin(limited, l, lease, m.now())
	if err == nil || errors.Is(err, errBusy) {
		return err
	}
	return errors.Join(err, m.keep(ctx, lease, l, outcome{status: statusPending}))
}

// transfer hands the mail over. Its caller's end must not cut what is nearly
// done, since that would leave it unknown.
func (m *Mailer) transfer(ctx context.Context, s *session, l letter) outcome {
	ctx, cancel := linger(ctx, m.send)
	defer cancel()
	return s.transfer(ctx, l)
}

// linger gives a context that ends after limit, or grace after its parent.
func linger(parent context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(parent), limit, errSendSlow)
	stop := context.AfterFunc(parent, func() {
		last := time.NewTimer(grace)
		defer last.Stop()
		select {
		case <-last.C:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { stop(); cancel() }
}

// keep stores what came of a mail, patiently: until then it counts as being sent,
// and the next run must take that for unknown.
func (m *Mailer) keep(ctx context.Context, lease int64, l letter, o outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := m.store.end(ctx, l, lease, o, m.now())
		if err != nil && !fault.Is(err, "server.unavailable") {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(storeWait))
	if err != nil {
		return fmt.Errorf("mail %s is %s: %w", l.messageID, o.status, err)
	}
	return nil
}

// conclude stores what came of a mail and says it.
func (m *Mailer) conclude(ctx context.Context, lease int64, l letter, o outcome) error {
	if err := m.keep(ctx, lease, l, o); err != nil {
		return err
	}
	switch o.status {
	case statusSent:
		m.logger.Info("mail sent", "message_id", l.messageID, "template", l.template, "language", l.language)
		return nil
	case statusUnknown, statusRefused:
		m.logger.Warn("mail lost", "code", "mail."+o.status, "message_id", l.messageID, "template", l.template, "failure", o.failure)
	}
	return fmt.Errorf("mail %s: %w", l.messageID, o.err)
}
