package backup

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Listed is a backup as a list tells it.
type Listed struct {
	Manifest
	Problem string // why it cannot be restored, as far as can be told without reading it; "": nothing
}

// found are the objects of the store: of each id the size of its payload, and whether it has a
// manifest.
type found map[uuid.UUID]object

type object struct {
	manifest bool
	payload  int64 // -1: there is none
}

// look lists the store.
func (s *Service) look(ctx context.Context) (found, error) {
	blobs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	all, err := blobs.List(ctx, backupsAt)
	if err != nil {
		return nil, away(err)
	}
	out := found{}
	for _, o := range all {
		name, end, _ := strings.Cut(strings.TrimPrefix(o.Key, backupsAt), ".")
		id, err := uuid.Parse(name)
		if err != nil {
			continue
		}
		have, known := out[id]
		if !known {
			have.payload = -1
		}
		switch "." + end {
		case manifestEnd:
			have.manifest = true
		case payloadEnd:
			have.payload = o.Size
		}
		out[id] = have
	}
	return out, nil
}

// newest are the ids of backups, the newest first: an id begins with the time it was made.
func (f found) newest() []uuid.UUID {
	var out []uuid.UUID
	for id, o := range f {
		if o.manifest {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b uuid.UUID) int { return strings.Compare(b.String(), a.String()) })
	return out
}

// List gives backups, the newest first, after one that was seen last (nil: from the newest).
// more says that there are older ones. Fault: backup.store_unavailable.
func (s *Service) List(ctx context.Context, after *uuid.UUID, limit int) (list []Listed, more bool, err error) {
	all, err := s.look(ctx)
	if err != nil {
		return nil, false, err
	}
	ids := all.newest()
	if after != nil {
		ids = slices.DeleteFunc(ids, func(id uuid.UUID) bool { return id.String() >= after.String() })
	}
	for _, id := range ids[:min(len(ids), limit)] {
		one, err := s.listed(ctx, id, all)
		if err != nil {
			return nil, false, err
		}
		list = append(list, one)
	}
	return list, len(ids) > limit, nil
}

// Newest is the id of the newest backup that can be restored, as far as can be told without
// reading it, and that is not of a moment after a time; nil: of any. Faults: resource.not_found,
// backup.store_unavailable.
func (s *Service) Newest(ctx context.Context, notAfter *time.Time) (uuid.UUID, error) {
	all, err := s.look(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	for _, id := range all.newest() {
		one, err := s.listed(ctx, id, all)
		if err != nil {
			return uuid.Nil, err
		}
		if one.Problem == "" && (notAfter == nil || !one.AsOf.After(*notAfter)) {
			return id, nil
		}
	}
	return uuid.Nil, errNotFound
}

func (s *Service) listed(ctx context.Context, id uuid.UUID, all found) (Listed, error) {
	m, err := s.manifest(ctx, id)
	if fault.Is(err, errDamaged.Code) {
		return Listed{Manifest: Manifest{ID: id, Kind: Full}, Problem: why(err)}, nil
	}
	if err != nil {
		return Listed{}, err
	}
	_, err = s.chain(ctx, m, all)
	if fault.Is(err, errDamaged.Code) {
		return Listed{m, why(err)}, nil
	}
	return Listed{Manifest: m}, err
}

// why is what a damaged backup suffers from.
func why(err error) string {
	if f := fault.Find(err); f != nil {
		if text, ok := f.Details["why"].(string); ok {
			return text
		}
		return f.Message
	}
	return err.Error()
}
