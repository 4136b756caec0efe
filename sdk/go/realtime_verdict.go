package fluentpro

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/fluentpro/fluentpro/gen/client"
)

// Close codes of connectRealtime that ask for something of their own.
const (
	codeDraining = 4001
	codeTooFast  = 4029
	codeExpired  = 4401
	codeNotKnown = 4501
	codeLost     = 1006 // none came
)

// afterTooFast is how long who sent too fast stays away at least.
const afterTooFast = 5 * time.Second

// An ending is how a connection ended.
type ending struct {
	code    int
	reason  string
	hint    time.Duration // that the service said before
	refusal *Problem      // the answer to the first frame or to the handshake; nil: none
	lasted  time.Duration // how long it was open
	wasOpen bool
	final   error // nothing can come of another
}

// A verdict is what is done about it.
type verdict struct {
	away  bool // no other connection
	renew bool // one with another token
	hint  time.Duration
}

// judge reads a close code. A refusal for the moment only is no reason to stay away.
func (e ending) judge() verdict {
	switch {
	case e.final != nil:
		return verdict{away: true}
	case e.refusal != nil && (e.refusal.Status == http.StatusTooManyRequests || e.refusal.Status >= http.StatusInternalServerError):
		return verdict{hint: e.refusal.RetryAfter}
	case e.code == codeExpired, e.code == codeNotKnown:
		return verdict{renew: true}
	case e.code >= 4500 && e.code < 5000:
		return verdict{away: true}
	case e.code == codeTooFast:
		return verdict{hint: max(e.hint, afterTooFast)}
	case e.code == codeDraining:
		return verdict{hint: e.hint}
	}
	return verdict{}
}

// comeBack is how long to wait after so many connections in a row that did not last: what
// the service asks for and, at random, up to 0.25 s that double to 10 s.
func comeBack(failures int, hint time.Duration) time.Duration {
	return hint + rand.N(min(10*time.Second, 250*time.Millisecond<<min(failures, 10)))
}

// isFinal reports whether a token that could not be renewed never can be.
func isFinal(err error) bool {
	p, refused := errors.AsType[*Problem](err)
	return errors.Is(err, errSignedOut) || refused && p.Status < http.StatusInternalServerError && p.Status != http.StatusTooManyRequests
}

// hasExpired reports whether a token says so. One that says nothing has not.
func hasExpired(token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Expires float64 `json:"exp"`
	}
	return err == nil && json.Unmarshal(text, &claims) == nil && claims.Expires > 0 && float64(time.Now().Unix()) >= claims.Expires
}

// left is how long a token is good. That of one just got is known without trusting this
// machine's clock.
func left(t client.Tokens, fresh bool, expires time.Time) time.Duration {
	if fresh && t.ExpiresIn > 0 {
		return time.Duration(t.ExpiresIn) * time.Second
	}
	return time.Until(expires)
}
