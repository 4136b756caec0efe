package fluentpro

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/fluentpro/fluentpro/gen/client"
)

// Times of renewals.
const (
	renewAhead = time.Minute
	renewFloor = 2 * time.Second // between two, whatever the clocks say
	renewAgain = 5 * time.Second // after one that got no answer
)

// run connects, again and again.
func (r *Realtime) run() {
	failures, refused := 0, 0
	var used string // what the last connection was opened with
	stale := false  // and is of no use any more
	for r.err() == nil {
		r.tell(RealtimeState{Status: "connecting"})
		token, fresh, err := r.proof(used, stale)
		var e ending
		if err != nil {
			e = ending{code: codeLost, reason: err.Error()}
			if isFinal(err) {
				e.code, e.final = codeExpired, err
			}
		} else {
			used, stale = token.AccessToken, false
			e = r.connect(token, fresh)
		}
		v := e.judge()
		if e.wasOpen {
			refused = 0
		}
		if v.renew {
			stale = true
			refused++
		}
		if v.away || refused > 1 || v.renew && !r.renewable(used) {
			r.end(&RealtimeClosed{Code: e.code, Reason: e.reason, Cause: e.cause()})
			return
		}
		if e.lasted >= lasting {
			failures = 0
		}
		wait := r.client.pause(failures, v.hint)
		failures++
		if r.err() != nil {
			return
		}
		r.tell(RealtimeState{Status: "waiting", Code: e.code, Reason: e.reason, Wait: wait})
		if sleep(r.ctx, wait) != nil {
			return
		}
	}
}

// cause is the problem behind an ending, if there is one.
func (e ending) cause() error {
	if e.final == nil && e.refusal != nil {
		return e.refusal
	}
	return e.final
}

// renewable reports whether another token can be had than one that was used.
func (r *Realtime) renewable(used string) bool {
	s := r.client.signer
	now := s.current()
	return now.AccessToken != used || now.RefreshToken != "" || r.client.refreshes
}

// proof gives tokens to connect with: others than those that are spent, and none that say
// they have expired. fresh: they were got just now.
func (r *Realtime) proof(used string, stale bool) (token client.Tokens, fresh bool, err error) {
	s := r.client.signer
	token = s.current()
	if token.AccessToken == "" {
		return token, false, errSignedOut
	}
	if (stale && token.AccessToken == used || hasExpired(token.AccessToken)) && r.renewable(token.AccessToken) {
		if err := s.renew(r.ctx, token); err != nil {
			return token, false, err
		}
		return s.current(), true, nil
	}
	return token, false, nil
}

// watchToken has the token replaced on the open connection before it ends.
func (l *link) watchToken(expires time.Time, fresh bool) {
	r := l.realtime
	remaining := left(l.token, fresh, expires)
	ahead := r.options.RenewBefore
	if ahead == 0 {
		ahead = min(renewAhead, remaining/3)
	}
	r.work.Go(func() {
		if sleep(l.ctx, max(renewFloor, remaining-ahead)) == nil {
			l.renew()
		}
	})
}

// renew replaces the token. The service closes where it cannot be, with 4401.
func (l *link) renew() {
	r := l.realtime
	s := r.client.signer
	for r.renewable(l.token.AccessToken) {
		before := s.current()
		err := s.renew(l.ctx, l.token)
		if err == nil {
			now := s.current()
			l.present(now, now.AccessToken != before.AccessToken)
			return
		}
		if isFinal(err) || sleep(l.ctx, renewAgain) != nil {
			return
		}
	}
}

// present shows the service another token. One that this connection does not take, of
// another session for instance, opens the next one.
func (l *link) present(token client.Tokens, fresh bool) {
	c, err := newCommand("connect", client.RealtimeConnect{Token: &token.AccessToken}, drop)
	if err != nil {
		return
	}
	c.took = func(result json.RawMessage) {
		var in client.RealtimeConnected
		if json.Unmarshal(result, &in) == nil {
			l.token = token
			l.watchToken(in.ExpiresAt, fresh)
		}
	}
	c.refused = func(err error) {
		if _, ok := errors.AsType[*Problem](err); ok {
			l.lose(err.Error())
		}
	}
	c.link = l
	_ = l.realtime.enqueue(c) // what has ended needs no token
}
