package gate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of a limit, within which the arithmetic of the script is exact.
const (
	maxQuota  = 1_000_000
	minWindow = time.Second
	maxWindow = 24 * time.Hour
)

// A Limit allows Quota requests in any burst, refilled evenly over Window, which
// counts in whole microseconds. Quota 0 means no limit, and so does a window of
// nothing. One that is not made by ParseLimit must keep its bounds.
type Limit struct {
	Name   string // part of the key: limits of a name share their tokens
	Quota  int
	Window time.Duration
}

// ParseLimit reads a limit from configuration: "30/1m" is 30 requests a minute,
// "0" no limit. The quota is 1 to 1,000,000, the window a Go duration of 1 s to
// 24 h. Its errors name the limit, the text and the rule that it breaks.
func ParseLimit(name, text string) (Limit, error) {
	limit, err := parse(text)
	if err != nil {
		return Limit{}, fmt.Errorf("rate limit %s: %q: %w", name, text, err)
	}
	limit.Name = name
	return limit, nil
}

func parse(text string) (Limit, error) {
	if text == "0" {
		return Limit{}, nil
	}
	left, right, found := strings.Cut(text, "/")
	if !found {
		return Limit{}, errors.New("must be a quota and a window, such as 30/1m, or 0 for none")
	}
	quota, err := strconv.ParseUint(left, 10, 32)
	if err != nil || quota < 1 || quota > maxQuota {
		return Limit{}, fmt.Errorf("the quota %q must be a whole number from 1 to %d", left, maxQuota)
	}
	window, err := time.ParseDuration(right)
	if err != nil {
		return Limit{}, fmt.Errorf("the window %q must be a duration, such as 30s, 1m or 24h", right)
	}
	if window < minWindow || window > maxWindow {
		return Limit{}, fmt.Errorf("the window %q must be from 1s to 24h", right)
	}
	return Limit{Quota: int(quota), Window: window}, nil
}

// Interval is how long one request takes to be forgotten, 0 when there is no limit: for who
// counts without Redis.
func (l Limit) Interval() time.Duration {
	if l.off() {
		return 0
	}
	return l.Window / time.Duration(l.Quota)
}

func (l Limit) off() bool { return l.Quota <= 0 || l.Window < time.Microsecond }

// interval is Window/Quota: whole microseconds and a rest in 1/Quota of one.
func (l Limit) interval() (whole, rest int64) {
	window, quota := l.Window.Microseconds(), int64(l.Quota)
	return window / quota, window % quota
}

// Pass is what the limit says of one request.
type Pass struct {
	Limit     Limit
	Allowed   bool
	Remaining int // requests that would pass at once after this one
	// Reset is how long until the whole quota is there again, RetryAfter how long
	// until the next request passes, 0 when this one does. Both are exact to the
	// microsecond, rounded up.
	Reset, RetryAfter time.Duration
	// Counted is false when the limit is off, Redis is away or the caller has
	// left: the request passes, the figures mean nothing and are not to be sent.
	Counted bool
}

// uncounted lets a request pass about which nothing is known.
func uncounted(limit Limit) Pass { return Pass{Limit: limit, Allowed: true} }

// counted makes a Pass of the backlog that the script answers: how long until
// the whole quota is there again, in microseconds and part/Quota of one.
func counted(limit Limit, allowed bool, backlog, part int64) Pass {
	quota, window := int64(limit.Quota), limit.Window.Microseconds()
	pass := Pass{
		Limit: limit, Allowed: allowed, Counted: true,
		Remaining: int(max(0, ((window-backlog)*quota-part)/window)),
		Reset:     micros(backlog*quota+part, quota),
	}
	if !allowed { // the next one fits when the backlog is window - interval
		pass.RetryAfter = micros((backlog-window)*quota+part+window, quota)
	}
	return pass
}

// micros is n/d microseconds, rounded up.
func micros(n, d int64) time.Duration {
	return time.Duration((n+d-1)/d) * time.Microsecond
}
