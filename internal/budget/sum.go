package budget

import (
	"context"
	"errors"
	"sync"
	"time"
)

// How old the sum may be that a node goes by, and how long reading it may hold a request up.
const (
	sumFor  = 5 * time.Second
	sumWait = 250 * time.Millisecond
)

var errSumWait = errors.New("the sum of the day's tokens was not read in time")

// sum is what all learners have spent, as this node last read it.
type sum struct {
	mu      sync.Mutex
	day     time.Time
	tokens  int64
	readAt  time.Time // or tried
	reading bool
}

// due says what is known at a time; who is told that it is due reads it, alone. On a new day
// nothing is spent.
func (s *sum) due(at time.Time) (tokens int64, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if day := dayOf(at); !day.Equal(s.day) {
		s.day, s.tokens, s.readAt = day, 0, time.Time{}
	}
	age := at.Sub(s.readAt)
	due = !s.reading && (age >= sumFor || age < 0) // below zero: the clock was set back
	s.reading = s.reading || due
	return s.tokens, due
}

// keep takes what was read of a day.
func (s *sum) keep(tokens int64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = false
	if s.day.Equal(dayOf(at)) {
		s.tokens, s.readAt = tokens, at
	}
}

// CheckService gives the fault budget.service_spent. It waits for PostgreSQL a quarter of
// a second at most, every five seconds; in between, and while another reads, it goes by what
// it knows. It must not be called within a transaction: it takes a connection of its own.
func (s *Service) CheckService(ctx context.Context) error {
	if s.service == 0 {
		return nil
	}
	at := s.now()
	tokens, due := s.sum.due(at)
	if due {
		tokens = s.readSum(ctx, at)
	}
	if tokens >= s.service {
		return errServiceSpent.WithRetryAfter(min(untilTomorrow(at), serviceWait))
	}
	return nil
}

// readSum reads it for all; what cannot be read counts as nothing.
func (s *Service) readSum(ctx context.Context, at time.Time) (tokens int64) {
	defer func() { s.sum.keep(tokens, at) }()
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), sumWait, errSumWait)
	defer cancel()
	tokens, err := s.store.ofService(ctx, dayOf(at))
	if err != nil {
		s.logger.WarnContext(ctx, "the service's budget is not read", "error", err.Error())
		return 0
	}
	return tokens
}
