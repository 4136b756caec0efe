package presence

import (
	"context"
	"fmt"
)

// Leave takes a member of this node out of a group. left is true for one caller, of
// this and of Remove, even with an error, which then says only that who is left is
// not known. rest are those who are there without it.
//
// After ErrUnavailable or ctx's own error without left, the member is no longer held
// and is taken away when Redis answers; if its entry is still there then, the member
// is told to Config.Vanished.
func (p *Presence) Leave(ctx context.Context, group, member string) (left bool, rest []Member, err error) {
	if err := checkNames(group, member); err != nil {
		return false, nil, fmt.Errorf("leave: %w", err)
	}
	if !p.begin() {
		return false, nil, fmt.Errorf("leave %s: %w", group, ErrClosed)
	}
	defer p.calls.Done()
	at := place{group, member}
	p.mu.Lock()
	h := p.held[at]
	p.forget(at)
	p.pending[at] = called
	holder := p.holder()
	p.mu.Unlock()

	leave, nodes := single(script(leaveScript, p.groupKey(group), member, p.node, "1", "")), p.readNodes()
	steps := []*step{leave, nodes}
	if h != nil && h.listed {
		steps = append(steps, command("zrem", p.listedKey(holder), listing(group, member)))
	}
	err = p.do(ctx, "leave "+group, steps...)
	p.leaveDone(at, leave.err == nil)
	if leave.err != nil {
		return false, nil, err
	}
	fields, wrong := leave.fields(2)
	if wrong != nil {
		return false, nil, wrong
	}
	left = fields[0] != ""
	if err != nil {
		return left, nil, err
	}
	entries, err := parseAll(group, fields[1])
	if err != nil {
		return left, nil, err
	}
	entries = p.withoutGhosts(ctx, entries)
	dead, err := p.deadOf(ctx, group, entries, texts(nodes.answer))
	if err != nil {
		return left, nil, err
	}
	return left, members(without(entries, dead)), nil
}

// leaveDone lets the goroutine see to what Redis did not answer, and to who has
// joined again meanwhile.
func (p *Presence) leaveDone(at place, done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch handled, pending := p.pending[at]; {
	case !done || p.held[at] != nil:
		p.repair(at)
	case pending && handled == called:
		delete(p.pending, at)
	}
}

// Remove takes anybody's entry out of a group; removed is true for one caller, of
// this and of Leave. The node that holds the member must be told to let it leave.
// The error wraps ErrInvalid or ErrUnavailable, or is ctx's own; the entry may be
// gone then, and nobody told.
func (p *Presence) Remove(ctx context.Context, group, member string) (removed bool, err error) {
	if err := checkNames(group, member); err != nil {
		return false, fmt.Errorf("remove: %w", err)
	}
	leave := single(script(leaveScript, p.groupKey(group), member, "", "", ""))
	if err := p.do(ctx, "remove from "+group, leave); err != nil {
		return false, err
	}
	fields, err := leave.fields(2)
	if err != nil {
		return false, err
	}
	gone, removed := parseEntry(group, member, fmt.Sprint(fields[0]))
	if removed { // what is listed without an entry is passed over, and goes with its node
		_ = p.do(ctx, "remove from the list", command("zrem", p.listedKey(gone.holder), listing(group, member)))
	}
	return removed, nil
}
