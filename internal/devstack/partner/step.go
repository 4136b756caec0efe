package partner

import "time"

// Step is how one request is answered. The zero value is an ordinary answer.
//
// Embeddings come in one piece: for them BreakAfter cuts the connection and
// SilentAfter says nothing at all, whatever their values, and Text,
// FinishReason, TokenDelay, Endless and Gate mean nothing.
type Step struct {
	Text         string // said word for word; empty: in role
	FinishReason string // instead of stop or length
	OmitUsage    bool   // no token counts, even when asked for

	Status     int           // not 0: this status and an error body in the protocol's form
	RetryAfter time.Duration // with Status: the Retry-After header, in whole seconds, rounded up

	Delay      time.Duration // before the response headers
	TokenDelay time.Duration // between tokens, instead of the server's pace

	// BreakAfter cuts the connection after so many tokens; -1 cuts it after the
	// headers, before the first token; 0 does not.
	BreakAfter int
	// SilentAfter says nothing more after so many tokens, until the client
	// leaves or the server is closed; -1 before the first token; 0 does not.
	SilentAfter int
	// Endless repeats the text until the client leaves, whatever max_tokens says.
	Endless bool

	Garbage     bool   // something unreadable instead of the first token
	ContentType string // instead of the right one

	// Gate lets a test walk through a stream: a token is written for each value
	// received. Once closed, the rest follows at the server's pace. Not
	// reachable over HTTP.
	Gate <-chan struct{}
}

// reached says whether the stream stands at the point that mark (BreakAfter or
// SilentAfter) names, with sent tokens of total behind it.
func reached(mark, sent, total int) bool {
	switch {
	case mark == 0:
		return false
	case mark < 0:
		return true
	default:
		return sent >= min(mark, total)
	}
}
