package presence

import (
	"context"
	"maps"
	"slices"
)

// look is a member whose keys are renewed, and which is to be found in them.
type look struct {
	at    place
	held  *held
	steps []*step
}

func (l look) missing() bool {
	return l.steps[0].answer == int64(0) || l.held.listed && l.steps[2].answer == nil
}

// renew gives keys their TTL anew, for so many members with each beat that all have
// had it long before it is over, and for a batch at least. It also finds members that
// Redis has lost alone, as when a part of a cluster comes back empty: one that is
// missing at two beats is written again. One beat is left for the removed to leave.
func (p *Presence) renew(ctx context.Context) error {
	looks := p.renewNext()
	missing := map[place]*held{}
	for part := range slices.Chunk(looks, batch) {
		var steps []*step
		for _, l := range part {
			steps = append(steps, l.steps...)
		}
		if err := p.do(ctx, "renew groups", steps...); err != nil {
			return err
		}
		for _, l := range part {
			if l.missing() {
				missing[l.at] = l.held
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, h := range missing {
		if p.suspect[at] == h && p.held[at] == h {
			p.repair(at)
			delete(missing, at)
		}
	}
	p.suspect = missing
	return nil
}

// renewNext gives those whose turn it is: those that were missing, and the next of a
// round in an order by chance.
func (p *Presence) renewNext() []look {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.cycle) == 0 {
		p.cycle = slices.Collect(maps.Keys(p.held))
	}
	n := max(batch, int(int64(len(p.held))*int64(4*p.config.Beat)/int64(p.config.KeyTTL)))
	n = min(n, len(p.cycle))
	list, ttl := p.listedKey(p.holder()), p.config.KeyTTL.Milliseconds()
	var looks []look
	for _, at := range slices.AppendSeq(p.cycle[:n:n], maps.Keys(p.suspect)) {
		h, key := p.held[at], p.groupKey(at.group)
		if h == nil || h.joining {
			continue
		}
		l := look{at, h, []*step{command("hexists", key, at.member), command("pexpire", key, ttl)}}
		if h.listed {
			l.steps = append(l.steps, command("zscore", list, listing(at.group, at.member)), command("pexpire", list, ttl))
		}
		looks = append(looks, l)
	}
	p.cycle = p.cycle[n:]
	return looks
}
