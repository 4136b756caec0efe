package devstack_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
)

func TestARedisClusterServesAllSlotsFromThreeNodesAndEndsWithAll(t *testing.T) {
	t.Parallel()
	needsRedisServer(t)
	cluster, err := devstack.StartRedisCluster(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cluster.Stop(context.Background()) })
	require.Equal(t, devstack.RedisClustered, cluster.Kind())
	options, err := redis.ParseClusterURL(cluster.URL())
	require.NoError(t, err)
	require.Len(t, options.Addrs, 3)
	client := redis.NewClusterClient(options)
	t.Cleanup(func() { _ = client.Close() })
	for i := range 100 {
		require.NoError(t, client.Set(t.Context(), fmt.Sprint(i), i, 0).Err())
	}
	for _, address := range options.Addrs {
		node := redis.NewClient(&redis.Options{Addr: address})
		held, err := node.DBSize(t.Context()).Result()
		require.NoError(t, node.Close())
		require.NoError(t, err)
		require.Greater(t, held, int64(10), "each has its part")
	}
	require.NoError(t, cluster.Stop(context.Background()))
	for _, address := range options.Addrs {
		_, err := net.Dial("tcp", address)
		require.Error(t, err, "%s is still there", address)
	}
}

func TestAClusterThatCannotBeStartedLeavesNothing(t *testing.T) {
	t.Parallel()
	needsRedisServer(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(context.DeadlineExceeded)
	_, err := devstack.StartRedisCluster(ctx, nil)
	require.Error(t, err)
	require.True(t, strings.HasPrefix(err.Error(), "start a Redis Cluster: "), err)
}
