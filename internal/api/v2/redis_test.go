package v2_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

// redisGate is the test's own way to what a server keeps in Redis.
func redisGate(t *testing.T, s *apitest.Server) *gate.Gate {
	t.Helper()
	return gate.New(gate.Config{Client: redistest.Client(t, s.Config.RedisURL.Reveal())})
}

// ownRedis is a Redis of the test's own, in which nobody else is counted by the address
// that all tests ask from; stop takes it away, and may be called twice.
func ownRedis(t *testing.T) (option apitest.Option, stop func()) {
	t.Helper()
	r, err := devstack.StartRedis(t.Context(), devstack.RedisConfig{ForceInProcess: true})
	require.NoError(t, err)
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = r.Stop(ctx)
	}
	t.Cleanup(stop)
	return apitest.WithConfig(func(c *app.Config) { c.RedisURL = secret.NewURL(r.URL()) }), stop
}
