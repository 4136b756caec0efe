// Package redistest gives tests clients of the Redis that they share: one server,
// the in-process one, or a Redis Cluster, as devstack.TestRedis has it. A test that
// must empty, stop or look into a whole Redis starts one of its own.
package redistest

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
)

// URL gives the address of the Redis that all tests share: take names of your own.
func URL(t testing.TB) string {
	t.Helper()
	address, err := devstack.TestRedis()
	require.NoError(t, err)
	return address
}

// Shared gives a client of the Redis that all tests share, closed with the test.
func Shared(t testing.TB, changes ...func(*redis.UniversalOptions)) redis.UniversalClient {
	t.Helper()
	return Client(t, URL(t), changes...)
}

// Client gives a client of one server or, where the address has an addr parameter,
// of a Redis Cluster. It heeds the deadlines of contexts, dials once, and is closed
// with the test.
func Client(t testing.TB, address string, changes ...func(*redis.UniversalOptions)) redis.UniversalClient {
	t.Helper()
	options := Options(t, address)
	for _, change := range changes {
		change(options)
	}
	client := redis.NewUniversalClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Options reads an address in either form.
func Options(t testing.TB, address string) *redis.UniversalOptions {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	others := parsed.Query()["addr"]
	parsed.RawQuery = ""
	first, err := redis.ParseURL(parsed.String())
	require.NoError(t, err)
	return &redis.UniversalOptions{
		Addrs: append([]string{first.Addr}, others...), IsClusterMode: len(others) > 0,
		Username: first.Username, Password: first.Password, DB: first.DB, TLSConfig: first.TLSConfig,
		ContextTimeoutEnabled: true, DialerRetries: 1,
	}
}

// IsCluster reports whether the tests share a Redis Cluster.
func IsCluster(t testing.TB) bool {
	t.Helper()
	return Options(t, URL(t)).IsClusterMode
}

// InProcess reports whether a Redis of the test's own is the in-process one.
func InProcess() bool {
	_, err := exec.LookPath("redis-server")
	return err != nil || os.Getenv(devstack.TestRedisKind) == devstack.RedisInProcess
}

// Own starts one server of the test's own, on a given port or on any (0), which the
// test may stop.
func Own(t testing.TB, port int) *devstack.Redis {
	t.Helper()
	server, err := devstack.StartRedis(t.Context(), devstack.RedisConfig{Port: port, ForceInProcess: InProcess()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	return server
}

// Cluster gives a client of a Redis Cluster of three nodes: the one that all tests
// share, or else one of the test's own. It skips where there is no redis-server.
func Cluster(t testing.TB, changes ...func(*redis.UniversalOptions)) redis.UniversalClient {
	t.Helper()
	if IsCluster(t) {
		return Shared(t, changes...)
	}
	if InProcess() {
		t.Skip("the in-process Redis is no cluster")
	}
	cluster, err := devstack.StartRedisCluster(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cluster.Stop(context.Background()) })
	return Client(t, cluster.URL(), changes...)
}

// Keys gives the keys of all nodes that a pattern is of, in no order.
func Keys(t testing.TB, client redis.UniversalClient, pattern string) []string {
	t.Helper()
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		keys, err := client.Keys(t.Context(), pattern).Result()
		require.NoError(t, err)
		return keys
	}
	var mu sync.Mutex
	all := []string{}
	require.NoError(t, cluster.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
		keys, err := node.Keys(ctx, pattern).Result()
		mu.Lock()
		defer mu.Unlock()
		all = append(all, keys...)
		return err
	}))
	return all
}
