package auth0

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds an answer; the largest ones, key sets, have a few KB.
const maxBody = 1 << 20

// request is one question to the tenant.
type request struct {
	method     string
	path       string     // escaped, with its query
	token      string     // of the Management API; empty elsewhere
	form       url.Values // the body in OAuth's form, or
	body       any        // in JSON; nil: none
	address    string     // of the learner, for brute-force protection; empty: ours counts
	repeatable bool       // a second time changes nothing
}

// answer is what the tenant said, success or not.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	refusal refusal // of a status that is no success
}

func (a answer) ok() bool { return a.status/100 == 2 }

// read takes a success apart.
func (a answer) read(into any) error {
	if err := json.Unmarshal(a.body, into); err != nil {
		return unavailable(errGarbled, 0) // err may quote the body, which may hold a token
	}
	return nil
}

// unexpected is the error for a refusal that has no meaning of its own.
func (a answer) unexpected(now time.Time) error {
	if a.status == http.StatusTooManyRequests {
		many := a.tooMany(now)
		return unavailable(many, many.RetryAfter)
	}
	return unavailable(a.refused(), 0)
}

func (a answer) refused() error { return &statusError{status: a.status, code: a.refusal.slug()} }

func (a answer) tooMany(now time.Time) *TooManyError {
	return &TooManyError{Locked: a.refusal.locked(), RetryAfter: retryAfter(a.header, now)}
}

// refusal is an error in either form: OAuth's or the Management API's. Its texts
// are compared and never shown.
type refusal struct {
	Err         string `json:"error"`
	Description string `json:"error_description"`
	Code        string `json:"errorCode"`
	Message     string `json:"message"`
}

// slugs are the codes worth a log line; anything else is free text.
var slugs = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

func (r refusal) slug() string {
	for _, s := range []string{r.Code, r.Err} {
		if slugs.MatchString(s) {
			return s
		}
	}
	return ""
}

func (r refusal) locked() bool { return r.Err == "too_many_attempts" }

// once asks and reads the whole answer.
func (c *Client) once(ctx context.Context, r request) (answer, error) {
	req, err := c.build(ctx, r)
	if err != nil {
		return answer{}, err
	}
	res, err := c.web.Do(req)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok { // it repeats the URL, which names a user
			err = outer.Err
		}
		return answer{}, err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return answer{}, fmt.Errorf("read answer: %w", err)
	case len(body) > maxBody:
		return answer{}, errLarge
	}
	a := answer{status: res.StatusCode, header: res.Header, body: body}
	if !a.ok() {
		_ = json.Unmarshal(body, &a.refusal) // one that is no JSON, as of a proxy, has its status alone
	}
	return a, nil
}

func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	media := ""
	switch {
	case r.form != nil:
		body, media = strings.NewReader(r.form.Encode()), "application/x-www-form-urlencoded"
	case r.body != nil:
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body, media = bytes.NewReader(text), "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, body)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"Accept": "application/json", "Content-Type": media, "Auth0-Forwarded-For": r.address,
	} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	return req, nil
}

// notSent reports that the tenant cannot have seen the request.
func notSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// retryAfter reads how long a 429 wants us to wait: Retry-After in seconds, or
// x-ratelimit-reset, a Unix time. 0: not stated, or over already.
func retryAfter(h http.Header, now time.Time) time.Duration {
	const most = time.Hour
	if s, err := strconv.ParseInt(h.Get("Retry-After"), 10, 32); err == nil {
		return min(max(time.Duration(s)*time.Second, 0), most)
	}
	if s, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
		return min(max(time.Unix(s, 0).Sub(now), 0), most)
	}
	return 0
}
