package presence

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// retryBeat is how soon a beat that failed is tried again.
const retryBeat = time.Second

// run is the node's goroutine: it beats, and writes what has changed.
func (p *Presence) run() {
	beat, write := time.NewTimer(p.pause()), time.NewTimer(0)
	defer beat.Stop()
	defer write.Stop()
	waiting := false
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.nudge:
			p.turn(p.ctx)
			beat.Reset(p.pause())
		case <-beat.C:
			p.turn(p.ctx)
			beat.Reset(p.pause())
		case <-p.write:
			if !waiting {
				waiting = true
				write.Reset(p.config.UpdateEvery)
			}
		case <-write.C:
			waiting = false
			if !p.away { // else it is for the beat that finds Redis back
				p.warn("write members", p.writePending(p.ctx))
			}
		}
	}
}

// pause varies, so that nodes that were started together do not beat together.
func (p *Presence) pause() time.Duration {
	beat := p.config.Beat
	if p.away {
		beat = min(beat, retryBeat)
	}
	return beat*4/5 + rand.N(beat*2/5+1)
}

// turn is all that a beat brings with it. Each part goes on at the next beat where
// Redis did not let it end.
func (p *Presence) turn(ctx context.Context) {
	err := p.beat(ctx)
	if away := err != nil; away != p.away && p.ctx.Err() == nil {
		p.away = away
		if away {
			p.warn("beat", err)
		} else {
			p.config.Logger.Info("presence: redis is back")
		}
	}
	if err != nil {
		return
	}
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{{"write members", p.writePending}, {"sweep dead nodes", p.sweepDead}, {"renew groups", p.renew}} {
		if err := part.do(ctx); err != nil {
			p.warn(part.name, err)
			return
		}
	}
}

func (p *Presence) warn(what string, err error) {
	if err != nil && p.ctx.Err() == nil {
		p.config.Logger.Warn("presence: "+what, slog.String("node", p.node), slog.Any("error", err))
	}
}

// beat renews the lease and learns who lives.
func (p *Presence) beat(ctx context.Context) error {
	p.mu.Lock()
	incarnation, renounce := p.incarnation, "0"
	if p.renounce {
		renounce = "1"
	}
	p.mu.Unlock()
	beat := script(beatScript, p.nodesKey(), holderOf(p.node, incarnation), holderOf(p.node, incarnation+1),
		p.config.TTL.Microseconds(), max(p.config.KeyTTL, 2*p.config.TTL).Milliseconds(), renounce)
	if err := p.do(ctx, "beat", beat); err != nil {
		return err
	}
	fields, err := beat.fields(2)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if fields[0] != int64(1) {
		p.reborn()
	}
	p.registered, p.renounce = true, false
	p.meet(texts(fields[1]))
	return nil
}

// reborn begins the next incarnation; callers hold p.mu. The first is no loss, and
// one that was asked for says nothing about the others.
func (p *Presence) reborn() {
	p.incarnation++
	if p.registered && !p.renounce {
		p.judgeFrom = time.Now().Add(p.config.TTL)
		p.config.Logger.Warn("presence: the node had lost its place; its members are written again",
			slog.String("node", p.node), slog.Int("members", len(p.held)))
	}
	p.repairAll()
}

// meet takes those for dead that lived before and do not now; callers hold p.mu.
// While this node cannot judge, they are remembered.
func (p *Presence) meet(living []string) {
	now := make(map[string]bool, len(living))
	for _, holder := range living {
		if !p.isOwn(holder) {
			now[holder] = true
		}
	}
	judges := !time.Now().Before(p.judgeFrom)
	for holder := range p.known {
		switch {
		case now[holder]:
		case judges:
			p.dead[holder] = true
		default:
			now[holder] = true
		}
	}
	p.known = now
}

// sweepDead takes the members of dead nodes out of the groups that this node has
// members in.
func (p *Presence) sweepDead(ctx context.Context) error {
	p.mu.Lock()
	dead, groups := slices.Collect(maps.Keys(p.dead)), slices.Collect(maps.Keys(p.groups))
	p.mu.Unlock()
	if len(dead) == 0 {
		return nil
	}
	if err := p.sweep(ctx, dead, groups); err != nil {
		return err
	}
	var lists []*step
	for _, holder := range dead {
		lists = append(lists, command("unlink", p.listedKey(holder)))
	}
	if err := p.do(ctx, "drop the lists of dead nodes", lists...); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, holder := range dead {
		delete(p.dead, holder)
	}
	return nil
}

// sweep tells Config.Vanished of the members that it takes away itself.
func (p *Presence) sweep(ctx context.Context, dead, groups []string) error {
	holders := make([]any, len(dead))
	for i, holder := range dead {
		holders[i] = holder
	}
	for part := range slices.Chunk(groups, batch) {
		steps := make([]*step, len(part))
		for i, group := range part {
			steps[i] = single(script(sweepScript, p.groupKey(group), holders...))
		}
		err := p.do(ctx, "sweep dead nodes", steps...)
		for i, s := range steps {
			if s.err != nil {
				continue
			}
			if gone, _ := parseAll(part[i], s.answer); len(gone) > 0 {
				p.config.Vanished(context.WithoutCancel(ctx), part[i], members(gone))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
