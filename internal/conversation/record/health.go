package record

import (
	"fmt"
	"slices"
	"time"
)

// Reasons why a conversation is not as healthy as can be, and how many of 100 points each takes.
const (
	ReasonFindings   = "findings"     // verification found something: 40, and 5 for each up to 60 in all
	ReasonStuck      = "reply.stuck"  // a reply has been under way for more than 5 minutes: 20
	ReasonUnanswered = "unanswered"   // the learner spoke last, or the answer failed: 15
	ReasonFailed     = "reply.failed" // of the last 10 replies some failed: 5 each, 25 at most
	ReasonTokens     = "tokens.share" // 80 percent of the token limit are used: 10, all of it: 20
	ReasonSize       = "size"         // more than 1,000 messages: 5, more than 5,000: 10
	ReasonSilence    = "silence"      // active, and nobody spoke for 30 days: 5, for 90: 10
)

// When an open end is one.
const (
	stuckAfter      = 5 * time.Minute
	unansweredAfter = 10 * time.Minute
	day             = 24 * time.Hour
)

// Health is how well a conversation is, from 100 (nothing to be said against it) down to 0.
type Health struct {
	Score   int      `json:"score"`
	Reasons []Reason `json:"reasons"` // the heaviest first
}

// Reason is why points are missing.
type Reason struct {
	Code   string `json:"code"`
	Points int    `json:"points"`
	Detail string `json:"detail"`
}

// Health weighs a conversation, of which verification has found so much.
func (r *Record) Health(findings int, now time.Time) Health {
	h := Health{Score: 100, Reasons: []Reason{}}
	if findings > 0 {
		h.take(ReasonFindings, min(60, 40+5*findings), fmt.Sprintf("%d findings of verification", findings))
	}
	r.weighReplies(&h, now)
	if limit := r.Head.TokenLimit; limit != nil && *limit > 0 {
		switch share := 100 * r.Head.TokensUsed / *limit; {
		case share >= 100:
			h.take(ReasonTokens, 20, "all tokens are used")
		case share >= 80:
			h.take(ReasonTokens, 10, fmt.Sprintf("%d%% of the tokens are used", share))
		}
	}
	switch n := r.Head.MessageCount; {
	case n > 5000:
		h.take(ReasonSize, 10, fmt.Sprintf("%d messages", n))
	case n > 1000:
		h.take(ReasonSize, 5, fmt.Sprintf("%d messages", n))
	}
	if silent := now.Sub(r.Head.LastActivityAt); r.Head.Status == "active" && silent > 30*day {
		points := 5
		if silent > 90*day {
			points = 10
		}
		h.take(ReasonSilence, points, fmt.Sprintf("nobody spoke for %d days", silent/day))
	}
	slices.SortStableFunc(h.Reasons, func(a, b Reason) int { return b.Points - a.Points })
	return h
}

func (h *Health) take(code string, points int, detail string) {
	h.Score = max(0, h.Score-points)
	h.Reasons = append(h.Reasons, Reason{code, points, detail})
}

// weighReplies looks at the newest messages that are to be seen.
func (r *Record) weighReplies(h *Health, now time.Time) {
	replies, failed := 0, 0
	var newest *Message
	for i := len(r.Messages) - 1; i >= 0 && replies < 10; i-- {
		m := &r.Messages[i]
		if m.Hidden != nil {
			continue
		}
		if newest == nil {
			newest = m
		}
		if m.Role == "assistant" {
			replies++
			if m.Status == "failed" {
				failed++
			}
		}
	}
	if failed > 0 {
		h.take(ReasonFailed, min(25, 5*failed), fmt.Sprintf("%d of the last %d replies failed", failed, replies))
	}
	if newest == nil {
		return
	}
	switch age := now.Sub(r.Head.LastActivityAt); {
	case settled(newest.Status) == "pending" && age > stuckAfter:
		h.take(ReasonStuck, 20, fmt.Sprintf("a reply has been under way for %s", age.Round(time.Second)))
	case (newest.Role == "user" || newest.Status == "failed") && age > unansweredAfter && r.Head.Status == "active":
		h.take(ReasonUnanswered, 15, fmt.Sprintf("the learner has had no answer for %s", age.Round(time.Second)))
	}
}
