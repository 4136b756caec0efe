// Package mailcatcher is a mail server that delivers nothing: it takes every
// mail, keeps it in a folder and shows it on a page. It is the mail server of
// `fluentpro dev` and of the tests.
//
// It promises that
//   - both servers listen when Start returns, and have ended, with every
//     connection, when Stop returns;
//   - a mail that was accepted is on disk as <id>.eml, readable by any mail
//     program, and stays there for the next start;
//   - the page shows what a mail says and lets none of it run: everything is
//     escaped, and its HTML stands in a sandboxed frame without scripts and
//     without anything from elsewhere;
//   - only browsers that were asked for this machine by name are answered, so
//     that no page from elsewhere can read the mails (DNS rebinding).
//
// It can be made to fail in every way a mail server fails, see Step. Over HTTP:
//
//	GET /                  the list, newest first
//	GET /mails/{id}        one mail
//	GET /mails.json        the list for programs
//	GET /mails/{id}.json   one mail for programs
//	GET /mails/{id}.eml    its source
//	GET /mails/{id}.html   its HTML, as the page frames it
//
// Its limits: 127.0.0.1 only, no TLS, no sign-in, the newest Kept mails of
// MaxBytes each.
package mailcatcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	// Kept is how many mails are kept, unless Config says otherwise.
	Kept = 1000
	// MaxBytes bounds one mail.
	MaxBytes = 5 << 20
)

// Bounds of one connection.
const (
	maxRecipients = 50
	idleTimeout   = time.Minute
	headerTimeout = 5 * time.Second
)

// Config says where mails are kept. The zero value of all but Dir is a default.
type Config struct {
	Dir    string       // made when it is not there; required
	Kept   int          // how many mails, the newest; 0: Kept
	Logger *slog.Logger // nil: silent; no mail is ever logged
}

// Server catches mails and shows them. Safe for concurrent use.
type Server struct {
	box    *box
	script script
	pages  *pages

	ended context.Context // once Stop was called
	end   context.CancelFunc
	smtp  *smtp.Server
	web   *http.Server
	conns *listener
	page  net.Listener
	done  sync.WaitGroup
	once  sync.Once
	err   error // of the stop
}

// Start reads the folder and begins to listen on two free ports of 127.0.0.1.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Kept <= 0 {
		cfg.Kept = Kept
	}
	kept, err := openBox(cfg.Dir, cfg.Kept)
	if err != nil {
		return nil, fmt.Errorf("mail catcher: %w", err)
	}
	s := &Server{box: kept}
	if s.pages, err = newPages(kept); err != nil {
		return nil, fmt.Errorf("mail catcher: %w", err)
	}
	if err := s.listen(ctx); err != nil {
		return nil, fmt.Errorf("mail catcher: %w", err)
	}
	s.ended, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.smtp = newSMTP(s, cfg.Logger)
	s.web = &http.Server{Handler: s.pages, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	s.done.Go(func() { logEnd(cfg.Logger, s.smtp.Serve(s.conns)) })
	s.done.Go(func() { logEnd(cfg.Logger, s.web.Serve(s.page)) })
	return s, nil
}

func (s *Server) listen(ctx context.Context) error {
	mails, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.conns = &listener{Listener: mails, open: map[net.Conn]struct{}{}}
	if s.page, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return errors.Join(err, mails.Close())
	}
	return nil
}

func logEnd(logger *slog.Logger, err error) {
	if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		logger.Error("mail catcher", "error", err)
	}
}

// SMTPURL is where to send mails, in the form of FLUENTPRO_SMTP_URL.
func (s *Server) SMTPURL() string { return "smtp://" + s.conns.Addr().String() + "?starttls=off" }

// URL is that of the page, without a trailing slash.
func (s *Server) URL() string { return "http://" + s.page.Addr().String() }

// List gives all mails, newest first.
func (s *Server) List() []Summary { return s.box.list() }

// Read gives one mail; fs.ErrNotExist when there is none of this id.
func (s *Server) Read(id string) (Mail, error) { return s.box.read(id) }

// To gives the mails to one address, newest first.
func (s *Server) To(address string) ([]Mail, error) {
	var all []Mail
	for _, one := range s.box.list() {
		if !one.isTo(address) {
			continue
		}
		m, err := s.box.read(one.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// Stop cuts every connection, those that a Step holds too, and waits until both
// servers have ended or ctx has. Idempotent.
func (s *Server) Stop(ctx context.Context) error {
	s.once.Do(func() {
		err := s.conns.cut() // first, so that none that is held ends well
		s.end()
		if down := s.smtp.Shutdown(ctx); !errors.Is(down, net.ErrClosed) {
			err = errors.Join(err, down)
		}
		s.err = errors.Join(err, s.web.Close())
		s.done.Wait()
	})
	return s.err
}

// listener remembers its connections, so that all can be cut.
type listener struct {
	net.Listener

	mu   sync.Mutex
	open map[net.Conn]struct{} // nil once cut
}

// Accept takes a connection and remembers it.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		return nil, errors.Join(net.ErrClosed, c.Close())
	}
	tracked := &conn{Conn: c, of: l}
	l.open[tracked] = struct{}{}
	return tracked, nil
}

// cut ends the listener and its connections.
func (l *listener) cut() error {
	err := l.Close()
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for c := range open {
		_ = c.Close() // it may have ended by itself
	}
	return err
}

// conn is a connection that its listener forgets when it ends.
type conn struct {
	net.Conn
	of *listener
}

// Close ends the connection.
func (c *conn) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
