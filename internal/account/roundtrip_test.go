package account_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

// counter counts what is asked of PostgreSQL and of Redis.
type counter struct{ queries, commands atomic.Int64 }

// TraceQueryStart counts a query.
func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.queries.Add(1)
	return ctx
}

// TraceQueryEnd has nothing to count.
func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// DialHook leaves dialling alone.
func (*counter) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook counts a command.
func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.commands.Add(1)
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook counts a pipeline as one.
func (c *counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.commands.Add(1)
		return next(ctx, cmds)
	}
}

// What GET /users/me asks of others, the token, the session, the limit and the
// user included.
func TestReadingOneselfTakesOneRoundTripEach(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	var asked counter
	config, err := pgxpool.ParseConfig(b.url)
	require.NoError(t, err)
	config.ConnConfig.Tracer = &asked
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	client := redistest.Shared(t)
	client.AddHook(&asked)
	cfg := b.config()
	cfg.Pool, cfg.Gate = pool, gate.New(gate.Config{Client: client})
	s := b.serviceWith(cfg)
	limit := gate.Limit{Name: "api", Quota: 600, Window: time.Minute}
	readSelf := func() {
		who, pass, err := s.Authenticate(t.Context(), account.AuthenticateInput{Token: in.Tokens.Access, Limit: limit})
		require.NoError(t, err)
		require.True(t, pass.Counted)
		_, err = s.User(t.Context(), who.UserID)
		require.NoError(t, err)
	}
	readSelf() // leaves a copy of the session
	asked.queries.Store(0)
	asked.commands.Store(0)
	readSelf()
	require.EqualValues(t, 1, asked.queries.Load())
	require.EqualValues(t, 1, asked.commands.Load())
}
