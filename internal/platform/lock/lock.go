// Package lock lets one of many callers at a time, on any number of nodes, work
// under a name. The lock lies in one Redis; whoever gets it also gets a fencing
// number, higher than every one given out under the name before.
//
// It promises, while Redis keeps its data and time flows evenly: one holder at a
// time; first come, first served, on all nodes together; waiting that is bounded
// in time and in number; a lock that is renewed until it is released, and that runs
// out within Config.TTL when its holder dies; word to a holder who lost it. To
// take a lock that is free costs one round trip, and so does giving it back.
//
// It does not promise that a holder who believes to hold the lock does: a process
// may be stopped between looking and writing, a failover may forget the last
// writes of Redis, a clock that jumps may end a lock before its time. What makes
// these harmless is the fence, as Kleppmann shows (How to do distributed locking,
// 2016): the row that the holder writes keeps the highest fence that wrote it, and
// its guard,
//
//	update ... set fence = $1 ... where id = $2 and fence <= $1
//
// refuses a holder who was overtaken. So the lock is for speed, so that callers do
// not get in each other's way, and the guard is for truth. This is the lock of a
// single instance of the Redis documentation (Distributed Locks with Redis), not
// Redlock, whose five servers leave the same gap and give no fence.
//
// Redis forgets fences: emptied, or a day (Config.FenceTTL) after the last holder.
// AcquireInput.Floor then says where to go on, from that same row.
//
// Without Redis there is no lock, told as ErrUnavailable after Config.CallTimeout
// at most; the caller decides, and may go on with its guard alone. Nothing is sent
// twice. A taking whose answer was lost is taken back in the background; if that
// fails too, or comes first, it stands in the way of others until the TTL is over.
//
// Waiters queue in Redis, each with a place that it must renew, so that a dead one
// holds up those behind it for Config.Place at most, and any number of dead ones
// not longer. A release calls the first of them by a message (PUBLISH) that its
// node listens to with one connection; where the message is lost, the waiter asks
// by itself a moment later. Nobody who comes later passes in between.
//
// The keys of a name lie in one slot of a Redis Cluster, and all of them expire:
//
//	lock:{<name>}:holder  text: the token of the holder
//	lock:{<name>}:fence   text: the highest fence so far
//	lock:{<name>}:queue   sorted set: waiting tokens in order of arrival
//	lock:{<name>}:alive   sorted set: until when their places are kept, Unix ms
//
// A token is <node>.<number>.<TTL in ms>, with 128 random bits for each Locks. Its
// node listens to the channel lock:wake:<node>.
package lock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// What callers act on. Test with errors.Is.
var (
	// ErrBusy: somebody else has the lock, and too many wait for it already or
	// the caller does not want to.
	ErrBusy = errors.New("lock: somebody else has it")
	// ErrWaited: AcquireInput.Wait is over. It comes with ErrBusy.
	ErrWaited = errors.New("lock: waited in vain")
	// ErrUnavailable: Redis did not answer in time, or refused. There is no lock.
	ErrUnavailable = errors.New("lock: redis is unavailable")
	// ErrLost: the lock is not the holder's any more, or could not be renewed
	// until it must be taken for lost.
	ErrLost = errors.New("lock: it is lost")
	// ErrClosed: the Locks are closed.
	ErrClosed = errors.New("lock: closed")
)

// Config says how Locks work. Only Client is required. All nodes are meant to have
// the same.
type Config struct {
	// Client is owned by the caller. Set ContextTimeoutEnabled on it, or
	// CallTimeout is only as sharp as its read timeout. Where anybody waits, one
	// more connection listens, outside of its pool.
	Client redis.UniversalClient
	// Prefix begins every key and channel; default "lock".
	Prefix string
	// TTL is how long a lock outlives its holder; default 5 s. It is renewed after
	// each third of it. At least twice CallTimeout.
	TTL time.Duration
	// CallTimeout bounds a round trip, waiting for a connection included, and may
	// cut it up to an eighth sooner; default 500 ms.
	CallTimeout time.Duration
	// MaxWaiters is how many may wait for a name, on all nodes together; default
	// 64.
	MaxWaiters int
	// Place is how long a waiter who is not heard of keeps its place; default 1 s.
	// At least twice CallTimeout.
	Place time.Duration
	// FenceTTL is how long Redis knows the fence of a name after its last holder;
	// default 24 hours.
	FenceTTL time.Duration
}

func (c *Config) applyDefaults() {
	setDefault(&c.Prefix, "lock")
	setDefault(&c.TTL, 5*time.Second)
	setDefault(&c.CallTimeout, 500*time.Millisecond)
	setDefault(&c.MaxWaiters, 64)
	setDefault(&c.Place, time.Second)
	setDefault(&c.FenceTTL, 24*time.Hour)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// minCallTimeout keeps every time of the scripts at whole milliseconds that make
// sense.
const minCallTimeout = 5 * time.Millisecond

func (c *Config) check() error {
	switch {
	case c.Client == nil:
		return errors.New("lock: Client is missing")
	case strings.ContainsAny(c.Prefix, "{}"): // it would be the hash tag, one for all names
		return fmt.Errorf("lock: Prefix %q has a brace", c.Prefix)
	case c.CallTimeout < minCallTimeout:
		return fmt.Errorf("lock: CallTimeout is %s, and at least %s", c.CallTimeout, minCallTimeout)
	case c.TTL < 2*c.CallTimeout:
		return fmt.Errorf("lock: TTL is %s, and at least twice the CallTimeout of %s", c.TTL, c.CallTimeout)
	case c.Place < 2*c.CallTimeout:
		return fmt.Errorf("lock: Place is %s, and at least twice the CallTimeout of %s", c.Place, c.CallTimeout)
	case c.FenceTTL < c.TTL:
		return fmt.Errorf("lock: FenceTTL is %s, and at least the TTL of %s", c.FenceTTL, c.TTL)
	case c.MaxWaiters < 0:
		return fmt.Errorf("lock: MaxWaiters is %d", c.MaxWaiters)
	}
	return nil
}

// Locks takes locks and keeps them. It is safe for concurrent use. One a process
// is meant: its waiters share a connection.
type Locks struct {
	config Config
	client redis.UniversalClient
	node   string        // random; begins every token
	tokens atomic.Uint64 // given out so far

	metrics metrics

	acquire, renew, release script
	limit                   atomic.Pointer[limit] // of calls that begin now

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup // goroutines, and calls of Acquire that are under way

	mu        sync.Mutex
	closed    bool
	listening bool
	held      map[*Held]struct{}
	waiting   map[string]chan struct{} // by token: how to wake it
}

// New makes Locks; it does not reach out to Redis yet. It refuses times that do
// not fit together.
func New(config Config) (*Locks, error) {
	config.applyDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	l := &Locks{
		config: config, client: config.Client, node: rand.Text(),
		held: map[*Held]struct{}{}, waiting: map[string]chan struct{}{},
	}
	l.acquire, l.renew, l.release = l.script(acquireScript), l.script(renewScript), l.script(releaseScript)
	l.metrics = newMetrics(l)
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l, nil
}

// Close ends all waiting with ErrClosed and all renewals: whoever still holds a
// lock is told that it is lost, may release it, and loses it to others once its
// TTL is over. It waits for every goroutine of the Locks, for CallTimeout or
// little more. Config.Client stays open. It is idempotent.
func (l *Locks) Close() {
	l.mu.Lock()
	l.closed = true
	held := make([]*Held, 0, len(l.held))
	for h := range l.held {
		held = append(held, h)
	}
	l.mu.Unlock()
	l.stop()
	for _, h := range held {
		h.end(errLostByClose)
	}
	l.work.Wait()
}

var errLostByClose = fmt.Errorf("%w: %w", ErrLost, ErrClosed)

// begin reports whether there may be more work. Whoever began ends it with
// work.Done.
func (l *Locks) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.work.Add(1)
	return true
}

// keys are those of a name: text, ready to be sent more than once.
type keys struct{ holder, fence, queue, alive any }

// keysOf puts the name into the hash tag. A brace inside would end the tag early;
// no two names have the same keys.
func (l *Locks) keysOf(name string) keys {
	if strings.ContainsAny(name, "%{}") {
		name = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D").Replace(name)
	}
	tag := l.config.Prefix + ":{" + name + "}:"
	return keys{tag + "holder", tag + "fence", tag + "queue", tag + "alive"}
}

// newToken gives one that nobody ever had.
func (l *Locks) newToken() string {
	number := strconv.FormatUint(l.tokens.Add(1), 36)
	return l.node + "." + number + "." + strconv.FormatInt(l.config.TTL.Milliseconds(), 10)
}
