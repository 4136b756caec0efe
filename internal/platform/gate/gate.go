// Package gate decides in one round trip to Redis whether a request may pass: it
// takes one token of a rate limit and looks up a record, such as a session, that
// lies under the same hash tag.
//
// It promises exactness: of any number of takers at once, on any number of
// nodes, as many pass as the quota has left, then one more each Window/Quota
// (GCRA, the generic cell rate algorithm, in whole microseconds and an exact
// fraction). The time is that of the Redis server, so that no node's clock
// matters, and a clock that jumps back locks nobody out for longer than a window. A
// changed limit takes effect with the next request. A record that was shut stays
// shut, whoever opens it before or after, until its time is over.
//
// A request that could not be counted passes: Redis away, too slow, or no free
// connection to it within Config.Timeout means no limits, told by Pass.Counted
// and Gate.Unlimited. After 5 failures in a row nothing is asked for a second, so
// that a stalled Redis costs a request its timeout only now and then. What to do
// without a record is for the caller to decide, by the error of Enter.
//
// Nothing takes two tokens for one request. By itself go-redis sends a command
// again, up to MaxRetries times, when the connection breaks or a read times out,
// though the first may have been executed; the script that takes tokens is
// therefore marked as not to be repeated (Cmder.NoRetry), and a take whose answer
// was lost counts one and passes. The other scripts do the same however often
// they run, and are left to the client.
//
// Its limits: what Redis forgets is forgotten. Emptied, it gives every quota anew
// and no record; a failover may lose the last writes, a tombstone among them, so
// that what must last is kept elsewhere. Forget is no fence: an Open of what was
// read before it is stored after it. Redis Cluster is served, since all keys of
// a call lie in one slot:
//
//	fp:{<subject>}:limit:<name>     text: when the quota is whole again, in Unix
//	                                microseconds and a fraction of one
//	fp:{<subject>}:record:<record>  hash: state, value, seen
package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

// ErrUnavailable says that Redis did not answer in time, refused, or was not
// asked because it did so just before. What was to be stored may be stored.
var ErrUnavailable = errors.New("gate: redis is unavailable")

// Config says how a Gate works. Only Client is required.
type Config struct {
	// Client is owned by the caller. Set ContextTimeoutEnabled on it, or Timeout
	// is only as sharp as its read timeout.
	Client redis.UniversalClient
	// Timeout bounds a round trip, waiting for a connection included; 0 means
	// 250 ms. A caller who leaves is not free before it is over: go-redis heeds the
	// deadline of a context while it waits for an answer, not its end.
	Timeout time.Duration
	// Now tells the time for limits and SeenAt, for tests. nil means the Redis
	// server's clock. Keys expire by the server's clock in any case.
	Now func() time.Time
	// Limits are the names that metrics tell apart; others are counted as one.
	Limits []string
	// Logger takes one line when Redis goes away and one when it is back. nil
	// means silence.
	Logger *slog.Logger
}

// Gate takes tokens and keeps records. It is safe for concurrent use.
type Gate struct {
	client  redis.UniversalClient
	timeout time.Duration
	now     func() time.Time // nil: the server's
	logger  *slog.Logger
	breaker *gobreaker.CircuitBreaker[struct{}]
	metrics metrics

	enter, open, shut, forget *redis.Script

	unlimited atomic.Int64
	failure   atomic.Pointer[error] // the last one, for the log
}

// defaultTimeout is what a request may lose to a Redis that stalls.
const defaultTimeout = 250 * time.Millisecond

// New makes a Gate; it does not reach out to Redis yet.
func New(cfg Config) *Gate {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gate{
		client: cfg.Client, timeout: cfg.Timeout, now: cfg.Now, logger: cfg.Logger,
		enter: redis.NewScript(enterScript), open: redis.NewScript(openScript),
		shut: redis.NewScript(shutScript), forget: redis.NewScript(forgetScript),
	}
	g.breaker = g.newBreaker()
	g.metrics = newMetrics(g, cfg.Limits)
	return g
}

// Unlimited counts the requests that passed since New although a limit was set,
// because Redis was away.
func (g *Gate) Unlimited() int64 { return g.unlimited.Load() }

// clock gives what the scripts take for the time: Unix microseconds, or nothing
// for the server's own.
func (g *Gate) clock() any {
	if g.now == nil {
		return ""
	}
	return g.now().UnixMicro()
}

// nowScript begins the scripts that need the time: ARGV[1], Unix microseconds, or
// empty for the server's clock.
const nowScript = `
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end`

// tag is the part of a subject's keys that decides their slot. A brace inside
// would end the hash tag early, an empty tag would be none; no two subjects have
// the same.
func tag(subject string) string {
	switch {
	case subject == "":
		subject = "%"
	case strings.ContainsAny(subject, "%{}"): // a replacer costs 15 KB each
		subject = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D").Replace(subject)
	}
	return "fp:{" + subject + "}"
}

func limitKey(subject, name string) string    { return tag(subject) + ":limit:" + name }
func recordKey(subject, record string) string { return tag(subject) + ":record:" + record }

func recordKeys(subject string, records []string) []string {
	keys := make([]string, len(records))
	for i, record := range records {
		keys[i] = recordKey(subject, record)
	}
	return keys
}

// milliseconds rounds a ttl up to what Redis counts in; the least is one, since
// Redis takes none as an order to delete.
func milliseconds(ttl time.Duration) int64 {
	return max(1, (ttl + time.Millisecond - 1).Milliseconds())
}

// run executes a script that may run twice without harm.
func (g *Gate) run(ctx context.Context, operation string, script *redis.Script, keys []string, args ...any) (answer any, err error) {
	err = g.call(ctx, operation, func(ctx context.Context) error {
		answer, err = script.Run(ctx, g.client, keys, args...).Result()
		return err
	})
	return answer, err
}

// unreadable is the error for an answer that no script of ours gives.
func unreadable(answer any) error { return fmt.Errorf("gate: a script answered %T", answer) }
