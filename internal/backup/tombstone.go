package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// maxTombstone bounds one in bytes.
const maxTombstone = 4 << 10

// KeepTombstone writes outside the database that an account is erased, so that no restore
// brings it back even when the database is lost. It may be written again. Where no backups are
// made there is nothing to bring back: the first one writes all there are.
func (s *Service) KeepTombstone(ctx context.Context, t Tombstone) error {
	if !s.On() {
		return nil
	}
	blobs, err := s.open(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("keep tombstone: %w", err)
	}
	return away(blobs.Put(ctx, tombstonesAt+t.UserID.String()+manifestEnd, manifestType, text))
}

// keepTombstones writes those that the database knows and the store does not.
func (s *Service) keepTombstones(ctx context.Context) error {
	kept, err := s.buried(ctx)
	if err != nil {
		return err
	}
	known, err := s.Erased.Tombstones(ctx)
	if err != nil {
		return err
	}
	for _, t := range known {
		if _, ok := kept[t.UserID]; ok {
			continue
		}
		if err := s.KeepTombstone(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// buried are the accounts that the store has tombstones of.
func (s *Service) buried(ctx context.Context) (map[uuid.UUID]struct{}, error) {
	blobs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	list, err := blobs.List(ctx, tombstonesAt)
	if err != nil {
		return nil, away(err)
	}
	out := make(map[uuid.UUID]struct{}, len(list))
	for _, o := range list {
		id, err := uuid.Parse(strings.TrimSuffix(strings.TrimPrefix(o.Key, tombstonesAt), manifestEnd))
		if err == nil {
			out[id] = struct{}{}
		}
	}
	return out, nil
}

// tombstones are all accounts that were erased, whether the store says so or the database. With
// write the database learns of those that it has lost.
func (s *Service) tombstones(ctx context.Context, write bool) (map[uuid.UUID]struct{}, error) {
	gone, err := s.buried(ctx)
	if err != nil {
		return nil, err
	}
	known, err := s.Erased.Tombstones(ctx)
	if err != nil {
		return nil, err
	}
	lost := make(map[uuid.UUID]struct{}, len(gone))
	for id := range gone {
		lost[id] = struct{}{}
	}
	for _, t := range known {
		gone[t.UserID] = struct{}{}
		delete(lost, t.UserID)
	}
	if !write || len(lost) == 0 {
		return gone, nil
	}
	var again []Tombstone
	for id := range lost {
		t, err := s.tombstone(ctx, id)
		if err != nil {
			return nil, err
		}
		again = append(again, t)
	}
	return gone, s.Erased.Bury(ctx, again)
}

// tombstone reads one. What cannot be read still says whose it is.
func (s *Service) tombstone(ctx context.Context, id uuid.UUID) (Tombstone, error) {
	blobs, err := s.open(ctx)
	if err != nil {
		return Tombstone{}, err
	}
	text, err := blobs.Get(ctx, tombstonesAt+id.String()+manifestEnd, maxTombstone)
	if err != nil {
		return Tombstone{}, away(err)
	}
	var t Tombstone
	if json.Unmarshal(text, &t) != nil || t.UserID != id {
		t = Tombstone{UserID: id, RequestedAt: s.clock(), ErasedAt: s.clock()}
	}
	return t, nil
}
