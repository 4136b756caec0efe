package gate_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
)

// startCluster starts a Redis Cluster of one node, which refuses keys of
// different slots as one of many does.
func startCluster(t *testing.T) *redis.ClusterClient {
	t.Helper()
	var port int
	for ready := false; !ready; {
		require.NoError(t, t.Context().Err())
		port = 20_000 + rand.IntN(2_000) // its bus has 10,000 more; below what outgoing connections get
		ready = startNode(t, port)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{address}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	require.Eventually(t, func() bool {
		return client.Set(t.Context(), "ready", "1", 0).Err() == nil
	}, patience, 20*time.Millisecond)
	return client
}

// startNode reports whether the node has all slots; it ends at once when its port
// is taken.
func startNode(t *testing.T, port int) bool {
	t.Helper()
	server := exec.Command("redis-server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1",
		"--cluster-enabled", "yes", "--save", "", "--dir", t.TempDir())
	require.NoError(t, server.Start())
	ended := make(chan struct{})
	go func() {
		_ = server.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = server.Process.Kill()
		<-ended
	})
	node := clientOf(t, fmt.Sprintf("redis://127.0.0.1:%d", port))
	for {
		if node.Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err() == nil {
			return true
		}
		select {
		case <-ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestItWorksOnARedisCluster(t *testing.T) {
	t.Parallel()
	if inProcess() {
		t.Skip("the in-process Redis is no cluster")
	}
	g := gate.New(gate.Config{Client: startCluster(t), Timeout: patience})
	l := limit(t, "2/1h")
	for _, subject := range []string{"", "user:1", "}", "{", "{}", "10.0.0.1", "%"} {
		for _, record := range []string{"a", "{b}"} {
			opened, err := g.Open(t.Context(), subject, record, []byte("v"), time.Hour)
			require.NoError(t, err)
			require.True(t, opened)
			pass, got, err := g.Enter(t.Context(), subject, l, record)
			require.NoError(t, err, "subject %q", subject)
			require.True(t, pass.Allowed && pass.Counted)
			require.Equal(t, gate.Open, got.State)
		}
		require.False(t, g.Take(t.Context(), subject, l).Allowed)
		seen, err := g.Seen(t.Context(), subject, []string{"a", "{b}", "c"})
		require.NoError(t, err)
		require.Len(t, seen, 2)
		require.NoError(t, g.Forget(t.Context(), subject, "a", "{b}"))
		require.NoError(t, g.Shut(t.Context(), subject, "a", time.Hour))
	}
	require.Zero(t, g.Unlimited())
}
