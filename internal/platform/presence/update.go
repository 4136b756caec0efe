package presence

import "bytes"

// Update changes the value of a member that this node holds, here at once and in
// Redis within Config.UpdateEvery, of several values the last. It makes no round
// trip, and reports whether the member is held and the value not over MaxValue.
func (p *Presence) Update(group, member string, value []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := place{group, member}
	h := p.held[at]
	if h == nil || p.closed || len(value) > MaxValue {
		return false
	}
	h.value = bytes.Clone(value)
	h.version++
	p.pending[at] = queued
	signal(p.write)
	return true
}
