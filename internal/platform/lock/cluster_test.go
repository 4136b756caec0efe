package lock_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

func TestItWorksOnARedisCluster(t *testing.T) {
	t.Parallel()
	client := redistest.Cluster(t)
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
