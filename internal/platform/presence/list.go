package presence

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// Bounds of a page of List.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

// List gives the members of all nodes that joined with JoinInput.Listed, the highest
// id first: the newest, where ids rise with time. before is the last id of the page
// before, "" for the first page; limit is DefaultPage when 0 or less, and MaxPage at
// most. more says that there may be another page. A page takes three round trips.
// The error wraps ErrUnavailable, or is ctx's own.
func (p *Presence) List(ctx context.Context, before string, limit int) (page []Member, more bool, err error) {
	if limit <= 0 {
		limit = DefaultPage
	}
	limit = min(limit, MaxPage)
	nodes := p.readNodes()
	if err := p.do(ctx, "list nodes", nodes); err != nil {
		return nil, false, err
	}
	more = true
	for len(page) < limit && more { // again where listings had no entry
		var listings []string
		if listings, more, err = p.listings(ctx, texts(nodes.answer), before, limit-len(page)); err != nil {
			return nil, false, err
		}
		found, err := p.lookUp(ctx, listings)
		if err != nil {
			return nil, false, err
		}
		page = append(page, found...)
		if len(listings) > 0 {
			before, _, _ = strings.Cut(listings[len(listings)-1], "\x00")
		}
	}
	return page, more, nil
}

// listings merges those of all nodes.
func (p *Presence) listings(ctx context.Context, holders []string, before string, limit int) (all []string, more bool, err error) {
	if len(holders) == 0 {
		return nil, false, nil
	}
	from := "+"
	if before != "" {
		from = "(" + before
	}
	steps := make([]*step, len(holders))
	for i, holder := range holders {
		steps[i] = command("zrevrangebylex", p.listedKey(holder), from, "-", "limit", 0, limit+1)
	}
	if err := p.do(ctx, "list members", steps...); err != nil {
		return nil, false, err
	}
	for _, s := range steps {
		all = append(all, texts(s.answer)...)
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(b, a) })
	return all[:min(limit, len(all))], len(all) > limit, nil
}

// lookUp gives the members of listings, in their order, without those that have no
// entry any more.
func (p *Presence) lookUp(ctx context.Context, listings []string) ([]Member, error) {
	if len(listings) == 0 {
		return nil, nil
	}
	steps := make([]*step, len(listings))
	for i, text := range listings {
		member, group, _ := strings.Cut(text, "\x00")
		steps[i] = command("hget", p.groupKey(group), member)
	}
	if err := p.do(ctx, "look up listed members", steps...); err != nil {
		return nil, err
	}
	found := make([]Member, 0, len(listings))
	for i, text := range listings {
		member, group, _ := strings.Cut(text, "\x00")
		if e, ok := parseEntry(group, member, fmt.Sprint(cmp.Or(steps[i].answer, any("")))); ok {
			found = append(found, e.Member)
		}
	}
	return found, nil
}
