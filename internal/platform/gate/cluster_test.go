package gate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

func TestItWorksOnARedisCluster(t *testing.T) {
	t.Parallel()
	g := gate.New(gate.Config{Client: redistest.Cluster(t), Timeout: patience})
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
