// Package eventlog keeps live streams in Redis Streams: one writer at a time
// appends, any number of readers on any number of nodes follow, and whoever
// comes back resumes after the id last seen.
//
// It promises order, no hole and no duplicate for every reader, or a plain word
// that it cannot keep this: ErrRestarted before a log is told from its
// beginning, ErrTooSlow to a reader that stayed behind. A writer that lost its
// stream to a newer one is refused (ErrFenced), and so is one whose log is not
// the one it knew (ErrDiverged).
//
// Its limits: a log holds about Config.Cap entries and lives Config.TTL after
// the last one; losing Redis loses it, so what must last is kept elsewhere. The
// fence is only as old as the log: once a log has expired, a stale writer that
// appends after AnyID is not known as such.
//
// A stream's key is live:{tNN}:<name>, NN being a hash of the name in 64
// values. The fixed tags make every key of a tag lie in one slot of a Redis
// Cluster, so that one blocking XREAD serves all followed streams of the tag: a
// node holds at most 64 reading connections and goroutines, however many
// streams and subscribers it has.
package eventlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Tags is the number of hash tags, and so of readers a node has at most. It is
// part of every key: another number is another set of logs.
const Tags = 64

// What callers act on. Test with errors.Is.
var (
	// ErrFenced: the log ends with an entry of a higher fence. A newer writer
	// owns the stream; the caller stops writing.
	ErrFenced = errors.New("eventlog: a newer writer owns the stream")
	// ErrDiverged: the log does not end where the writer left it. It was lost
	// or restored from an older copy, or an earlier append succeeded whose
	// answer was lost. The caller appends an entry that replaces the state,
	// after AnyID.
	ErrDiverged = errors.New("eventlog: the log does not end where the writer left it")
	// ErrUnavailable: Redis did not answer, or refused. An append so answered
	// may have happened. A subscription reports it once for each outage and
	// goes on by itself.
	ErrUnavailable = errors.New("eventlog: unavailable")
	// ErrRestarted: the subscription's place is not in the log any more. What
	// Next returns from now on is the log as it is, from its beginning, and
	// replaces what was read before.
	ErrRestarted = errors.New("eventlog: the log starts anew")
	// ErrTooSlow: the subscriber stayed behind for more than Config.Buffer and
	// its subscription is over. It may follow again from the last id it has.
	ErrTooSlow = errors.New("eventlog: the subscriber is too slow")
	// ErrTooLarge: the entry is over Config.MaxEntry.
	ErrTooLarge = errors.New("eventlog: the entry is too large")
	// ErrClosed: the subscription or the whole log is closed.
	ErrClosed = errors.New("eventlog: closed")
)

// Config says how a Log works. Only Client is required.
type Config struct {
	// Client appends, ranges and wakes: a *redis.Client or *redis.ClusterClient,
	// owned by the caller. Blocking reads use a second client that New makes
	// from its options, with its own connections. Set ContextTimeoutEnabled on
	// it, or CallTimeout is only as sharp as its read timeout.
	Client redis.UniversalClient
	// Prefix begins every key; default "live".
	Prefix string
	// Cap is the number of entries that a log keeps at least; default 10,000.
	// Redis trims in whole nodes of its own, so that it may keep some more.
	Cap int64
	// TTL is how long a log outlives its last entry; default 1 hour.
	TTL time.Duration
	// MaxEntry bounds one entry in bytes; default 256 KiB.
	MaxEntry int
	// Buffer is how many bytes of a stream a subscriber may stay behind the
	// newest read, each entry counting 64 more than its own; default 256 KiB.
	// Followers of one stream share these bytes.
	Buffer int
	// Block is how long one blocking read waits; default 3 s. Half-open
	// connections are found after Block + CallTimeout.
	Block time.Duration
	// CallTimeout bounds every other call; default 2 s.
	CallTimeout time.Duration
	// Linger is how long a reader without subscribers waits for the next one
	// before it ends; default 1 s.
	Linger time.Duration
}

func (c *Config) applyDefaults() {
	setDefault(&c.Prefix, "live")
	setDefault(&c.Cap, 10_000)
	setDefault(&c.TTL, time.Hour)
	setDefault(&c.MaxEntry, 256<<10)
	setDefault(&c.Buffer, 256<<10)
	setDefault(&c.Block, 3*time.Second)
	setDefault(&c.CallTimeout, 2*time.Second)
	setDefault(&c.Linger, time.Second)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Log appends to streams and follows them. It is safe for concurrent use. One
// Log per process is meant: its subscribers share its readers.
type Log struct {
	config   Config
	client   redis.UniversalClient
	blocking redis.UniversalClient // own connections: a blocked read pins one
	script   *redis.Script
	node     string              // names this Log's wake keys
	wakes    [Tags]atomic.Uint64 // sent so far
	connects atomic.Uint64       // connections that blocking has made
	metrics  metrics

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup // every goroutine of the log

	mu      sync.Mutex
	closed  bool
	readers [Tags]*reader
}

// New makes a Log; it does not reach out to Redis yet. It fails when
// Config.Client is neither a *redis.Client nor a *redis.ClusterClient.
func New(config Config) (*Log, error) {
	config.applyDefaults()
	l := &Log{
		config: config, client: config.Client,
		script: redis.NewScript(appendScript), node: rand.Text(),
	}
	blocking, err := l.blockingClient()
	if err != nil {
		return nil, err
	}
	l.blocking = blocking
	l.metrics = newMetrics(l)
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l, nil
}

// Options of the blocking client. It retries nothing: a reader must see every
// break of its connection to ask whether the log survived it.
const (
	noRetry     = -1
	oneDial     = 1
	connections = Tags + 8
	noOwnPool   = -1 // pipelines run on the readers' connections
	readBuffer  = 16 << 10
	writeBuffer = 4 << 10
)

func (l *Log) blockingClient() (redis.UniversalClient, error) {
	call := l.config.CallTimeout
	read := l.config.Block + call
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch c := l.config.Client.(type) {
	case *redis.Client:
		o := *c.Options()
		o.MaxRetries, o.DialerRetries, o.PoolSize, o.MinIdleConns = noRetry, oneDial, connections, 0
		o.ReadTimeout, o.WriteTimeout, o.DialTimeout = read, call, call
		o.Protocol, o.ContextTimeoutEnabled, o.MaintNotificationsConfig = 2, false, quiet
		o.PushNotificationProcessor, o.PipelinePoolSize = nil, noOwnPool
		o.ReadBufferSize, o.WriteBufferSize = readBuffer, writeBuffer
		o.OnConnect = l.countConnects(o.OnConnect)
		return redis.NewClient(&o), nil
	case *redis.ClusterClient:
		o := *c.Options()
		o.MaxRetries, o.DialerRetries, o.PoolSize, o.MinIdleConns = noRetry, oneDial, connections, 0
		o.ReadTimeout, o.WriteTimeout, o.DialTimeout = read, call, call
		o.Protocol, o.ContextTimeoutEnabled, o.MaintNotificationsConfig = 2, false, quiet
		o.PushNotificationProcessor, o.PipelinePoolSize = nil, noOwnPool
		o.ReadBufferSize, o.WriteBufferSize = readBuffer, writeBuffer
		o.OnConnect = l.countConnects(o.OnConnect)
		// A replica answers with what it has, which may be behind the log.
		o.ReadOnly, o.RouteByLatency, o.RouteRandomly = false, false, false
		return redis.NewClusterClient(&o), nil
	default:
		return nil, fmt.Errorf("eventlog: a client of type %T cannot be used for blocking reads", c)
	}
}

// countConnects lets readers see that a connection is new: one that broke while
// no command was on it is replaced without an error, and the Redis behind the
// new one may have lost the logs.
func (l *Log) countConnects(then func(context.Context, *redis.Conn) error) func(context.Context, *redis.Conn) error {
	return func(ctx context.Context, conn *redis.Conn) error {
		l.connects.Add(1)
		if then != nil {
			return then(ctx, conn)
		}
		return nil
	}
}

// Close ends every subscription with ErrClosed, waits for all goroutines of the
// log and closes its own client; Config.Client stays open. It is idempotent.
func (l *Log) Close() error {
	l.mu.Lock()
	again := l.closed
	l.closed = true
	readers := l.readers
	l.mu.Unlock()
	if again {
		l.work.Wait()
		return nil
	}
	for _, r := range readers {
		if r != nil {
			r.finishAll(ErrClosed)
		}
	}
	l.stop()
	// Closing the connections is what gets a reader out of its blocking read.
	err := l.blocking.Close()
	l.work.Wait()
	if err != nil {
		return fmt.Errorf("close eventlog: %w", err)
	}
	return nil
}

// Stats says what a Log holds at the moment.
type Stats struct {
	Readers       int // hash tags being read, Tags at most
	Unavailable   int // of these, how many cannot reach Redis
	Streams       int // followed streams
	Subscriptions int // open subscriptions
}

// Stats counts readers, streams and subscriptions, for metrics.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	readers := l.readers
	l.mu.Unlock()
	var s Stats
	for _, r := range readers {
		if r != nil {
			r.count(&s)
		}
	}
	return s
}

// tagOf gives a stream's hash tag. Every node must agree on it, for ever.
func tagOf(stream string) int {
	h := fnv.New64a()
	h.Write([]byte(stream))
	return int(h.Sum64() % Tags)
}

func (l *Log) key(stream string) string {
	return fmt.Sprintf("%s:{t%02d}:%s", l.config.Prefix, tagOf(stream), stream)
}

// wakeKey cannot clash with a stream's name as long as no stream is called
// wake:<random>.
func (l *Log) wakeKey(tag int) string {
	return fmt.Sprintf("%s:{t%02d}:wake:%s", l.config.Prefix, tag, l.node)
}

// call bounds one call to Redis.
func (l *Log) call(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, l.config.CallTimeout, errCallTimeout)
}

var errCallTimeout = errors.New("eventlog: redis did not answer in time")

// unavailable tells an outage from a caller that gave up, whose own error goes
// back to it.
func unavailable(ctx context.Context, operation string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", operation, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w: %w", operation, ErrUnavailable, err)
}
