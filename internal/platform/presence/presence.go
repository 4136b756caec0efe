// Package presence says who is where, across nodes: a group (the connections of a
// user, the people in a room) has members, each held by the node that its
// connection ends at. A node that dies takes its members with it.
//
// It promises that
//   - a member joins and leaves exactly once: of all who leave or remove it, one is
//     told so, and who joins is given everybody who is there, in one round trip;
//   - the members of a node that is silent for Config.TTL are gone, and each is told
//     to Config.Vanished of one node only;
//   - members outlive an outage of Redis, even one that empties it: their node writes
//     them again, since when they are there kept as it was;
//   - a node is refreshed, not its members: one command a beat says that all live.
//
// Its limits: what another node reads may be as old as a round trip, a changed value
// Config.UpdateEvery more, a dead node's members Config.TTL and a beat. Who is told
// of a leave is told at most once: an answer that is lost was somebody's turn. Remove
// takes an entry and not the member: the node that holds it must be told (Send) to
// let it leave, or writes it again after a beat or two. A member's value
// lies in Redis as it is. Nothing here is a lock.
//
// A node's name in Redis has a number, its incarnation, which changes whenever its
// place among the living was lost: entries of an earlier one are as dead as those of
// a dead node, so that they can be removed while the node writes new ones. Whoever
// finds its own place gone judges nobody for one TTL, since the others are about to
// find the same. One who finds its lease run out and still written knows that nobody
// has beaten since, and renews everybody's.
//
// Redis Cluster is served: each command and script has one key.
//
//	<prefix>:nodes            zset: <node>.<incarnation>, when its lease ends by Redis's clock
//	<prefix>:group:<group>    hash: member -> "<since> <node>.<incarnation> <value>"
//	<prefix>:listed:<node>.<incarnation>   zset, all scores 0: member, NUL, group
package presence

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// What callers act on. Test with errors.Is.
var (
	// ErrFull: the group has JoinInput.Max members, or the node Config.MaxMembers.
	ErrFull = errors.New("presence: full")
	// ErrInvalid: a name or a value is empty, too long or holds a NUL.
	ErrInvalid = errors.New("presence: not a name or a value")
	// ErrUnavailable: Redis did not answer in time, or refused.
	ErrUnavailable = errors.New("presence: redis is unavailable")
	// ErrClosed: Stop was called.
	ErrClosed = errors.New("presence: closed")
)

// Bounds in bytes.
const (
	MaxValue = 4 << 10
	MaxName  = 256 // of a group, and of a member
)

// Config says how a Presence works. Only Client is required.
type Config struct {
	// Client is owned by the caller. Set ContextTimeoutEnabled on it, or Timeout is
	// only as sharp as its read timeout.
	Client redis.UniversalClient
	// Log carries what Send tells other nodes. nil: Send reaches only its own node.
	Log *eventlog.Log
	// Prefix begins every key; "" means "presence".
	Prefix string

	// Vanished is told of members that are gone without a Leave or Remove that said
	// so: those of a node that died, and one whose Leave Redis did not answer. It is
	// called on the node that took their entries away, and nowhere else, from Join or
	// from the node's own goroutine, which waits for it; it must not call Stop.
	Vanished func(ctx context.Context, group string, gone []Member)
	// Received is given what another node, or this one, sends here. It is called from
	// one goroutine for what others send, and in Send for one's own. What is sent is
	// received once, or twice after Redis has lost some of it.
	Received func(message []byte)

	Beat        time.Duration // how often the node says that it lives, a fifth more or less; 0: 10 s
	TTL         time.Duration // how long it lives without; 0: 30 s
	KeyTTL      time.Duration // how long a group that nobody renews stays; 0: 1 h, several Beats at least
	UpdateEvery time.Duration // how often changed values are written; 0: 1 s
	Timeout     time.Duration // of a round trip; 0: 2 s
	MaxMembers  int           // of this node; 0: 100,000

	// Logger takes a line when Redis goes away, when it is back, and when the node
	// had lost its place. nil means silence.
	Logger *slog.Logger
}

func (c *Config) applyDefaults() {
	c.Prefix = cmp.Or(c.Prefix, "presence")
	c.Beat = cmp.Or(c.Beat, 10*time.Second)
	c.TTL = cmp.Or(c.TTL, 30*time.Second)
	c.KeyTTL = cmp.Or(c.KeyTTL, time.Hour)
	c.UpdateEvery = cmp.Or(c.UpdateEvery, time.Second)
	c.Timeout = cmp.Or(c.Timeout, 2*time.Second)
	c.MaxMembers = cmp.Or(c.MaxMembers, 100_000)
	if c.Vanished == nil {
		c.Vanished = func(context.Context, string, []Member) {}
	}
	if c.Received == nil {
		c.Received = func([]byte) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Presence is one node. It is safe for concurrent use.
type Presence struct {
	config Config
	node   string

	ctx   context.Context // ends with Stop
	stop  context.CancelFunc
	work  sync.WaitGroup // its goroutines
	calls sync.WaitGroup // calls that write
	once  struct{ start, stop sync.Once }
	write chan struct{} // there are pending places
	nudge chan struct{} // the node's place was seen to be gone

	// The goroutine's own.
	cycle   []place         // members whose keys are still to be renewed in this round
	suspect map[place]*held // members that Redis did not have
	away    bool            // the last beat failed

	mu          sync.Mutex
	closed      bool
	registered  bool // incarnation has been written
	incarnation uint64
	renounce    bool      // take a new incarnation with the next beat
	judgeFrom   time.Time // until then nobody is taken for dead
	known       map[string]bool
	dead        map[string]bool // holders whose members are to be swept
	held        map[place]*held
	groups      map[string]*group
	pending     map[place]handling
}

// New makes a node with a name of its own; it does not reach out to Redis yet.
func New(config Config) *Presence {
	config.applyDefaults()
	p := &Presence{
		config: config, node: rand.Text(),
		write: make(chan struct{}, 1), nudge: make(chan struct{}, 1),
		known: map[string]bool{}, dead: map[string]bool{},
		held: map[place]*held{}, groups: map[string]*group{}, pending: map[place]handling{},
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// Node is the name of this node, of letters and digits: chance, and new in every
// process.
func (p *Presence) Node() string { return p.node }

// Start makes the node known, which takes one round trip, and keeps it known until
// Stop. With Redis away it goes on trying. ctx bounds the first try only. It does
// nothing the second time, or after Stop.
func (p *Presence) Start(ctx context.Context) {
	p.once.start.Do(func() {
		if !p.begin() {
			return
		}
		defer p.calls.Done()
		p.turn(ctx)
		p.work.Go(p.run)
		if p.config.Log != nil {
			p.work.Go(p.receive)
		}
	})
}

// Stop lets all members leave, which nobody is told, takes the node's name away and
// waits for what is under way. What Redis does not take in Config.Timeout goes with
// the lease. It is idempotent.
func (p *Presence) Stop() {
	p.once.stop.Do(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.stop()
		p.calls.Wait()
		p.work.Wait()
		p.leaveAll()
	})
}

// begin registers a call that writes, which Stop waits for.
func (p *Presence) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.calls.Add(1)
	return true
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
