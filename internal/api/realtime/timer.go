package realtime

import (
	"math/rand/v2"
	"time"
)

// Times of a connection.
const (
	connectWait = 5 * time.Second // to say who one is
	pingEvery   = 25 * time.Second
	missedPings = 2
)

// start sets the one timer that a connection has.
func (c *conn) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Spread from the start, so that a node that takes many at once does not ping all at once.
	c.pingAt = time.Now().Add(c.server.PingEvery/2 + rand.N(c.server.PingEvery/2+1))
	c.timer = time.AfterFunc(c.nextLocked(), c.tick)
}

// nextLocked is how long the timer is to sleep. Callers hold mu.
func (c *conn) nextLocked() time.Duration {
	now := time.Now()
	if c.who.ExpiresAt.IsZero() {
		return c.server.ConnectWait
	}
	return max(min(c.pingAt.Sub(now), c.who.ExpiresAt.Sub(c.server.now())), time.Millisecond)
}

// tick does what is due: it closes who has not said who they are, whose token has expired
// or who does not answer, and pings the others.
func (c *conn) tick() {
	c.mu.Lock()
	if c.over.Load() {
		c.mu.Unlock()
		return
	}
	now := time.Now()
	var end verdict
	ping := false
	switch {
	case c.who.ExpiresAt.IsZero():
		end = verdictNotKnown
	case !c.server.now().Before(c.who.ExpiresAt):
		end = verdictTokenExpired
	case !now.Before(c.pingAt):
		if c.unanswers++; c.active.Load() > c.pinged {
			c.unanswers = 0
		}
		if c.unanswers >= missedPings {
			end = verdictTooSlow
			break
		}
		ping, c.pingAt, c.pinged = true, now.Add(c.server.PingEvery), now.UnixNano()
	}
	if end.code == 0 {
		c.timer.Reset(c.nextLocked())
	}
	c.mu.Unlock()
	switch {
	case end.code != 0:
		c.close(end)
	case ping:
		if c.write(frame(opPing, nil)) != nil {
			c.close(verdictTooSlow)
		}
	}
}

// rewind lets the timer follow a new token.
func (c *conn) rewind() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over.Load() {
		c.timer.Reset(c.nextLocked())
	}
}

// pace counts commands: burst at once, then one an interval (GCRA). Zero interval: as many
// as come. It is for one goroutine.
type pace struct {
	interval time.Duration
	burst    int
	at       time.Time // when the bucket is empty again
}

func (p *pace) take(now time.Time) bool {
	if p.interval == 0 {
		return true
	}
	if p.at.Before(now) {
		p.at = now
	}
	after := p.at.Add(p.interval)
	if after.Sub(now) > p.interval*time.Duration(p.burst) {
		return false
	}
	p.at = after
	return true
}
