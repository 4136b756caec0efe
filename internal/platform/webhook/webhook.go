// Package webhook sends signed messages to one address that an operator has configured,
// by Standard Webhooks (https://www.standardwebhooks.com): the receiver proves with the
// shared secret that a message is ours and how old it is, and knows one that comes twice by
// its id.
//
// It promises that an attempt ends in time, that no redirect is followed, and that no
// connection is made to an address which no receiver has: link-local (where clouds keep
// their secrets), multicast or unspecified, whatever a name resolves to. An error, and so
// the log, holds neither the secret nor the path or query of the address, which may be one.
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Bounds.
const (
	defaultTimeout = 10 * time.Second
	minSecret      = 24 // bytes, by the specification
	maxSecret      = 64
	maxAnswer      = 16 << 10 // that is read, so that the connection can be used again
)

const secretPrefix = "whsec_"

// Config says where to, and how.
type Config struct {
	URL     string        // https, or http to this machine; see Check
	Secret  string        // whsec_ and 24 to 64 bytes in base64
	Plain   bool          // http to other machines is allowed
	Timeout time.Duration // of an attempt; 0: 10 s
}

// errTarget is an address that no receiver has.
var errTarget = errors.New("the address is of no use to anybody but this machine's network")

// Check says what is wrong with the URL and the secret, repeating neither.
func (c Config) Check() (ofURL, ofSecret error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		ofURL = errors.New("must be a URL such as https://example.com/hook")
	case u.User != nil || u.Fragment != "":
		ofURL = errors.New("must have neither a user nor a fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !c.Plain && !isHere(u.Hostname())):
		ofURL = errors.New("must begin with https://")
	default:
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !isReceiver(ip) {
			ofURL = errors.New("must not be a link-local, multicast or unspecified address")
		}
	}
	text, prefixed := strings.CutPrefix(c.Secret, secretPrefix)
	if key, err := base64.StdEncoding.DecodeString(text); !prefixed || err != nil || len(key) < minSecret || len(key) > maxSecret {
		ofSecret = errors.New("must be whsec_ and 24 to 64 random bytes in base64")
	}
	return ofURL, ofSecret
}

func isHere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// isReceiver tells addresses that a receiver may have.
func isReceiver(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && !ip.IsLinkLocalUnicast()
}

// A Sender sends messages. Safe for concurrent use.
type Sender struct {
	url    string
	host   string
	signer *standardwebhooks.Webhook
	client *http.Client
}

// New makes a Sender; it reaches out to nobody.
func New(c Config) (*Sender, error) {
	if err := errors.Join(c.Check()); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("webhook: the URL cannot be parsed")
	}
	signer, err := standardwebhooks.NewWebhook(c.Secret)
	if err != nil {
		return nil, errors.New("webhook: the secret cannot be read")
	}
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	dialer := &net.Dialer{Timeout: timeout, Control: refuse}
	return &Sender{url: c.URL, host: u.Host, signer: signer, client: &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{ // no proxy: the address that is dialled is the one that is looked at
			DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout, MaxIdleConns: 1,
			IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// refuse looks at an address when its name is resolved, so that no name leads elsewhere.
func refuse(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !isReceiver(to.Addr()) {
		return errTarget
	}
	return nil
}

// Send makes one attempt. id names the message for ever, at is the time of the attempt. Any
// answer but 2xx is an error, and so is a redirect.
func (s *Sender) Send(ctx context.Context, id string, at time.Time, payload []byte) error {
	signature, err := s.signer.Sign(id, at, payload)
	if err != nil {
		return fmt.Errorf("sign webhook: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(payload))
	if err != nil {
		return errors.New("webhook: the request cannot be made")
	}
	request.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"FluentPro-Webhook/1"},
		http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookID):        {id},
		http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookTimestamp): {strconv.FormatInt(at.Unix(), 10)},
		http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookSignature): {signature},
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("webhook to %s: %w", s.host, bare(err))
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("webhook to %s: answered with %d", s.host, response.StatusCode)
	}
	return nil
}

// bare takes the address from an error of the client.
func bare(err error) error {
	if of, ok := errors.AsType[*url.Error](err); ok {
		return of.Err
	}
	return err
}
