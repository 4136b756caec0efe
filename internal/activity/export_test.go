package activity

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// LogCap is how many events a log keeps at least.
const LogCap = logCap

// Record writes down that something has happened to a thing of a user's.
func (s *Service) Record(ctx context.Context, user uuid.UUID, kind string, id uuid.UUID) error {
	return s.record(ctx, user, entry{Type: kind, ID: id})
}

// Put appends to the log of a user whatever another release may.
func (s *Service) Put(ctx context.Context, user uuid.UUID, text string) error {
	_, err := s.Log.Append(ctx, eventlog.AppendInput{Stream: streamOf(user), After: eventlog.AnyID, Entry: []byte(text)})
	return err
}
