package backup

import (
	"context"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Pace is how often a backup is made by itself; 0: never.
func (s *Service) Pace() time.Duration {
	if s.Schedule.Every > 0 {
		return s.Schedule.Every
	}
	return s.Schedule.FullEvery
}

// NewestAt is the moment that the newest backup shows which can be restored, as far as its
// manifests tell; zero: there is none. Fault: backup.store_unavailable.
func (s *Service) NewestAt(ctx context.Context) (time.Time, error) {
	id, err := s.Newest(ctx, nil)
	if fault.Is(err, errNotFound.Code) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	m, err := s.manifest(ctx, id)
	return m.AsOf, err
}

// VerifyNewest reads the newest backup and all that it builds upon, and gives how many they
// are; 0: there is none. Faults: as Verify.
func (s *Service) VerifyNewest(ctx context.Context) (backups int, err error) {
	id, err := s.Newest(ctx, nil)
	if fault.Is(err, errNotFound.Code) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	v, err := s.Verify(ctx, Unseen{}, id, nil)
	return len(v.Backups), err
}
