package usage

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// ReadInput says what to read.
type ReadInput struct {
	Days     int  // back from today, 1 to MaxDays
	ByClient bool // tell clients apart
	ByUser   bool // tell users apart
}

// Count is how often something was asked for.
type Count struct {
	Name   string
	Client string    // "": clients are not told apart
	UserID uuid.UUID // zero: users are not told apart, or nobody was signed in
	Calls  int64
	Users  int64     // how many were signed in
	Last   time.Time // the day
}

// maxCounts bounds what is read at once.
const maxCounts = 10_000

// Read gives the counts that are written, by name, the most called first; at most
// 10,000 of them.
func (s *Service) Read(ctx context.Context, in ReadInput) ([]Count, error) {
	return s.store.read(ctx, in, s.now().UTC().AddDate(0, 0, 1-in.Days))
}

// Own is how often one user asked for something, from one kind of client.
type Own struct {
	Name     string    `json:"name"`
	Client   string    `json:"client"`
	Calls    int64     `json:"calls"`
	FirstDay time.Time `json:"-"`
	LastDay  time.Time `json:"-"`
}

// ExportOf gives what is kept of a user; at most 10,000 counts.
func (s *Service) ExportOf(ctx context.Context, user uuid.UUID) ([]Own, error) {
	return s.store.own(ctx, user)
}
