package devstack_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
)

func startRedis(t *testing.T, cfg devstack.RedisConfig) (*devstack.Redis, *redis.Client) {
	t.Helper()
	r, err := devstack.StartRedis(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Stop(context.Background())) })
	options, err := redis.ParseURL(r.URL())
	require.NoError(t, err)
	options.DisableIdentity = true
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return r, client
}

// kinds runs a test against each Redis that this machine has.
func kinds(t *testing.T, test func(t *testing.T, inProcess bool)) {
	t.Helper()
	t.Run(devstack.RedisInProcess, func(t *testing.T) {
		t.Parallel()
		test(t, true)
	})
	t.Run(devstack.RedisServer, func(t *testing.T) {
		t.Parallel()
		needsRedisServer(t)
		test(t, false)
	})
}

func needsRedisServer(t *testing.T) {
	t.Helper()
	if devstack.RedisProgram(t.Context(), "redis-server") == "" {
		t.Skip("this machine has no redis-server")
	}
}

func TestKeysExpireAsTimePasses(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, inProcess bool) {
		_, client := startRedis(t, devstack.RedisConfig{ForceInProcess: inProcess})
		require.NoError(t, client.Set(t.Context(), "short", "1", 200*time.Millisecond).Err())
		require.NoError(t, client.Set(t.Context(), "long", "1", time.Hour).Err())

		require.Eventually(t, func() bool { return client.Exists(t.Context(), "short").Val() == 0 }, soon, often)

		left := client.PTTL(t.Context(), "long").Val()
		require.Greater(t, left, 59*time.Minute)
		require.Less(t, left, time.Hour)
	})
}

func TestAStoppedRedisIsGoneAndStopsAgainWithoutHarm(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, inProcess bool) {
		r, client := startRedis(t, devstack.RedisConfig{ForceInProcess: inProcess})
		require.Equal(t, inProcess, r.Kind() == devstack.RedisInProcess)
		require.NoError(t, client.Ping(t.Context()).Err())

		require.NoError(t, r.Stop(t.Context()))
		require.NoError(t, r.Stop(t.Context()))

		_, err := net.Dial("tcp", client.Options().Addr)
		require.Error(t, err)
	})
}

func TestRedisKeepsItsPortAndNamesATakenOne(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, inProcess bool) {
		dir := filepath.Join(t.TempDir(), "new")
		first, _ := startRedis(t, devstack.RedisConfig{DataDir: dir, ForceInProcess: inProcess})
		require.NoError(t, first.Stop(t.Context()))
		second, _ := startRedis(t, devstack.RedisConfig{DataDir: dir, ForceInProcess: inProcess})
		require.Equal(t, first.URL(), second.URL())

		port := takenPort(t)
		_, err := devstack.StartRedis(t.Context(), devstack.RedisConfig{Port: port, ForceInProcess: inProcess})
		require.ErrorContains(t, err, "port "+strconv.Itoa(port))
	})
}

func TestRedisKeepsItsDataBetweenRuns(t *testing.T) {
	t.Parallel()
	needsRedisServer(t)
	dir := t.TempDir()
	first, client := startRedis(t, devstack.RedisConfig{DataDir: dir})
	require.NoError(t, client.Set(t.Context(), "kept", "物流", 0).Err())
	require.NoError(t, first.Stop(t.Context()))

	_, client = startRedis(t, devstack.RedisConfig{DataDir: dir})

	require.Equal(t, "物流", client.Get(t.Context(), "kept").Val())
}

func TestARedisFolderInUseIsRefusedWithTheNameOfItsOwner(t *testing.T) {
	t.Parallel()
	needsRedisServer(t)
	dir := t.TempDir()
	startRedis(t, devstack.RedisConfig{DataDir: dir})

	_, err := devstack.StartRedis(t.Context(), devstack.RedisConfig{DataDir: dir})

	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, "process "+strconv.Itoa(os.Getpid()))
}

func TestARedisThatDoesNotStartTellsTheLastOfItsLog(t *testing.T) {
	t.Parallel()
	needsRedisServer(t)
	dir := t.TempDir()
	parts := filepath.Join(dir, "redis", "appendonlydir")
	require.NoError(t, os.MkdirAll(parts, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(parts, "appendonly.aof.manifest"), []byte("nonsense\n"), 0o600))

	_, err := devstack.StartRedis(t.Context(), devstack.RedisConfig{DataDir: dir})

	require.ErrorContains(t, err, "ended at once")
	require.ErrorContains(t, err, "manifest")
}

func TestOnlyARedisThatIsNewEnoughIsRun(t *testing.T) {
	t.Parallel()
	for says, runs := range map[string]bool{
		"Redis server v=7.0.15 sha=0": true,
		"Redis server v=6.2.0 sha=0":  true,
		"Redis server v=6.0.16 sha=0": false,
		"Redis server v=5.0.7 sha=0":  false,
		"something else":              false,
	} {
		program := filepath.Join(t.TempDir(), "redis-server")
		require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho '"+says+"'\n"), 0o700))
		path, err := exec.LookPath(program)
		require.NoError(t, err)
		require.Equal(t, runs, devstack.RedisProgram(t.Context(), path) != "", says)
	}
	require.Empty(t, devstack.RedisProgram(t.Context(), "no-such-redis-server"))
}
