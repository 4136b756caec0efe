package outbox

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// settlingAtOnce is how many consumers of a node take up their partitions at the
// same time: all at once would take every connection of the pool.
const settlingAtOnce = 2

// resubscribeEvery is how often a node says that its groups are alive.
const resubscribeEvery = time.Hour

// ConsumersConfig says where Consumers find their work.
type ConsumersConfig struct {
	Pool     *pgxpool.Pool
	Redis    redis.UniversalClient
	Node     uuid.UUID // this process, the same for its Relay; zero: a new one
	Handlers *Handlers // not changed after Start
	// Bury stores a dead letter in tx, which also makes the event count as handled.
	Bury          func(ctx context.Context, tx postgres.Tx, e DeadEvent) error
	LeaseLifetime time.Duration // 0: 10 s; the same on all nodes
	RetryAfter    time.Duration // before the second attempt, four times as long before each further; 0: 1 s
	Logger        *slog.Logger
}

// Consumers run the handlers of a node's groups, for the partitions that it
// leases; nodes share them.
type Consumers struct {
	cfg   ConsumersConfig
	store store
	share *share
	hook  hook

	metrics consumerMetrics

	streams streams                         // once started
	since   map[string]map[string]time.Time // by group and type, once started

	turns chan struct{} // settlingAtOnce of them

	mu      sync.Mutex
	running map[place]*consumer

	state sync.Mutex
	quit  chan struct{}
	root  context.Context
	kill  context.CancelFunc
	wg    sync.WaitGroup
}

// NewConsumers makes Consumers; they do nothing before Start.
func NewConsumers(cfg ConsumersConfig) *Consumers {
	cfg.LeaseLifetime = cmp.Or(cfg.LeaseLifetime, leaseLifetime)
	cfg.RetryAfter = cmp.Or(cfg.RetryAfter, defaultRetryAfter)
	c := &Consumers{cfg: cfg, store: store{pool: cfg.Pool}, running: map[place]*consumer{}, turns: make(chan struct{}, settlingAtOnce)}
	c.metrics = newConsumerMetrics(cfg.Handlers.Groups())
	c.share = newShare(c.store, nodeOr(cfg.Node), cfg.Handlers.Groups(), cfg.LeaseLifetime, c, cfg.Logger)
	return c
}

// Start begins to handle events. Stop must follow.
func (c *Consumers) Start(ctx context.Context) error {
	c.state.Lock()
	defer c.state.Unlock()
	if c.quit != nil || len(c.cfg.Handlers.groups) == 0 {
		return nil
	}
	namespace, err := c.store.namespace(ctx)
	if err != nil {
		return err
	}
	c.streams = streams{client: c.cfg.Redis, namespace: namespace, cap: streamCap}
	if c.since, err = c.Subscribe(ctx); err != nil {
		return err
	}
	c.root, c.kill = context.WithCancel(context.WithoutCancel(ctx))
	if err := c.share.start(ctx); err != nil {
		c.kill()
		return err
	}
	c.quit = make(chan struct{})
	c.wg.Go(c.look)
	return nil
}

// Stop lets the batches under way come to their end and gives the partitions
// back. Idempotent, and safe before Start.
func (c *Consumers) Stop() {
	c.state.Lock()
	defer c.state.Unlock()
	if c.quit == nil {
		return
	}
	c.share.close()
	select {
	case <-c.quit:
	default:
		close(c.quit)
	}
	c.wg.Wait()
	c.kill()
}

// Wake lets the consumers of a partition look at once. It does not wait.
func (c *Consumers) Wake(partition int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p, one := range c.running {
		if p.partition == partition {
			one.nudge()
		}
	}
}

// Subscribe says that the groups exist, so that events from now on are kept for
// them, and gives since when each takes which type. Start does so as well; a
// node that handles no events itself calls it at its start, in case no other
// ever did.
func (c *Consumers) Subscribe(ctx context.Context) (map[string]map[string]time.Time, error) {
	all := map[string]map[string]time.Time{}
	for group, handlers := range c.cfg.Handlers.groups {
		since, err := c.store.subscribe(ctx, group, slices.Sorted(maps.Keys(handlers)))
		if err != nil {
			return nil, err
		}
		all[group] = since
	}
	return all, nil
}

// look finds what was parked from outside, by a replay, and says from time to
// time that the groups are alive.
func (c *Consumers) look() {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	said := time.Now()
	for {
		select {
		case <-c.quit:
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(c.root, reloadEvery)
		err := c.lookAtParked(ctx)
		if time.Since(said) > resubscribeEvery {
			_, failed := c.Subscribe(ctx)
			err, said = errors.Join(err, failed), time.Now()
		}
		cancel()
		if err != nil {
			c.cfg.Logger.Warn("event groups", "error", err)
		}
	}
}

func (c *Consumers) lookAtParked(ctx context.Context) error {
	for _, group := range c.cfg.Handlers.Groups() {
		partitions, err := c.store.partitionsWithParked(ctx, group)
		if err != nil {
			return err
		}
		for _, p := range partitions {
			c.mu.Lock()
			if one := c.running[place{group, p}]; one != nil {
				one.reload.Store(true)
				one.nudge()
			}
			c.mu.Unlock()
		}
	}
	return nil
}

// begin is part of tenant.
func (c *Consumers) begin(l lease) {
	ctx, cancel := context.WithCancel(c.root)
	one := &consumer{
		lease: l, store: c.store, streams: c.streams, handlers: c.cfg.Handlers, since: c.since[l.name], buried: c.cfg.Bury,
		retryAfter: c.cfg.RetryAfter, logger: c.cfg.Logger, hook: c.hook, metrics: c.metrics.groups[l.name], turns: c.turns, parked: map[uuid.UUID]bool{},
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}), cancel: cancel,
	}
	c.mu.Lock()
	c.running[l.place] = one
	c.mu.Unlock()
	go one.run(ctx)
}

// end is part of tenant: it waits for the batch under way, stopWait at most.
func (c *Consumers) end(p place) {
	c.mu.Lock()
	one := c.running[p]
	delete(c.running, p)
	c.mu.Unlock()
	if one != nil {
		one.stop()
	}
}
