package backup

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/blob"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// orphanAge is how long a payload may be without its manifest: then nobody writes it any more.
const orphanAge = 24 * time.Hour

// Retain deletes backups that are over the count or the age, each full one with all that builds
// upon it, and what broken-off runs have left behind. What cannot be read is left. The newest
// that is whole stays, however old it is. It gives how many backups it deleted. Fault:
// backup.store_unavailable.
func (s *Service) Retain(ctx context.Context) (deleted int, err error) {
	all, err := s.look(ctx)
	if err != nil {
		return 0, err
	}
	var list []Manifest
	for _, id := range all.newest() {
		m, err := s.manifest(ctx, id)
		if fault.Is(err, errDamaged.Code) {
			continue
		}
		if err != nil {
			return 0, err
		}
		list = append(list, m)
	}
	over := s.over(trees(list))
	if len(over) > 0 {
		if over, err = s.sparing(ctx, trees(list), over); err != nil {
			return 0, err
		}
	}
	for _, t := range over {
		for _, m := range slices.Backward(t.members) { // so that what is left is whole, wherever this stops
			if err := s.remove(ctx, m.ID); err != nil {
				return deleted, err
			}
			deleted++
		}
	}
	return deleted, s.sweep(ctx, all)
}

// over are the trees over the count or the age.
func (s *Service) over(all []tree) (out []tree) {
	for i, t := range all {
		counted := s.Schedule.Keep > 0 && i >= s.Schedule.Keep
		aged := s.Schedule.KeepFor > 0 && s.clock().Sub(t.newest().AsOf) > s.Schedule.KeepFor
		if counted || aged {
			out = append(out, t)
		}
	}
	return out
}

// sparing leaves out the newest tree that is proven to be whole.
func (s *Service) sparing(ctx context.Context, all, over []tree) ([]tree, error) {
	for _, t := range all {
		_, err := s.Verify(ctx, Unseen{}, t.newest().ID, nil)
		if fault.Is(err, errDamaged.Code) || fault.Is(err, errNotFound.Code) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return slices.DeleteFunc(over, func(o tree) bool { return o.members[0].ID == t.members[0].ID }), nil
	}
	return nil, nil // none is whole: what there is may be all there will be
}

// remove deletes a backup, its manifest first: a payload without one is no backup.
func (s *Service) remove(ctx context.Context, id uuid.UUID) error {
	blobs, err := s.open(ctx)
	if err != nil {
		return err
	}
	if err := blobs.Delete(ctx, manifestKey(id)); err != nil {
		return away(err)
	}
	return away(blobs.Delete(ctx, payloadKey(id)))
}

// sweep deletes payloads that have no manifest, and half objects of a node that died.
func (s *Service) sweep(ctx context.Context, all found) error {
	blobs, err := s.open(ctx)
	if err != nil {
		return err
	}
	list, err := blobs.List(ctx, backupsAt)
	if err != nil {
		return away(err)
	}
	for _, o := range list {
		if s.belongs(o, all) || s.clock().Sub(o.Modified) < orphanAge {
			continue
		}
		if err := blobs.Delete(ctx, o.Key); err != nil {
			return away(err)
		}
	}
	return nil
}

// belongs reports whether an object is of a backup that is there.
func (s *Service) belongs(o blob.Object, all found) bool {
	for id, have := range all {
		if have.manifest && (o.Key == manifestKey(id) || o.Key == payloadKey(id)) {
			return true
		}
	}
	return false
}
