// Package gate decides in one round trip to Redis whether a request may pass: it
// counts the request against a rate limit, by GCRA, and looks up a record, such as
// a session, that lies beside the count under the hash tag of a subject.
//
// It promises that a limit is exact, however many requests come at once and from
// however many nodes: Quota in any burst, then one more each Window/Quota, by the
// clock of the Redis server, which all nodes share; that a record which was shut
// is never open again before its time; and that a Redis that is away costs
// requests no long wait: they pass uncounted, and are counted as such.
//
// It does not promise that a count or a record outlives Redis. Whoever needs a
// record to be true asks its source where there is none here.
//
// GCRA is the generic cell rate algorithm of ATM (ITU-T I.371), used for requests as by
// redis_rate and throttled.
package gate

import (
	"cmp"
	"context"
	_ "embed" // gate.lua
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

// Bounds of a Limit.
const (
	maxQuota  = 1_000_000
	minWindow = time.Second
	maxWindow = 24 * time.Hour
)

// Defaults and bounds of a Gate.
const (
	defaultTimeout = 250 * time.Millisecond
	breakAfter     = 5           // failures in a row, after which Redis is left alone
	breakFor       = time.Second // for so long
)

// Limit allows Quota requests in a burst, refilled evenly over Window. Quota 0: no limit.
type Limit struct {
	Name   string
	Quota  int
	Window time.Duration
}

// ParseLimit reads a limit such as "30/1m": 1 to 1,000,000 requests in 1s to 24h; "0" is none.
func ParseLimit(name, text string) (Limit, error) {
	off := Limit{Name: name}
	if strings.TrimSpace(text) == "0" {
		return off, nil
	}
	quota, window, found := strings.Cut(strings.TrimSpace(text), "/")
	n, err := strconv.Atoi(quota)
	if !found || err != nil || n < 1 || n > maxQuota {
		return off, fmt.Errorf("must be requests/time such as 30/1m, with 1 to %d requests, or 0 for no limit", maxQuota)
	}
	d, err := time.ParseDuration(window)
	if err != nil || d < minWindow || d > maxWindow {
		return off, fmt.Errorf("must give a time from %s to %s after the slash", minWindow, maxWindow)
	}
	return Limit{Name: name, Quota: n, Window: d}, nil
}

// Pass is what a limit says of one request.
type Pass struct {
	Limit      Limit
	Allowed    bool
	Counted    bool          // false: there is no limit, or Redis is away
	Remaining  int           // requests that would pass now
	Reset      time.Duration // until the whole quota is there again
	RetryAfter time.Duration // until one request would pass; 0 when allowed
}

// State is what is known of a record.
type State int

// States of a record.
const (
	Missing State = iota // nothing is known
	Open
	Shut
)

// Record is what a subject has under a key.
type Record struct {
	State State
	Value []byte // of an open one
}

// Config of a Gate; only Client must be there.
type Config struct {
	Client  redis.UniversalClient
	Timeout time.Duration    // of a round trip; 0: 250 ms
	Now     func() time.Time // nil: the Redis server's clock, so that a node whose clock jumps locks nobody out
	Logger  *slog.Logger     // nil: silent
}

// Gate is safe for concurrent use.
type Gate struct {
	client    redis.UniversalClient
	timeout   time.Duration
	now       func() time.Time
	breaker   *gobreaker.CircuitBreaker[any]
	script    *redis.Script
	unlimited atomic.Int64
}

//go:embed gate.lua
var scriptText string

// New makes a Gate; it connects when first used.
func New(cfg Config) *Gate {
	logger := cfg.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Gate{
		client: cfg.Client, timeout: cmp.Or(cfg.Timeout, defaultTimeout), now: cfg.Now, script: redis.NewScript(scriptText),
		breaker: gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
			Name: "gate", MaxRequests: 1, Timeout: breakFor,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakAfter },
			IsSuccessful: func(err error) bool {
				return err == nil || errors.Is(err, context.Canceled) || errors.Is(err, redis.Nil)
			},
			OnStateChange: func(_ string, from, to gobreaker.State) {
				switch {
				case to == gobreaker.StateClosed:
					logger.Info("Redis is back: requests are counted")
				case from == gobreaker.StateClosed:
					logger.Warn("Redis is away: requests pass uncounted, and rows decide on sessions")
				}
			},
		}),
	}
}

// Unlimited is how many requests passed uncounted since the start because Redis was away.
func (g *Gate) Unlimited() int64 { return g.unlimited.Load() }

// try runs one round trip within its time, unless Redis is left alone for now.
func try[T any](ctx context.Context, g *Gate, trip func(context.Context) (T, error)) (out T, err error) {
	_, err = g.breaker.Execute(func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, g.timeout)
		defer cancel()
		var err error
		out, err = trip(ctx)
		return nil, err
	})
	if err != nil {
		err = fmt.Errorf("gate: %w", err)
	}
	return out, err
}

// Keys of one subject lie under one hash tag. What could end the tag is escaped.
func key(subject, kind, name string) string {
	return "fp:{" + escape(subject) + "}:" + kind + ":" + name
}

func escape(s string) string {
	if strings.ContainsAny(s, "{}%") {
		return url.QueryEscape(s)
	}
	return s
}
