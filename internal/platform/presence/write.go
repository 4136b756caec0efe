package presence

import (
	"context"
	"fmt"
)

// batch bounds the commands of one pipeline that the node's goroutine sends.
const batch = 256

// change is the writing of one pending place.
type change struct {
	at      place
	held    *held // nil: it leaves
	version uint32
	lost    bool
	steps   []*step
}

// writePending makes Redis as it is here, batch by batch, and stops at the first
// that fails.
func (p *Presence) writePending(ctx context.Context) error {
	for range 2 + p.pendingCount()/batch { // what changes meanwhile is for the next time
		holder, changes := p.nextChanges()
		if len(changes) == 0 {
			return nil
		}
		var steps []*step
		for _, c := range changes {
			steps = append(steps, c.steps...)
		}
		err := p.do(ctx, "write members", steps...)
		p.wrote(ctx, holder, changes)
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Presence) pendingCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pending)
}

func (p *Presence) nextChanges() (holder string, changes []change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	holder = p.holder()
	for at, handled := range p.pending {
		h := p.held[at]
		if handled == called || h != nil && h.joining {
			continue
		}
		c := change{at: at, held: h, steps: p.stepsOf(at, h, holder)}
		if h != nil {
			c.version, c.lost = h.version, h.lost
		}
		if changes = append(changes, c); len(changes) == batch {
			break
		}
	}
	return holder, changes
}

// stepsOf makes a place in Redis as it is here; callers hold p.mu.
func (p *Presence) stepsOf(at place, h *held, holder string) []*step {
	key, list, listing := p.groupKey(at.group), p.listedKey(holder), listing(at.group, at.member)
	switch {
	case h == nil:
		return []*step{single(script(leaveScript, key, at.member, p.node, "", "")), command("zrem", list, listing)}
	case !h.lost:
		return []*step{script(updateScript, key, at.member, holder, h.value)}
	}
	steps := []*step{
		command("hset", key, at.member, text(h.since, holder, h.value)),
		command("pexpire", key, p.config.KeyTTL.Milliseconds()),
	}
	if h.listed {
		steps = append(steps, command("zadd", list, 0, listing))
	}
	return steps
}

// wrote ends changes that are as they should be, and has the others made again.
func (p *Presence) wrote(ctx context.Context, holder string, changes []change) {
	for _, c := range changes {
		if left := p.settle(holder, c); left != nil {
			p.config.Vanished(ctx, c.at.group, []Member{left.Member})
		}
	}
}

// settle gives the entry that a leave which nobody was told of has taken away.
func (p *Presence) settle(holder string, c change) (left *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range c.steps {
		if s.err != nil {
			return nil // it stays pending
		}
	}
	now := p.held[c.at]
	switch {
	case now != c.held, c.lost && holder != p.holder():
		p.repair(c.at) // one that came, left or was renamed while this was written
	case now == nil:
		delete(p.pending, c.at)
	case now.version == c.version:
		delete(p.pending, c.at)
		now.lost = false
	}
	if c.held != nil || now != nil {
		return nil
	}
	if fields, err := c.steps[0].fields(2); err == nil {
		if e, ok := parseEntry(c.at.group, c.at.member, fmt.Sprint(fields[0])); ok {
			return &e
		}
	}
	return nil
}
