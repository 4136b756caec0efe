package monitor

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/mail"
)

// Times of a node's round.
const (
	defaultTick = 5 * time.Second  // between two looks at what is due
	beatEvery   = 15 * time.Second // how often a node says that it is there, and reads what others found
	localEvery  = 15 * time.Second // how often it looks at what it needs itself
	roundLimit  = 10 * time.Second // of everything in a round but the probes
	jitter      = 0.1              // of all of these
)

// Webhook sends a signed message; id names it for ever.
type Webhook interface {
	Send(ctx context.Context, id string, at time.Time, payload []byte) error
}

// Mailer sends a mail, never twice; of two runs that with the larger lease is the later.
type Mailer interface {
	Send(ctx context.Context, lease int64, msg mail.Message) error
}

// Deps are the parts the service is made of. For reading alone the pool is enough.
type Deps struct {
	Pool    *pgxpool.Pool
	Probes  []Probe
	Node    uuid.UUID // zero: a new one
	Host    string    // of this node, for people
	Version string    // of the program
	Logger  *slog.Logger
	Now     func() time.Time

	Webhook   Webhook  // nil: none
	Mailer    Mailer   // needed with addresses
	Addresses []string // that get a mail of each change
	// Alone reports whether this node is the one to tell of something while the database
	// is away; nil: it is.
	Alone func(ctx context.Context, what string, within time.Duration) bool
	Tick  time.Duration // 0: 5 s
}

// Service runs the probes. Safe for concurrent use.
type Service struct {
	store    *store
	probes   []Probe
	node     Node
	logger   *slog.Logger
	now      func() time.Time
	channels map[string]channel
	alone    func(context.Context, string, time.Duration) bool
	tick     time.Duration

	mu      sync.Mutex
	ready   bool             // the probes have their rows
	local   map[string]State // what this node found itself, by probe
	looked  time.Time        // when it did
	beat    time.Time
	seen    []State // what all nodes found, as of the last beat
	told    string  // what went wrong last, which is logged once
	alarmed bool    // this node has told that the database is away
	untold  []*news // that is to be told while the database is away

	running context.Context
	stop    context.CancelFunc
	work    sync.WaitGroup
}

// New puts a Service together; it starts nothing.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Node == uuid.Nil {
		d.Node = uuid.New()
	}
	if d.Tick == 0 {
		d.Tick = defaultTick
	}
	s := &Service{
		store: &store{pool: d.Pool}, logger: d.Logger, now: d.Now, alone: d.Alone, tick: d.Tick,
		channels: channels(d), local: map[string]State{},
	}
	s.probes = append(slices.Clone(d.Probes), s.nodes())
	s.node = Node{ID: d.Node, Host: d.Host, Version: d.Version, StartedAt: s.clock(), Level: OK}
	return s
}

// Mails are the templates of what is told by mail.
func Mails() fs.FS { return mails }

// Start begins to look, at once. Stop must follow.
func (s *Service) Start(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		return
	}
	s.running, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.work.Go(func() { s.run(s.running) })
}

// Stop ends the looking, after the probes under way were cut, and says good-bye.
// Idempotent, and safe before Start.
func (s *Service) Stop() {
	s.mu.Lock()
	stop := s.stop
	s.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	s.work.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.store.leave(ctx, s.node.ID, s.clock()); err != nil {
		s.logger.Debug("the monitor left without a good-bye", "error", err.Error())
	}
}

func (s *Service) run(ctx context.Context) {
	for {
		s.work.Go(func() { s.Round(ctx) }) // a probe that takes long holds up no other
		select {
		case <-ctx.Done():
			return
		case <-time.After(spread(s.tick)):
		}
	}
}

// Round does what is due now, and waits for it: Start does so again and again.
func (s *Service) Round(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { s.lookLocally(ctx) })
	work.Go(func() {
		s.lookForAll(ctx)
		s.tell(ctx)
	})
	work.Wait()
}

// lookForAll runs the probes that this node can claim.
func (s *Service) lookForAll(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	runs, err := s.claim(bounded)
	if err != nil {
		s.say(ctx, "probes could not be claimed", err)
		return
	}
	var work sync.WaitGroup
	for _, r := range runs {
		work.Go(func() { s.runProbe(ctx, r) })
	}
	work.Wait()
	s.refresh(ctx)
}

func (s *Service) claim(ctx context.Context) ([]run, error) {
	now := s.clock()
	s.mu.Lock()
	ready := s.ready
	s.mu.Unlock()
	if !ready {
		if err := s.store.prepare(ctx, s.probes, now); err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.ready = true
		s.mu.Unlock()
	}
	return s.store.claim(ctx, s.probes, s.node.ID, now)
}

// lookLocally looks at what every node needs.
func (s *Service) lookLocally(ctx context.Context) {
	now := s.clock()
	s.mu.Lock()
	due := now.Sub(s.looked) >= localEvery || now.Before(s.looked)
	if due {
		s.looked = now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	var work sync.WaitGroup
	for _, p := range s.probes {
		if p.Local {
			work.Go(func() { s.lookHere(ctx, p) })
		}
	}
	work.Wait()
}

// lookHere runs a probe for this node alone.
func (s *Service) lookHere(ctx context.Context, p Probe) {
	reading := p.read(ctx)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	before, known := s.local[p.Name]
	if !known {
		before = State{Name: p.Name, State: Unknown, Since: s.clock()}
	}
	after, changed := p.next(before, reading, s.clock())
	s.local[p.Name] = after
	s.node.Level, s.node.Detail = s.sumUp()
	s.mu.Unlock()
	if changed {
		s.logger.Log(ctx, levelOf(after.State), "this node sees a change", "probe", p.Name, "previous", before.State, "state", after.State, "detail", after.Detail)
		s.tellAlone(ctx, p, before, after)
	}
}

// sumUp says how this node gets on. It holds s.mu.
func (s *Service) sumUp() (level, detail string) {
	level = OK
	for _, name := range slices.Sorted(maps.Keys(s.local)) {
		if one := s.local[name]; ranks[one.State] > ranks[level] {
			level, detail = one.State, one.Name+": "+one.Detail
		}
	}
	return level, detail
}

// refresh says that the node is there, and reads what others found.
func (s *Service) refresh(ctx context.Context) {
	now := s.clock()
	s.mu.Lock()
	due := now.Sub(s.beat) >= beatEvery || now.Before(s.beat)
	node := s.node
	s.mu.Unlock()
	if !due || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	node.SeenAt = now
	seen, err := s.store.beat(ctx, node)
	if err != nil {
		s.say(ctx, "the monitor could not say that its node is there", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beat, s.seen, s.told = now, seen, ""
}

// say logs what went wrong, unless it did so before or the node is stopping.
func (s *Service) say(ctx context.Context, what string, err error) {
	s.mu.Lock()
	known := s.told == what
	s.told = what
	s.mu.Unlock()
	if !known && !errors.Is(err, context.Canceled) {
		s.logger.WarnContext(ctx, what, "error", err.Error())
	}
}

// clock is the time as PostgreSQL keeps it.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// spread gives about a duration, so that nodes do not move in step.
func spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*rand.Float64())) //nolint:gosec // no secret
}

func levelOf(state string) slog.Level {
	switch state {
	case Failing:
		return slog.LevelError
	case Degraded:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
