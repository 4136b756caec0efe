package audit

import (
	"context"
	"iter"

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
	var events []Event
	for e, err := range s.store.before(ctx, in.Filter, in.Before, in.Limit+1) {
		if err != nil {
			return nil, false, err
		}
		events = append(events, e)
	}
	events, more := page.Cut(events, in.Limit)
	return events, more, nil
}

// Export gives all that the filter chooses, what happened first first, page by
// page.
func (s *Service) Export(f Filter) page.Source[Event, Place] {
	return func(ctx context.Context, after *Place, limit int) iter.Seq2[Event, error] {
		return s.store.after(ctx, f, after, limit)
	}
}
