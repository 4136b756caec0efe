package lock_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/lock"
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
	client := startCluster(t)
	nodes := []*lock.Locks{nodeOn(t, client, patient), nodeOn(t, client, patient)}
	for _, name := range []string{"a", "}", "{", "{}", "%", "conversation:1"} {
		held := acquire(t, nodes[0], name)
		waiting := ask(t, nodes[1], lock.AcquireInput{Name: name, Wait: patience})
		require.Eventually(t, func() bool { return lock.Waiting(t.Context(), nodes[0], name) == 1 }, patience, time.Millisecond)
		began := time.Now()
		release(t, held)
		got := within(t, waiting)
		require.NoError(t, got.err)
		require.Less(t, time.Since(began), patience/4, "it is called")
		require.Equal(t, held.Fence()+1, got.held.Fence())
		release(t, got.held)
	}
}
