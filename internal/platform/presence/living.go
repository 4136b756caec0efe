package presence

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func holderOf(node string, incarnation uint64) string {
	return node + "." + strconv.FormatUint(incarnation, 10)
}

func (p *Presence) isOwn(holder string) bool {
	node, _, _ := strings.Cut(holder, ".")
	return node == p.node
}

// readNodes is the step that gives the holders that live: every beat of every node
// removes the others.
func (p *Presence) readNodes() *step { return command("zrange", p.nodesKey(), 0, -1) }

// Members gives who is in a group, those who came first first. The error wraps
// ErrInvalid or ErrUnavailable, or is ctx's own.
func (p *Presence) Members(ctx context.Context, group string) ([]Member, error) {
	if !isName(group) {
		return nil, fmt.Errorf("members: %w: group %.40q", ErrInvalid, group)
	}
	all, nodes := command("hgetall", p.groupKey(group)), p.readNodes()
	if err := p.do(ctx, "members of "+group, all, nodes); err != nil {
		return nil, err
	}
	entries, err := parseAll(group, all.answer)
	if err != nil {
		return nil, err
	}
	entries = p.withoutGhosts(ctx, entries)
	dead, err := p.deadOf(ctx, group, entries, texts(nodes.answer))
	if err != nil {
		return nil, err
	}
	return members(without(entries, dead)), nil
}

// living takes the entries of dead nodes away, and says whether it did so from Redis
// too: who comes next does, where that fails.
func (p *Presence) living(ctx context.Context, group string, entries []entry, nodes []string) (living []entry, swept bool, err error) {
	entries = p.withoutGhosts(ctx, entries)
	dead, err := p.deadOf(ctx, group, entries, nodes)
	if err != nil {
		return nil, false, err
	}
	if len(dead) == 0 {
		return entries, false, nil
	}
	living = without(entries, dead)
	return living, p.sweep(ctx, dead, []string{group}) == nil, nil
}

func without(entries []entry, holders []string) []entry {
	if len(holders) == 0 {
		return entries
	}
	return slices.DeleteFunc(entries, func(e entry) bool { return slices.Contains(holders, e.holder) })
}

// deadOf gives the holders of entries that do not live. On a cluster the nodes may
// have been read before the entries, and so before a node that has come since: they
// are read again before anybody is taken for dead.
func (p *Presence) deadOf(ctx context.Context, group string, entries []entry, nodes []string) ([]string, error) {
	unknown := p.unknownOf(entries, nodes)
	if len(unknown) == 0 {
		return nil, nil
	}
	again := p.readNodes()
	if err := p.do(ctx, "who lives in "+group, again); err != nil {
		return nil, err
	}
	return p.unknownOf(entries, texts(again.answer)), nil
}

// unknownOf gives the holders that are not among the nodes, none at all while this
// node cannot judge.
func (p *Presence) unknownOf(entries []entry, nodes []string) (unknown []string) {
	for _, e := range entries {
		if !p.isOwn(e.holder) && !slices.Contains(nodes, e.holder) && !slices.Contains(unknown, e.holder) {
			unknown = append(unknown, e.holder)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.registered || time.Now().Before(p.judgeFrom):
		return nil
	case !slices.Contains(nodes, p.holder()):
		signal(p.nudge)
		return nil
	}
	return unknown
}

// withoutGhosts takes entries of this node away that it does not hold, such as one
// whose writing Redis got to only after the leave, here and in Redis. What was read
// may be older than a leave and another join: the time tells such an entry apart.
func (p *Presence) withoutGhosts(ctx context.Context, entries []entry) []entry {
	var steps []*step
	p.mu.Lock()
	entries = slices.DeleteFunc(entries, func(e entry) bool {
		at := place{e.Group, e.ID}
		if e.Node != p.node || p.held[at] != nil || p.closed {
			return false
		}
		if _, handled := p.pending[at]; !handled {
			steps = append(steps, script(leaveScript, p.groupKey(e.Group), e.ID, p.node, "", e.Since.UnixMicro()))
		}
		return true
	})
	p.mu.Unlock()
	if len(steps) > 0 {
		_ = p.do(ctx, "remove ghosts", steps...) // who reads next tries again
	}
	return entries
}
