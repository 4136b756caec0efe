package main

import "fmt"

// compare gives the changes from a released document to another form of it.
func (g gate) compare(base, next document) ([]change, error) {
	b, n := base.tree(), next.tree()
	before, after := elements(b), elements(n)
	all := append(endings(before, after, g.today), grown(before, after)...)
	all = append(all, addresses(b, n)...)
	all = append(all, permissions(b, n)...)
	prepare(b)
	prepare(n)
	found, err := g.shapes(b, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", next.name, err)
	}
	return merge(append(all, found...)), nil
}
