package activity_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/activity"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// patience bounds every wait of these tests; nothing takes this long unless it is broken.
const patience = 30 * time.Second

// node is one process of the service, as far as these tests need it.
type node struct {
	*activity.Service
	t     *testing.T
	redis *redis.Client
	log   *eventlog.Log
	user  uuid.UUID
}

// on gives a node on a Redis, and a user of whom nothing is known there.
func on(t *testing.T, address string) *node {
	t.Helper()
	o, err := redis.ParseURL(address)
	require.NoError(t, err)
	o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries = true, -1, 1
	n := &node{t: t, redis: redis.NewClient(o), user: uuid.New()}
	t.Cleanup(func() { _ = n.redis.Close() })
	n.log, err = eventlog.New(eventlog.Config{
		Client: n.redis, Prefix: "activity-" + rand.Text(), Block: 200 * time.Millisecond, CallTimeout: time.Second, Linger: 50 * time.Millisecond,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.log.Close()) })
	n.Service = activity.New(activity.Deps{Log: n.log, Logger: slog.New(slog.DiscardHandler)})
	return n
}

// setup gives a node on the Redis that all tests share.
func setup(t *testing.T) *node {
	t.Helper()
	address, err := devstack.TestRedis()
	require.NoError(t, err)
	return on(t, address)
}

// happens records that a conversation was updated, and gives its id.
func (n *node) happens() uuid.UUID {
	n.t.Helper()
	id := uuid.New()
	require.NoError(n.t, n.Record(n.t.Context(), n.user, activity.ConversationUpdated, id))
	return id
}

// follow opens a feed that is closed with the test.
func (n *node) follow(after activity.Position) *activity.Feed {
	n.t.Helper()
	f, err := n.Follow(n.t.Context(), n.user, after)
	require.NoError(n.t, err)
	n.t.Cleanup(f.Close)
	return f
}

// read takes events from a feed until there are so many.
func (n *node) read(f *activity.Feed, count int) (out []activity.Event) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	for len(out) < count {
		events, err := f.Next(ctx)
		require.NoError(n.t, err, "after %d events", len(out))
		out = append(out, events...)
	}
	require.Len(n.t, out, count)
	return out
}

// ids are the things that events are about.
func ids(events []activity.Event) (out []uuid.UUID) {
	for _, e := range events {
		out = append(out, e.ID)
	}
	return out
}

// ownRedis is a Redis of one test, which may stop it.
type ownRedis struct {
	t      *testing.T
	config devstack.RedisConfig
	server *devstack.Redis
}

// startRedis starts one that keeps nothing, in the process or as a program where there is one.
func startRedis(t *testing.T, inProcess bool) *ownRedis {
	t.Helper()
	r := &ownRedis{t: t, config: devstack.RedisConfig{ForceInProcess: inProcess}}
	r.start()
	address, err := url.Parse(r.server.URL())
	require.NoError(t, err)
	r.config.Port, err = strconv.Atoi(address.Port()) // where it comes back
	require.NoError(t, err)
	t.Cleanup(r.stop)
	return r
}

func (r *ownRedis) start() {
	r.t.Helper()
	var err error
	r.server, err = devstack.StartRedis(r.t.Context(), r.config)
	require.NoError(r.t, err)
}

func (r *ownRedis) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(r.t, r.server.Stop(ctx))
}

// onEach runs a test on each kind of Redis.
func onEach(t *testing.T, test func(t *testing.T, r *ownRedis)) {
	t.Parallel()
	for name, inProcess := range map[string]bool{"redis-server": false, "in-process": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, startRedis(t, inProcess))
		})
	}
}
