// Package usage counts how much is still asked for of what the contract deprecates:
// each day, by which kind of client and by whom, so that an end can be set, and those
// whom it would hit be told.
//
// It promises that counting never makes a request wait: calls are added up in the
// process, in bounded memory, and written every few seconds and when it stops. It
// keeps counts for 90 days, and no text that a client sent but the name of a browser
// or program.
//
// Its limits: a process that is killed loses what it counted in the last seconds, and
// while PostgreSQL is away counts wait; beyond maxEntries at once, or maxFamilies of
// clients in a process, client and user are no longer told apart.
package usage

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	writeTimeout = 5 * time.Second
	maxEntries   = 10_000
	maxFamilies  = 200
	keptFor      = 90 * 24 * time.Hour
)

// MaxDays is how many days back counts are kept.
const MaxDays = int(keptFor / (24 * time.Hour))

// Deps are what the counts need.
type Deps struct {
	Pool   *pgxpool.Pool
	Logger *slog.Logger
	Now    func() time.Time
	Every  time.Duration // how often counts are written; 0: every ten seconds
}

// Service counts. It may be used by many at once.
type Service struct {
	store  store
	logger *slog.Logger
	now    func() time.Time
	every  time.Duration

	mu       sync.Mutex
	counts   map[entry]int64
	families map[string]bool

	starts sync.Once
	stop   context.CancelFunc
	run    sync.WaitGroup
}

// An entry is what calls are added up for.
type entry struct {
	day    time.Time // its first instant in UTC
	name   string
	client string
	user   uuid.UUID // zero: nobody was signed in
}

// New makes a service that counts; Start lets it write.
func New(d Deps) *Service {
	return &Service{
		store: store{pool: d.Pool}, logger: d.Logger, now: d.Now, every: cmp.Or(d.Every, 10*time.Second),
		counts: map[entry]int64{}, families: map[string]bool{},
	}
}

// Call is one use of something deprecated.
type Call struct {
	Name      string    // as the contract has it
	UserAgent string    // of the client
	UserID    uuid.UUID // zero: nobody is signed in
}

// Count adds one. It does not wait.
func (s *Service) Count(c Call) {
	y, m, d := s.now().UTC().Date()
	e := entry{day: time.Date(y, m, d, 0, 0, 0, 0, time.UTC), name: c.Name, client: family(c.UserAgent), user: c.UserID}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.families[e.client] {
		if len(s.families) < maxFamilies {
			s.families[e.client] = true
		} else {
			e.client = otherClients
		}
	}
	s.add(e, 1)
}

// add adds calls; where there is no room, those of nobody and others.
func (s *Service) add(e entry, calls int64) {
	if _, there := s.counts[e]; !there && len(s.counts) >= maxEntries {
		e.client, e.user = otherClients, uuid.Nil
	}
	s.counts[e] += calls
}

// Start writes what is counted again and again, until Stop. It returns at once.
func (s *Service) Start(ctx context.Context) {
	s.starts.Do(func() {
		ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
		s.run.Go(func() {
			tick := time.NewTicker(s.every)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					s.writeOrKeep(ctx)
				}
			}
		})
	})
}

// Stop writes what is left and waits for it. Idempotent, and safe without Start.
func (s *Service) Stop() {
	s.starts.Do(func() {})
	if s.stop != nil {
		s.stop()
	}
	s.run.Wait()
	s.writeOrKeep(context.Background())
}

func (s *Service) writeOrKeep(ctx context.Context) {
	if err := s.Write(ctx); err != nil {
		s.logger.WarnContext(ctx, "counts of deprecated calls are written later", "error", err.Error())
	}
}

// Write stores what is counted so far. What it cannot store is kept for the next time.
func (s *Service) Write(ctx context.Context) error {
	s.mu.Lock()
	counted := s.counts
	s.counts = map[entry]int64{}
	s.mu.Unlock()
	if len(counted) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := s.store.add(ctx, counted)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		for e, calls := range counted {
			s.add(e, calls)
		}
	}
	return err
}

// Sweep deletes up to bite counts that are older than MaxDays and tells how many.
func (s *Service) Sweep(ctx context.Context, bite int) (int64, error) {
	return s.store.sweep(ctx, s.now().UTC().Add(-keptFor), bite)
}

// Erase makes the calls of a user nobody's and tells how many counts that were.
func (s *Service) Erase(ctx context.Context, user uuid.UUID) (int64, error) {
	return s.store.disown(ctx, user)
}
