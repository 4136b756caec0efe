package presence

import (
	"bytes"
	"strings"
	"time"
)

// place is a member in a group, whose name all its members here share.
type place struct{ group, member string }

// held is a member of this node, as it should be in Redis.
type held struct {
	value   []byte // replaced, never written into
	since   int64  // microseconds
	version uint32 // counts what is to be written
	listed  bool
	joining bool // a Join is about to write it
	lost    bool // is to be written whatever Redis has
}

// group counts the members of this node.
type group struct {
	name  string
	count int
}

// handling says who sees to it that Redis has a place as it is here, or not at all
// when it is not held here.
type handling bool

const (
	queued handling = false // the node's goroutine
	called handling = true  // a Leave that is under way
)

// hold makes a member one of this node, before anybody can read it in Redis. One
// that is held already keeps its time.
func (p *Presence) hold(in JoinInput) (place, *held, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := place{in.Group, in.Member}
	before := p.held[at]
	if before == nil && len(p.held) >= p.config.MaxMembers {
		return at, nil, ErrFull
	}
	h := &held{value: bytes.Clone(in.Value), listed: in.Listed, joining: true}
	if before != nil {
		h.since = before.since
		p.forget(at)
	}
	g := p.groups[in.Group]
	if g == nil {
		g = &group{name: strings.Clone(in.Group)}
		p.groups[g.name] = g
	}
	g.count++
	at = place{g.name, strings.Clone(in.Member)}
	p.held[at] = h
	delete(p.pending, at)
	return at, h, nil
}

// forget takes a member from this node; callers hold p.mu.
func (p *Presence) forget(at place) {
	if p.held[at] == nil {
		return
	}
	delete(p.held, at)
	if g := p.groups[at.group]; g.count > 1 {
		g.count--
	} else {
		delete(p.groups, at.group)
	}
}

// joined ends a Join that wrote, at some time while it was under way, the entry of
// h by that holder.
func (p *Presence) joined(at place, h *held, holder string, since int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.joining, h.since = false, since
	if p.held[at] != h || p.holder() != holder {
		p.repair(at)
	}
}

// notJoined ends a Join of which nobody knows whether it wrote.
func (p *Presence) notJoined(at place, h *held) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.joining = false
	if h.since == 0 {
		h.since = time.Now().UnixMicro()
	}
	p.repair(at)
}

// refused ends a Join that wrote nothing.
func (p *Presence) refused(at place, h *held) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held[at] == h {
		p.forget(at)
	}
}

// repair has the goroutine make a place in Redis as it is here; callers hold p.mu.
// Places that are not held grow only while Redis is away; when they are too many, a
// new incarnation does for all of them.
func (p *Presence) repair(at place) {
	if h := p.held[at]; h != nil {
		h.lost = true
		h.version++ // so that a writing under way does not end it
	} else if len(p.pending) >= len(p.held)+p.config.MaxMembers {
		p.renounce = true
		for at := range p.pending {
			if p.held[at] == nil {
				delete(p.pending, at)
			}
		}
		return
	}
	p.pending[at] = queued
	signal(p.write)
}

// repairAll is for a Redis that has lost all; callers hold p.mu.
func (p *Presence) repairAll() {
	for at, h := range p.held {
		if !h.joining { // it sees by itself that the holder is another
			p.repair(at)
		}
	}
}

// holder is the name under which this node writes; callers hold p.mu.
func (p *Presence) holder() string { return holderOf(p.node, p.incarnation) }
