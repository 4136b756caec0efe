package postgres_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

const patience = 10 * time.Second // for what must happen at all; the machine may be busy

func TestADatabaseWithAnotherEncodingIsRefused(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), postgres.Config{URL: newDatabase(t, "encoding 'SQL_ASCII' locale 'C'")})
	require.EqualError(t, err, "open database: its encoding is SQL_ASCII, UTF8 is needed")
}

func TestADatabaseWhoseLocaleKnowsNoChineseLettersIsRefused(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), postgres.Config{URL: newDatabase(t, "encoding 'UTF8' locale 'C'")})
	require.ErrorContains(t, err, "to its locale C, Chinese characters are no letters")
}

func TestAURLThatCannotBeReadIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), postgres.Config{URL: "postgres://learner:tr0ub4dor@127.0.0.1:port/fluentpro"})
	require.ErrorContains(t, err, "database URL")
	require.NotContains(t, err.Error(), "tr0ub4dor")
}

func TestAWrongPasswordIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(postgrestest.AdminURL(t))
	require.NoError(t, err)
	if _, has := u.User.Password(); !has {
		t.Skip("the cluster asks for no password")
	}
	u.User = url.UserPassword(u.User.Username(), "tr0ub4dor")
	_, err = postgres.Open(t.Context(), postgres.Config{URL: u.String()})
	require.ErrorContains(t, err, "open database")
	require.NotContains(t, err.Error(), "tr0ub4dor")
}

func TestADatabaseThatIsAwayIsRefused(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), postgres.Config{URL: "postgres://learner:tr0ub4dor@" + closedPort(t) + "/fluentpro"})
	require.ErrorContains(t, err, "open database")
	require.NotContains(t, err.Error(), "tr0ub4dor")
	require.True(t, fault.Is(postgres.Translate(err), "server.unavailable"))
}

func TestConnectionsAreBoundedAndSpeakUTC(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Open(t)
	for setting, want := range map[string]string{
		"TimeZone": "UTC", "statement_timeout": "15s", "idle_in_transaction_session_timeout": "30s", "client_encoding": "UTF8",
	} {
		var got string
		require.NoError(t, pool.QueryRow(t.Context(), "select current_setting($1)", setting).Scan(&got))
		require.Equal(t, want, got, setting)
	}
	require.EqualValues(t, 16, pool.Config().MaxConns)

	small, err := postgres.Open(t.Context(), postgres.Config{URL: pool.Config().ConnString(), MaxConns: 3})
	require.NoError(t, err)
	defer small.Close()
	require.EqualValues(t, 3, small.Config().MaxConns)
}

func TestAFullPoolIsReportedInTime(t *testing.T) {
	t.Parallel()
	pool := open(t, postgres.Config{URL: postgrestest.URL(t), MaxConns: 1, AcquireTimeout: time.Second})
	held, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer held.Release()

	err = postgres.InTx(context.Background(), pool, func(postgres.Tx) error { return nil })
	requireUnavailable(t, err)
}

func TestAStatementThatTakesTooLongEndsOnTheServer(t *testing.T) {
	t.Parallel()
	pool := open(t, postgres.Config{URL: postgrestest.URL(t), StatementTimeout: 500 * time.Millisecond})
	_, err := pool.Exec(context.Background(), "select pg_sleep(60)")
	requireUnavailable(t, postgres.Translate(err))
	require.NoError(t, pool.Ping(t.Context()))
	require.EqualValues(t, 1, pool.Stat().NewConnsCount(), "its connection is kept")
}

func TestAServerThatFallsSilentIsGivenUp(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(postgrestest.URL(t))
	require.NoError(t, err)
	wire := newWire(t, u.Host)
	u.Host = wire.addr
	pool := open(t, postgres.Config{URL: u.String(), StatementTimeout: 500 * time.Millisecond})

	wire.cut()
	began := time.Now()
	batch := &pgx.Batch{}
	batch.Queue("select 1")
	requireUnavailable(t, postgres.Translate(pool.SendBatch(context.Background(), batch).Close()))
	require.Less(t, time.Since(began), patience)
	wire.end() // or else the pool closes only when its connection's last words are given up as well
}

// open opens a pool that needs more than postgrestest gives.
func open(t *testing.T, cfg postgres.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func requireUnavailable(t *testing.T, err error) {
	t.Helper()
	f := fault.Find(err)
	require.NotNil(t, f, "%v", err)
	require.Equal(t, "server.unavailable", f.Code)
	require.Equal(t, fault.Unavailable, f.Kind)
	require.Positive(t, f.RetryAfter)
}

// newDatabase makes an empty database with options of create database.
func newDatabase(t *testing.T, options string) string {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), postgrestest.AdminURL(t))
	require.NoError(t, err)
	name := "fluentpro_test_" + strings.ToLower(rand.Text())
	_, err = admin.Exec(t.Context(), "create database "+name+" template template0 "+options)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.Eventually(t, func() bool { // it may have to wait for an autovacuum, which is a superuser's
			_, err := admin.Exec(context.Background(), "drop database "+name+" with (force)")
			return err == nil
		}, patience, 100*time.Millisecond)
		require.NoError(t, admin.Close(context.Background()))
	})
	u, err := url.Parse(postgrestest.AdminURL(t))
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return fmt.Sprint(l.Addr())
}
