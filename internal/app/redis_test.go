package app_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

func TestAnAddressOfSeveralNodesIsThatOfACluster(t *testing.T) {
	t.Parallel()
	client, err := app.OpenRedis("rediss://me:secret@a:1?addr=b:2&addr=c:3")
	require.NoError(t, err)
	defer client.Close()
	cluster, ok := client.(*redis.ClusterClient)
	require.True(t, ok)
	require.Equal(t, []string{"a:1", "b:2", "c:3"}, cluster.Options().Addrs)
	require.Equal(t, "secret", cluster.Options().Password)
	require.Equal(t, "a", cluster.Options().TLSConfig.ServerName)
	require.True(t, cluster.Options().ContextTimeoutEnabled)

	client, err = app.OpenRedis("redis://a:1/3")
	require.NoError(t, err)
	defer client.Close()
	single, ok := client.(*redis.Client)
	require.True(t, ok)
	require.Equal(t, 3, single.Options().DB)
	require.Equal(t, cluster.Options().ReadTimeout, single.Options().ReadTimeout)

	client, err = app.OpenRedis(redistest.URL(t))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.Ping(t.Context()).Err())
}

func TestAnAddressThatIsNoneIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"redis://me:secret@a:b", "http://me:secret@a", "redis://me:secret@a?addr=b:1&nonsense=1", "\x00secret"} {
		_, err := app.OpenRedis(address)
		require.ErrorContains(t, err, "FLUENTPRO_REDIS_URL")
		require.NotContains(t, err.Error(), "secret")
	}
}
