package realtime

import (
	"math/rand/v2"
	"time"
)

// A verdict is why the server closes a connection, as a code that tells the client what to
// do: 4000-4499 come back, 4500-4999 stay away. The texts are for people.
type verdict struct {
	code   int
	reason string
}

var (
	verdictInternal     = verdict{4000, "something went wrong here"}
	verdictDraining     = verdict{4001, "this node is stopping"}
	verdictTooSlow      = verdict{4008, "the client reads too slowly"}
	verdictTooFast      = verdict{4029, "too many commands a second"}
	verdictTokenExpired = verdict{4401, "the token has expired"}
	verdictNotKnown     = verdict{4501, "not authenticated"}
	verdictForbidden    = verdict{4503, "closed by an administrator"}
	verdictReplaced     = verdict{4509, "replaced by a newer connection of the user"}
	verdictBadFrame     = verdict{4510, "not a frame of fluentpro.v2.json"}
	verdictRevoked      = verdict{4520, "the session was revoked"}
	verdictLeft         = verdict{1000, ""} // the client closed; the same back
)

// allVerdicts are those there are.
var allVerdicts = []verdict{
	verdictInternal, verdictDraining, verdictTooSlow, verdictTooFast, verdictTokenExpired, verdictNotKnown, verdictForbidden, verdictReplaced,
	verdictBadFrame, verdictRevoked, verdictLeft,
}

// verdicts are those that nodes send each other by their codes.
var verdicts = map[int]verdict{verdictForbidden.code: verdictForbidden, verdictReplaced.code: verdictReplaced}

// When clients of a node that stops come back, so that they do not all come at once.
const (
	returnLeast  = 500 * time.Millisecond
	returnSpread = 5 * time.Second
)

func returnMillis() int { return int((returnLeast + rand.N(returnSpread)).Milliseconds()) }
