package web

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
)

// admit says in the answer's headers what the limit says of the request
// (draft-ietf-httpapi-ratelimit-headers-10), and refuses one too many. A request
// that was not counted, since Redis was away, has no such headers: they would be a guess.
func admit(c echo.Context, p gate.Pass) error {
	if !p.Counted {
		return nil
	}
	h := c.Response().Header()
	h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", p.Limit.Name, p.Limit.Quota, seconds(p.Limit.Window)))
	h.Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", p.Limit.Name, p.Remaining, seconds(p.Reset)))
	if p.Allowed {
		return nil
	}
	return fault.New(fault.TooMany, "request.rate_limited", "Too many requests; wait as long as Retry-After says.").
		WithRetryAfter(p.RetryAfter)
}

// seconds are whole ones, rounded up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// Network is the address that one client is counted by: of IPv6 the /64, all of
// which one client has as a rule.
func Network(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Unmap().Is4() {
		return address
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
