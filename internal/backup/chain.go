package backup

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// maxChain bounds the increments upon a full backup: each is read at a restore, all at once.
const maxChain = 100

// chain gives a backup after all that it builds upon, the full one first. Each must be there,
// and as long as its manifest says. Fault: backup.damaged.
func (s *Service) chain(ctx context.Context, m Manifest, all found) ([]Manifest, error) {
	out := []Manifest{m}
	for {
		if size := all[m.ID].payload; size != m.Payload.Bytes {
			return nil, damaged("the payload of %s has %d bytes and should have %d", m.ID, max(size, 0), m.Payload.Bytes)
		}
		if m.ParentID == nil {
			slices.Reverse(out)
			return out, nil
		}
		parent, err := s.manifest(ctx, *m.ParentID)
		switch {
		case fault.Is(err, errNotFound.Code):
			return nil, damaged("%s builds upon %s, which is not there", m.ID, *m.ParentID)
		case err != nil:
			return nil, err
		case len(out) > maxChain || parent.AsOf.After(m.AsOf):
			return nil, damaged("%s builds upon what cannot be before it", m.ID)
		}
		m = parent
		out = append(out, m)
	}
}

// damaged says what a backup suffers from.
func damaged(format string, args ...any) error {
	why := fmt.Sprintf(format, args...)
	return fault.New(fault.Unprocessable, "backup.damaged", "The backup is damaged: "+why+".").WithDetail("why", why)
}

// parent gives the backup that an increment may build upon, or why there is none.
func (s *Service) parent(ctx context.Context, database string) (_ *Manifest, why string, err error) {
	all, err := s.look(ctx)
	if err != nil {
		return nil, "", err
	}
	ids := all.newest()
	if len(ids) == 0 {
		return nil, "it is the first", nil
	}
	m, err := s.manifest(ctx, ids[0])
	var upon []Manifest
	if err == nil {
		upon, err = s.chain(ctx, m, all)
	}
	switch {
	case fault.Is(err, errDamaged.Code):
		return nil, "the newest backup, " + ids[0].String() + ", is damaged", nil
	case err != nil:
		return nil, "", err
	case m.Database != database:
		return nil, "the newest backup is of another database, or of one that has since gone back in time", nil
	case !slices.Equal(m.Recipients, names(s.Recipients)):
		return nil, "the recipients are others now", nil
	case len(upon) >= maxChain:
		return nil, "there are many increments already", nil
	}
	return &m, "it adds to " + m.ID.String(), nil
}

// tree are the backups that stand or fall together: a full one and what builds upon it.
type tree struct{ members []Manifest } // in order

func (t tree) newest() Manifest { return t.members[len(t.members)-1] }

// trees sorts backups into trees, the one with the newest full backup first. Backups without a
// full one are trees by themselves.
func trees(list []Manifest) []tree {
	slices.SortFunc(list, func(a, b Manifest) int { return a.AsOf.Compare(b.AsOf) })
	root := map[uuid.UUID]int{}
	var out []tree
	for _, m := range list {
		if m.ParentID != nil {
			if at, ok := root[*m.ParentID]; ok {
				root[m.ID] = at
				out[at].members = append(out[at].members, m)
				continue
			}
		}
		root[m.ID] = len(out)
		out = append(out, tree{[]Manifest{m}})
	}
	slices.Reverse(out)
	return out
}
