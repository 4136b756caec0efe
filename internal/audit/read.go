package audit

import (
	"context"

	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// ListInput asks for one page, what happened last first.
type ListInput struct {
	Filter
	Before *Place // nil: from the newest
	Limit  int    // 1-100
}

// List gives up to Limit events and whether there are more. An event recorded
// late appears where it occurred, perhaps on a page that was read before.
func (s *Service) List(ctx context.Context, in ListInput) ([]Event, bool, error) {
	events, err := s.store.before(ctx, in.Filter, in.Before, in.Limit+1)
	events, more := page.Cut(events, in.Limit)
	return events, more, err
}

// Export gives all that the filter chooses, what happened first first, page by
// page; each page lies in the memory of the one before. It is for one reader.
func (s *Service) Export(f Filter) page.Source[Event, Place] {
	var events []Event
	return func(ctx context.Context, after *Place, limit int) ([]Event, error) {
		page, err := s.store.after(ctx, f, after, limit, events)
		if err == nil {
			events = page
		}
		return page, err
	}
}
