package v2

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxWait is the longest that Prefer: wait is honoured for.
const maxWait = 30 * time.Second

// preferredWait reads wait=N of a Prefer header (RFC 7240), N in seconds; 0 when
// there is none that can be honoured.
func preferredWait(prefer string) time.Duration {
	for _, one := range strings.Split(prefer, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
		if err != nil || n < 1 {
			return 0
		}
		return time.Duration(min(n, int(maxWait/time.Second))) * time.Second
	}
	return 0
}

// preferenceApplied says in Preference-Applied that a wait was honoured.
func preferenceApplied(wait time.Duration) string { return fmt.Sprintf("wait=%d", wait/time.Second) }
