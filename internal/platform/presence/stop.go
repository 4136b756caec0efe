package presence

import (
	"context"
	"maps"
	"slices"
	"time"
)

// stopLimit bounds what Stop says to Redis, a part at a time bounded by
// Config.Timeout.
const stopLimit = 10 * time.Second

// leaveAll runs when nothing else of the node does. The lease goes last: until then
// the members are those of a living node, and leave without anybody being told.
func (p *Presence) leaveAll() {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	places := slices.AppendSeq(slices.Collect(maps.Keys(p.held)), maps.Keys(p.pending))
	p.held, p.groups, p.pending = map[place]*held{}, map[string]*group{}, map[place]handling{}
	for part := range slices.Chunk(places, batch) {
		steps := make([]*step, len(part))
		for i, at := range part {
			steps[i] = script(leaveScript, p.groupKey(at.group), at.member, p.node, "", "")
		}
		if err := p.do(ctx, "leave all", steps...); err != nil {
			return
		}
	}
	holder := p.holder()
	_ = p.do(ctx, "leave", command("zrem", p.nodesKey(), holder), command("unlink", p.listedKey(holder))) // or they expire
}
