package conversation

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// Dumped is what a backup keeps of a conversation.
type Dumped struct {
	ID     uuid.UUID
	After  int64          // the version that Record adds to; 0: it is the whole conversation
	Record *record.Record // settled; nil: nothing has changed
}

// DumpCounts says how much was dumped.
type DumpCounts struct{ Versions, Messages int64 }

// Count is how many conversations there are, as of tx.
func (s *Service) Count(ctx context.Context, tx Tx) (int64, error) {
	return s.store.countIn(ctx, tx)
}

// Dump puts every conversation, in the order of ids, as of tx, which must be a transaction that
// sees one moment. With since, a horizon, it puts what has been added since, and of what has
// not changed only that it is there.
func (s *Service) Dump(ctx context.Context, tx Tx, since *int64, put func(Dumped) error) (DumpCounts, error) {
	d := dumping{service: s, tx: tx, put: put}
	if since != nil {
		list, err := s.store.changed(ctx, tx, *since)
		if err != nil {
			return d.DumpCounts, err
		}
		d.changed = make(map[uuid.UUID]int64, len(list))
		for _, c := range list {
			d.changed[c.id] = c.after
		}
	}
	var after uuid.UUID
	for {
		page, err := s.store.sizesAfter(ctx, tx, after, verifyPage)
		if err != nil || len(page) == 0 {
			return d.DumpCounts, err
		}
		for len(page) > 0 {
			n := bite(page)
			if err := d.some(ctx, page[:n]); err != nil {
				return d.DumpCounts, err
			}
			after = page[n-1].id
			page = page[n:]
		}
	}
}

// bite is how many of a page are read at once, so that they fit into memory.
func bite(page []sized) int {
	n, versions := 1, page[0].version
	for n < len(page) && versions+page[n].version <= verifyVersions {
		versions += page[n].version
		n++
	}
	return n
}

// dumping is a dump under way.
type dumping struct {
	DumpCounts
	service *Service
	tx      Tx
	changed map[uuid.UUID]int64 // since which version; nil: everything is dumped
	put     func(Dumped) error
}

// some dumps a few conversations.
func (d *dumping) some(ctx context.Context, page []sized) error {
	afters := map[uuid.UUID]int64{}
	var want []wanted
	for _, c := range page {
		after, changed := d.changed[c.id]
		if d.changed == nil || changed {
			want = append(want, wanted{c.id, after})
			afters[c.id] = after
		}
	}
	records, err := d.read(ctx, want, afters)
	if err != nil {
		return err
	}
	for _, c := range page {
		out := Dumped{ID: c.id, After: afters[c.id], Record: records[c.id]}
		if r := out.Record; r != nil {
			d.Versions += int64(len(r.Versions))
			d.Messages += int64(len(r.Messages))
		}
		if err := d.put(out); err != nil {
			return err
		}
	}
	return nil
}

// read reads what has been added. Of a conversation that was recovered since, that is all of it.
func (d *dumping) read(ctx context.Context, want []wanted, afters map[uuid.UUID]int64) (map[uuid.UUID]*record.Record, error) {
	out := make(map[uuid.UUID]*record.Record, len(want))
	for len(want) > 0 {
		list, err := d.service.store.records(ctx, d.tx, want)
		if err != nil {
			return nil, err
		}
		want = nil
		for i := range list {
			r := &list[i]
			if afters[r.Head.ID] > 0 && r.Recovered() {
				afters[r.Head.ID] = 0
				want = append(want, wanted{id: r.Head.ID})
				continue
			}
			r.Settle()
			out[r.Head.ID] = r
		}
	}
	return out, nil
}
