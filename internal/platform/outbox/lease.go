package outbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// leaseLifetime is how long a partition stays with a node that is not heard of.
const leaseLifetime = 10 * time.Second

// place is a partition and what it is leased for: the relay, or a group.
type place struct {
	name      string
	partition int
}

// lease is a place that is this node's until it is not renewed any more. Its
// number grows with each holder of any place.
type lease struct {
	place
	number   int64
	streamID string // the relay's last entry when the lease was taken
}

// tenant works on leased places. end returns once nothing is done there any more.
type tenant interface {
	begin(l lease)
	end(p place)
}

// A share is a node's part in the partitions of some names. Which node works on
// which partition follows from who is there (rendezvous hashing by node and
// partition, so that the relay and all groups of one partition tend to meet on
// one node); leases make sure of it whatever the nodes believe.
type share struct {
	store    store
	node     uuid.UUID
	names    []string
	lifetime time.Duration
	tenant   tenant
	logger   *slog.Logger

	held      map[place]lease // of the loop alone
	quit      chan struct{}
	stop      sync.Once
	abandoned atomic.Bool // the process is taken for dead: nothing is given back
	wg        sync.WaitGroup
}

func newShare(s store, node uuid.UUID, names []string, lifetime time.Duration, t tenant, logger *slog.Logger) *share {
	return &share{store: s, node: node, names: names, lifetime: lifetime, tenant: t, logger: logger,
		held: map[place]lease{}, quit: make(chan struct{})}
}

// start begins to take part; close must follow.
func (s *share) start(ctx context.Context) error {
	if err := s.store.preparePartitions(ctx, s.names); err != nil {
		return err
	}
	s.wg.Go(s.run)
	return nil
}

// close gives every lease back once its work has ended. Idempotent.
func (s *share) close() {
	s.stop.Do(func() { close(s.quit) })
	s.wg.Wait()
}

func (s *share) run() {
	tick := time.NewTicker(s.lifetime / 4)
	defer tick.Stop()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), s.lifetime/2)
		if err := s.beat(ctx); err != nil {
			s.logger.Warn("event partitions", "error", err)
		}
		cancel()
		select {
		case <-tick.C:
		case <-s.quit:
			if !s.abandoned.Load() {
				s.leave()
			}
			return
		}
	}
}

// beat renews what is held and should be, gives back what another node should
// have, and takes what this one should.
func (s *share) beat(ctx context.Context) error {
	nodes, err := s.store.announce(ctx, s.node, s.names, s.lifetime)
	if err != nil {
		return err
	}
	if err := s.renew(ctx); err != nil {
		return err
	}
	if err := s.giveBack(ctx, nodes); err != nil {
		return err
	}
	return s.take(ctx, nodes)
}

func (s *share) renew(ctx context.Context) error {
	if len(s.held) == 0 {
		return nil
	}
	kept, err := s.store.renewPartitions(ctx, s.node, s.numbers(nil), s.lifetime)
	if err != nil {
		return err
	}
	for p, l := range s.held {
		if !kept[l.number] {
			s.logger.Warn("an event partition was lost to another node", "name", p.name, "partition", p.partition)
			s.tenant.end(p)
			delete(s.held, p)
		}
	}
	return nil
}

// giveBack lets go of what would be another node's, after its work has ended.
func (s *share) giveBack(ctx context.Context, nodes map[string][]uuid.UUID) error {
	over := map[place]bool{}
	for p := range s.held {
		if s.owner(nodes[p.name], p.partition) != s.node {
			over[p] = true
		}
	}
	if len(over) == 0 {
		return nil
	}
	numbers := s.numbers(over)
	s.end(over)
	return s.store.releasePartitions(ctx, s.node, numbers)
}

// end lets the work on places come to its end, on all at once.
func (s *share) end(places map[place]bool) {
	var wg sync.WaitGroup
	for p := range places {
		delete(s.held, p)
		wg.Go(func() { s.tenant.end(p) })
	}
	wg.Wait()
}

func (s *share) take(ctx context.Context, nodes map[string][]uuid.UUID) error {
	var wanted []place
	for _, name := range s.names {
		for partition := range Partitions {
			p := place{name, partition}
			if _, ours := s.held[p]; !ours && s.owner(nodes[name], partition) == s.node {
				wanted = append(wanted, p)
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	taken, err := s.store.takePartitions(ctx, s.node, wanted, s.lifetime)
	if err != nil {
		return err
	}
	for _, l := range taken {
		s.held[l.place] = l
		s.tenant.begin(l)
	}
	return nil
}

// leave ends all work here and says so, so that others need not wait for lapses.
func (s *share) leave() {
	numbers := s.numbers(nil)
	all := map[place]bool{}
	for p := range s.held {
		all[p] = true
	}
	s.end(all)
	ctx, cancel := context.WithTimeout(context.Background(), s.lifetime/2)
	defer cancel()
	err := s.store.forgetNode(ctx, s.node, s.names)
	if err == nil {
		err = s.store.releasePartitions(ctx, s.node, numbers)
	}
	if err != nil { // they lapse by themselves
		s.logger.Warn("event partitions: leave", "error", err)
	}
}

// numbers are those of some held leases; nil means all.
func (s *share) numbers(some map[place]bool) []int64 {
	out := make([]int64, 0, len(s.held))
	for p, l := range s.held {
		if some == nil || some[p] {
			out = append(out, l.number)
		}
	}
	return out
}

// owner is the node with the highest hash (rendezvous hashing, Thaler and
// Ravishankar 1998): a node that comes or goes moves only its own partitions.
func (s *share) owner(nodes []uuid.UUID, partition int) uuid.UUID {
	var best uuid.UUID
	var most []byte
	for _, node := range nodes {
		sum := sha256.Sum256(binary.BigEndian.AppendUint32(node[:], uint32(partition))) //nolint:gosec // below Partitions
		if bytes.Compare(sum[:], most) > 0 {
			best, most = node, sum[:]
		}
	}
	return best
}
