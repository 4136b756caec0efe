package outbox

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

// relayName is what a relay's leases are for.
const relayName = "relay"

const (
	relayRows    = 200                   // events of one partition in one pass
	relayPoll    = 50 * time.Millisecond // between looks at an empty outbox
	checkEvery   = time.Second           // how often a stream is looked after that gets no events
	trimEvery    = 5 * time.Second       // how often streams are trimmed
	outageWait   = time.Second           // after a failure
	retiredAfter = 24 * time.Hour        // since a node last worked for a group
	rebuildBite  = 5_000                 // rows of the outbox in one step of a rebuild
)

// RelayConfig says where a Relay finds its work.
type RelayConfig struct {
	Pool          *pgxpool.Pool
	Redis         redis.UniversalClient
	Node          uuid.UUID           // this process, the same for its Consumers; zero: a new one
	Published     func(partition int) // called after events were moved; may be nil; must not wait
	LeaseLifetime time.Duration       // 0: 10 s; the same on all nodes
	Types         []string            // of events, that metrics tell apart; others are counted as one
	Logger        *slog.Logger
}

// A Relay moves events from the outbox to the streams, for the partitions that
// it leases; nodes share them. When a stream was lost it moves again whatever
// some group has not handled.
type Relay struct {
	store     store
	redis     redis.UniversalClient
	published func(int)
	logger    *slog.Logger
	share     *share
	hook      hook
	metrics   relayMetrics

	streams streams // once started

	mu    sync.Mutex // held for a pass
	ends  map[int]*streamEnd
	quit  context.CancelFunc
	wg    sync.WaitGroup
	state sync.Mutex
}

// streamEnd is what a relay knows of one leased partition.
type streamEnd struct {
	lease   lease
	last    string    // the last entry, empty when there is none
	checked time.Time // when the stream was last seen to be as expected
	trimmed time.Time
	full    bool
}

// hook lets tests stop the world at a step.
type hook func(ctx context.Context, step string)

func (h hook) at(ctx context.Context, step string) {
	if h != nil {
		h(ctx, step)
	}
}

// NewRelay makes a Relay; it does nothing before Start.
func NewRelay(cfg RelayConfig) *Relay {
	r := &Relay{
		store: store{pool: cfg.Pool}, redis: cfg.Redis, published: cfg.Published, logger: cfg.Logger, ends: map[int]*streamEnd{},
	}
	if r.published == nil {
		r.published = func(int) {}
	}
	r.metrics = newRelayMetrics(cfg.Types)
	r.share = newShare(r.store, nodeOr(cfg.Node), []string{relayName}, cmp.Or(cfg.LeaseLifetime, leaseLifetime), r, cfg.Logger)
	return r
}

func nodeOr(id uuid.UUID) uuid.UUID {
	if id == uuid.Nil {
		return uuid.New()
	}
	return id
}

// Start begins to move events. Stop must follow.
func (r *Relay) Start(ctx context.Context) error {
	r.state.Lock()
	defer r.state.Unlock()
	if r.quit != nil {
		return nil
	}
	namespace, err := r.store.namespace(ctx)
	if err != nil {
		return err
	}
	r.streams = streams{client: r.redis, namespace: namespace, cap: streamCap}
	if err := r.share.start(ctx); err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.quit = cancel
	r.wg.Go(func() { r.run(running) })
	return nil
}

// Stop gives the partitions back after the pass under way. Idempotent, and safe
// before Start.
func (r *Relay) Stop() {
	r.state.Lock()
	defer r.state.Unlock()
	if r.quit != nil {
		r.share.close()
		r.quit()
		r.wg.Wait()
	}
}

// begin is part of tenant.
func (r *Relay) begin(l lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends[l.partition] = &streamEnd{lease: l, last: l.streamID}
	r.metrics.leased.Set(float64(len(r.ends)))
}

// end is part of tenant: it waits for the pass under way.
func (r *Relay) end(p place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ends, p.partition)
	r.metrics.leased.Set(float64(len(r.ends)))
}

func (r *Relay) run(ctx context.Context) {
	ailing := false
	for {
		moved, err := r.pass(ctx)
		wait := relayPoll
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !ailing {
				r.logger.Warn("events wait in the outbox", "error", err)
			}
			wait = outageWait
		case moved > 0:
			wait = 0
		}
		ailing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// pass moves what there is, up to a batch of each partition, and says how much.
func (r *Relay) pass(ctx context.Context) (moved int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ends) == 0 {
		return 0, nil
	}
	waiting, err := r.store.unpublished(ctx, r.partitions(), relayRows)
	if err != nil {
		return 0, err
	}
	r.hook.at(ctx, "selected")
	all, err := r.publications(waiting)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	answers, err := r.streams.publish(ctx, all)
	if err != nil {
		return 0, err
	}
	r.hook.at(ctx, "published")
	return r.conclude(ctx, all, answers, waiting)
}

func (r *Relay) partitions() []int {
	out := make([]int, 0, len(r.ends))
	for p := range r.ends {
		out = append(out, p)
	}
	return out
}

// publications are for the partitions that have events, and for those whose
// stream was not looked after for a while.
func (r *Relay) publications(waiting map[int][]Event) ([]publication, error) {
	var all []publication
	for partition, end := range r.ends {
		events := waiting[partition]
		if len(events) == 0 && time.Since(end.checked) < checkEvery {
			continue
		}
		p := publication{lease: end.lease, after: end.last}
		for _, e := range events {
			text, err := json.Marshal(e)
			if err != nil {
				return nil, fmt.Errorf("event %s: %w", e.ID, err)
			}
			p.entries = append(p.entries, text)
		}
		all = append(all, p)
	}
	return all, nil
}

// conclude records what was moved, and looks after streams that are lost, full
// or due to be trimmed.
func (r *Relay) conclude(ctx context.Context, all []publication, answers []string, waiting map[int][]Event) (moved int, err error) {
	var done []publication
	var positions []int64
	var lost []int
	for i, p := range all {
		end := r.ends[p.lease.partition]
		end.checked = time.Now()
		switch answers[i] {
		case answerFenced:
			if err := r.fenced(ctx, p.lease); err != nil {
				return 0, err
			}
		case answerLost:
			lost = append(lost, p.lease.partition)
		case answerFull:
			r.sayFull(end)
		default:
			end.full = false
			if len(p.entries) == 0 {
				continue
			}
			end.last = answers[i]
			p.after = end.last
			done = append(done, p)
			for _, e := range waiting[p.lease.partition] {
				positions = append(positions, e.Position)
			}
		}
	}
	if len(done) > 0 {
		if err := r.store.markPublished(ctx, positions, done); err != nil {
			return 0, err // they are moved again; groups know them by their ids
		}
		r.hook.at(ctx, "marked")
		for _, p := range done {
			r.metrics.moved(waiting[p.lease.partition])
			r.published(p.lease.partition)
		}
	}
	if len(lost) > 0 {
		if err := r.rebuild(ctx, lost); err != nil {
			return len(positions), err
		}
	}
	return len(positions), r.trim(ctx)
}

// fenced leaves the partition to the newer relay, unless the database knows of
// none: then the number in Redis is of a life that the database has forgotten
// (it was restored), and goes.
func (r *Relay) fenced(ctx context.Context, l lease) error {
	kept, err := r.store.renewPartitions(ctx, r.share.node, []int64{l.number}, r.share.lifetime)
	if err != nil {
		return err
	}
	if kept[l.number] {
		return r.streams.forgetFence(ctx, l)
	}
	r.logger.Warn("a newer relay has the partition", "partition", l.partition)
	delete(r.ends, l.partition)
	r.metrics.leased.Set(float64(len(r.ends)))
	return nil
}

func (r *Relay) sayFull(end *streamEnd) {
	if !end.full {
		r.logger.Warn("a stream of events is full: some group does not keep up", "partition", end.lease.partition, "entries", streamCap)
	}
	end.full = true
}

// rebuild lets everything be moved again that some group has not handled, in
// bites so that no query takes long.
func (r *Relay) rebuild(ctx context.Context, partitions []int) error {
	r.logger.Warn("streams of events were lost; they are made again from the outbox", "partitions", partitions)
	r.metrics.rebuilds.Add(float64(len(partitions)))
	var ends []publication
	for _, p := range partitions {
		ends = append(ends, publication{lease: r.ends[p].lease})
	}
	if err := r.store.republishUnhandled(ctx, partitions); err != nil {
		return err
	}
	if err := r.store.markPublished(ctx, nil, ends); err != nil {
		return err
	}
	for _, p := range partitions {
		r.ends[p].last = ""
	}
	return nil
}

func (r *Relay) trim(ctx context.Context) error {
	var due []*streamEnd
	for _, end := range r.ends {
		if end.full || time.Since(end.trimmed) >= trimEvery {
			due = append(due, end)
		}
	}
	if len(due) == 0 {
		return nil
	}
	living, err := r.store.livingGroups(ctx)
	if err != nil {
		return err
	}
	for _, end := range due {
		if err := r.streams.trim(ctx, end.lease.partition, living); err != nil {
			return err
		}
		end.trimmed = time.Now()
	}
	return nil
}
