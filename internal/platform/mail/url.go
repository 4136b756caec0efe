package mail

import (
	"errors"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
)

// How much the connection to the server is protected, as `starttls` says.
const (
	tlsRequired      = "required"
	tlsOpportunistic = "opportunistic"
	tlsOff           = "off"
	tlsImplicit      = "implicit" // smtps
)

// Ports of RFC 6409 and RFC 8314.
const (
	portSubmission  = 587
	portSubmissions = 465
)

// Server is an SMTP server and how to reach it.
type Server struct {
	host     string
	port     int
	user     string
	password string
	security string
}

// Errors of ParseURL. None quotes the URL, which may hold a password.
var (
	errURL      = errors.New("must be smtp://host:port or smtps://host:port, with user:password@ where the server asks for it")
	errStartTLS = errors.New("starttls must be required, opportunistic or off, and belongs to smtp:// alone")
	errClear    = errors.New("a password needs smtps:// or starttls=required: it is not sent in the clear")
)

// ParseURL reads the address of a server:
//
//	smtp://[user:password@]host[:port][?starttls=required|opportunistic|off]
//	smtps://[user:password@]host[:port]
//
// The ports are 587 and 465 by default. With smtp:// the connection must turn to
// TLS (STARTTLS, RFC 3207); opportunistic goes on without where the server has
// none, off never asks. With smtps:// it is TLS from the start (RFC 8314).
func ParseURL(text string) (Server, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Opaque != "" || (u.Path != "" && u.Path != "/") || u.Fragment != "" {
		return Server{}, errURL
	}
	s := Server{host: u.Hostname()}
	if s.security, s.port, err = security(u); err != nil {
		return Server{}, err
	}
	if u.Port() != "" {
		if s.port, err = strconv.Atoi(u.Port()); err != nil || s.port < 1 || s.port > 65535 {
			return Server{}, errURL
		}
	}
	s.user = u.User.Username()
	s.password, _ = u.User.Password()
	switch {
	case (s.user == "") != (s.password == ""):
		return Server{}, errURL
	case s.user != "" && s.security != tlsRequired && s.security != tlsImplicit:
		return Server{}, errClear
	}
	return s, nil
}

// security reads the scheme and the query.
func security(u *url.URL) (mode string, port int, err error) {
	query := u.Query()
	mode, given := tlsRequired, query.Has("starttls")
	if given {
		mode = query.Get("starttls")
		query.Del("starttls")
	}
	if len(query) > 0 {
		return "", 0, errURL
	}
	switch u.Scheme {
	case "smtps":
		if given {
			return "", 0, errStartTLS
		}
		return tlsImplicit, portSubmissions, nil
	case "smtp":
		if mode != tlsRequired && mode != tlsOpportunistic && mode != tlsOff {
			return "", 0, errStartTLS
		}
		return mode, portSubmission, nil
	}
	return "", 0, errURL
}

func (s Server) address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// ParseFrom reads the sender's address (RFC 5322), with or without a name.
func ParseFrom(text string) (netmail.Address, error) {
	a, err := netmail.ParseAddress(text)
	if err != nil {
		return netmail.Address{}, errors.New("must be an address, such as FluentPro <no-reply@example.com>")
	}
	return *a, nil
}
