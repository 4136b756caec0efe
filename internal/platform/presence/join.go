package presence

import (
	"context"
	"fmt"
	"strconv"
)

// JoinInput says who joins what.
type JoinInput struct {
	Group  string // such as user:<id> or room:<name>; MaxName bytes at most
	Member string // id of the connection; MaxName bytes at most
	Value  []byte // MaxValue bytes at most
	// Max is how many members the group may have with this one; 0: any number.
	Max int
	// Listed makes the member one of those that List gives. A member is listed in
	// one group at most.
	Listed bool
}

// joinAttempts bounds how often a group that looks full is tried again because
// members of it were dead.
const joinAttempts = 3

// Join makes a member of this node one of a group and returns all who are there with
// it, those who came first first. Members of dead nodes are taken away, and told to
// Config.Vanished. Who is a member already gets another value, and keeps its time.
//
// ErrFull comes with the members of a group that has Max without this one, and with
// none when the node is full. ErrInvalid and ErrClosed mean as well that the member
// has not joined. After ErrUnavailable or ctx's own error it is held all the same,
// and in Redis once that answers, Max or not: let it Leave.
func (p *Presence) Join(ctx context.Context, in JoinInput) ([]Member, error) {
	if err := checkNames(in.Group, in.Member); err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	if err := checkValue(in.Value); err != nil {
		return nil, fmt.Errorf("join %s: %w", in.Group, err)
	}
	if !p.begin() {
		return nil, fmt.Errorf("join %s: %w", in.Group, ErrClosed)
	}
	defer p.calls.Done()
	at, h, err := p.hold(in)
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", in.Group, err)
	}
	for attempt := 1; ; attempt++ {
		answer, err := p.tryJoin(ctx, at, h, in)
		switch {
		case err != nil:
			p.notJoined(at, h)
			return nil, err
		case answer.joined:
			p.joined(at, h, answer.holder, answer.since)
			living, _, err := p.living(ctx, in.Group, answer.entries, answer.nodes)
			return members(living), err
		}
		living, swept, err := p.living(ctx, in.Group, answer.entries, answer.nodes)
		if err == nil && swept && attempt < joinAttempts {
			continue
		}
		p.refused(at, h)
		if err == nil {
			err = fmt.Errorf("join %s: %d members: %w", in.Group, len(living), ErrFull)
		}
		return members(living), err
	}
}

// joinAnswer is what a group and the nodes were when the member joined, or did not.
type joinAnswer struct {
	joined  bool
	holder  string
	since   int64
	entries []entry
	nodes   []string
}

func (p *Presence) tryJoin(ctx context.Context, at place, h *held, in JoinInput) (a joinAnswer, err error) {
	p.mu.Lock()
	a.holder = p.holder()
	registered, since, value := p.registered, "", h.value
	if h.since != 0 {
		since = strconv.FormatInt(h.since, 10)
	}
	p.mu.Unlock()
	if !registered { // others would take it for dead
		return a, fmt.Errorf("join %s: %w: the node is not known yet", at.group, ErrUnavailable)
	}
	join := script(joinScript, p.groupKey(at.group), at.member, a.holder, value, in.Max, p.config.KeyTTL.Milliseconds(), since)
	nodes := p.readNodes()
	steps := []*step{join, nodes}
	if in.Listed {
		steps = append(steps, command("zadd", p.listedKey(a.holder), 0, listing(at.group, at.member)))
	}
	if err := p.do(ctx, "join "+at.group, steps...); err != nil {
		return a, err
	}
	fields, err := join.fields(3)
	if err != nil {
		return a, err
	}
	a.joined = fields[0] == int64(1)
	a.since, _ = strconv.ParseInt(fmt.Sprint(fields[1]), 10, 64)
	a.nodes = texts(nodes.answer)
	a.entries, err = parseAll(at.group, fields[2])
	return a, err
}
