package devstack_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
)

func cluster(t *testing.T) string {
	t.Helper()
	admin, err := devstack.Cluster()
	require.NoError(t, err)
	return admin
}

// newKey names a template of this run's own, for as long as the test runs.
func newKey(t *testing.T) string {
	t.Helper()
	key := t.Name() + rand.Text()
	t.Cleanup(func() {
		name := devstack.TemplateName(key)
		for _, statement := range []string{"alter database " + name + " is_template false", "drop database " + name} {
			require.NoError(t, devstack.Execute(context.Background(), cluster(t), statement))
		}
	})
	return key
}

// schema prepares a template with one row, and counts how often it does.
func schema(made *atomic.Int32) func(context.Context, string) error {
	return func(ctx context.Context, url string) error {
		made.Add(1)
		return devstack.Execute(ctx, url, "create table item (id int primary key); insert into item values (1)")
	}
}

func clone(t *testing.T, key string, prepare func(context.Context, string) error) (url string, drop func()) {
	t.Helper()
	url, drop, err := devstack.CloneDatabase(t.Context(), cluster(t), key, prepare)
	require.NoError(t, err)
	t.Cleanup(drop)
	return url, drop
}

func databases(t *testing.T, name string) int {
	t.Helper()
	return query[int](t, cluster(t), "select count(*) from pg_database where datname = '"+name+"'")
}

func TestACopyOfADatabaseIsItsOwn(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	var made atomic.Int32
	first, _ := clone(t, key, schema(&made))
	second, _ := clone(t, key, schema(&made))
	require.NotEqual(t, first, second)

	execute(t, first, "insert into item values (2)")

	require.Equal(t, 2, query[int](t, first, "select count(*) from item"))
	require.Equal(t, 1, query[int](t, second, "select count(*) from item"))
	require.EqualValues(t, 1, made.Load())
}

func TestATemplateIsMadeOnceForManyCallers(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	var made atomic.Int32
	urls := make([]string, 8)
	var callers sync.WaitGroup
	for i := range urls {
		callers.Go(func() { urls[i], _ = clone(t, key, schema(&made)) })
	}
	callers.Wait()

	require.EqualValues(t, 1, made.Load())
	for _, url := range urls {
		require.Equal(t, 1, query[int](t, url, "select count(*) from item"))
	}
}

func TestATemplateWhosePreparationFailsIsDroppedAndMadeAgain(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	broken := errors.New("migration 7")
	_, _, err := devstack.CloneDatabase(t.Context(), cluster(t), key, func(context.Context, string) error { return broken })
	require.ErrorIs(t, err, broken)
	require.Zero(t, databases(t, devstack.TemplateName(key)))

	var made atomic.Int32
	clone(t, key, schema(&made))
	require.EqualValues(t, 1, made.Load())
}

func TestATemplateWhoseMakerDiedIsMadeAgain(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	execute(t, cluster(t), "create database "+devstack.TemplateName(key))
	var made atomic.Int32
	url, _ := clone(t, key, schema(&made))
	require.EqualValues(t, 1, made.Load())
	require.Equal(t, 1, query[int](t, url, "select count(*) from item"))
}

func TestConnectionsLeftByThePreparationAreClosed(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	url, _ := clone(t, key, func(_ context.Context, url string) error {
		connect(t, url)
		return nil
	})
	require.Equal(t, 1, query[int](t, url, "select 1"))
}

func TestADroppedCopyIsGoneWhoeverIsConnected(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	var made atomic.Int32
	url, drop := clone(t, key, schema(&made))
	conn := connect(t, url)
	name := conn.Config().Database
	require.Equal(t, 1, databases(t, name))

	drop()
	drop()

	require.Zero(t, databases(t, name))
	require.Error(t, conn.Ping(t.Context()))
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, admin := range []string{"postgres://%zz", "postgres://fluentpro@127.0.0.1:1/fluentpro?connect_timeout=2"} {
		_, _, err := devstack.CloneDatabase(t.Context(), admin, "key", nil)
		require.Error(t, err)
	}
}

func TestTheRedisForTestsIsOneForTheProcess(t *testing.T) {
	t.Parallel()
	first, err := devstack.TestRedis()
	require.NoError(t, err)
	second, err := devstack.TestRedis()
	require.NoError(t, err)
	require.Equal(t, first, second)
	options, err := redis.ParseClusterURL(strings.TrimSuffix(first, "/0"))
	require.NoError(t, err)
	client := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: options.Addrs})
	defer client.Close()
	require.NoError(t, client.Ping(t.Context()).Err())
}

func TestAddressesInTheEnvironmentComeFirst(t *testing.T) {
	if os.Getenv(devstack.TestDatabaseVariable) == "" {
		t.Setenv(devstack.TestDatabaseVariable, "postgres://set")
	}
	t.Setenv(devstack.TestRedisVariable, "redis://set")
	url, err := devstack.StartTestCluster()
	require.NoError(t, err)
	require.Equal(t, os.Getenv(devstack.TestDatabaseVariable), url)
	url, err = devstack.StartTestRedis()
	require.NoError(t, err)
	require.Equal(t, "redis://set", url)
}
