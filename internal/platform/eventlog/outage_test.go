package eventlog_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

func impatient(c *eventlog.Config) {
	c.Block, c.CallTimeout = 200*time.Millisecond, 300*time.Millisecond
}

// mayRestart takes the next n entries where the log may first say, once or
// twice, that it starts anew.
func mayRestart(t *testing.T, sub *eventlog.Subscription, n int) []string {
	t.Helper()
	for range 3 {
		got, err := read(t, sub, n)
		if err == nil {
			return got
		}
		require.ErrorIs(t, err, eventlog.ErrRestarted)
	}
	t.Fatal("restarts without end")
	return nil
}

func TestARedisThatComesBackEmptyIsToldAndFollowedAgain(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	log := newLog(t, server.client(), impatient)
	names := sameTag("s", 2)
	known := log.Follow(t.Context(), names[0], eventlog.ID{})
	defer known.Close()
	empty := log.Follow(t.Context(), names[1], eventlog.ID{}) // no entry yet: nothing to lose
	defer empty.Close()
	ids := appendN(t, log, names[0], 1, 3)
	_, err := read(t, known, 3)
	require.NoError(t, err)

	server.kill()
	for _, sub := range []*eventlog.Subscription{known, empty} {
		_, err = read(t, sub, 1)
		require.ErrorIs(t, err, eventlog.ErrUnavailable)
		requireSilence(t, sub, 300*time.Millisecond) // once for each outage
	}
	joined := log.Follow(t.Context(), names[0], ids[1])
	defer joined.Close()
	_, err = read(t, joined, 1)
	require.ErrorIs(t, err, eventlog.ErrUnavailable, "who comes during the outage is told too")
	require.Equal(t, 1, log.Stats().Unavailable)
	_, err = log.Append(t.Context(), eventlog.AppendInput{Stream: names[0], After: ids[2]})
	require.ErrorIs(t, err, eventlog.ErrUnavailable)

	require.True(t, server.start())
	_, err = read(t, known, 1)
	require.ErrorIs(t, err, eventlog.ErrRestarted)
	entries, err := empty.Next(t.Context())
	require.NoError(t, err, "the outage is over")
	require.Empty(t, entries)

	_, err = log.Append(t.Context(), eventlog.AppendInput{Stream: names[0], After: ids[2]})
	require.ErrorIs(t, err, eventlog.ErrDiverged)
	appendN(t, log, names[0], 10, 12)
	appendN(t, log, names[1], 20, 20)
	got, err := read(t, known, 3)
	require.NoError(t, err)
	require.Equal(t, numbers(10, 12), got)
	got, err = read(t, empty, 1)
	require.NoError(t, err)
	require.Equal(t, numbers(20, 20), got)
	require.Equal(t, numbers(10, 12), mayRestart(t, joined, 3))
	require.Zero(t, log.Stats().Unavailable)
}

func TestAStalledRedisIsAnOutageWithoutLoss(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	log := newLog(t, server.client(), impatient)
	sub := log.Follow(t.Context(), "s", eventlog.ID{})
	defer sub.Close()
	appendN(t, log, "s", 1, 3)
	_, err := read(t, sub, 3)
	require.NoError(t, err)
	for round := range 2 {
		server.signal(syscall.SIGSTOP)
		_, err = read(t, sub, 1)
		require.ErrorIs(t, err, eventlog.ErrUnavailable, "round %d", round)
		server.signal(syscall.SIGCONT)
		entries, err := sub.Next(t.Context())
		require.NoError(t, err)
		require.Empty(t, entries, "the outage is over")
		appendN(t, log, "s", 4+round, 4+round)
		got, err := read(t, sub, 1)
		require.NoError(t, err)
		require.Equal(t, numbers(4+round, 4+round), got)
	}
}

func TestAConnectionThatBreaksIsNoOutage(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	client := server.client()
	log := newLog(t, client)
	sub := log.Follow(t.Context(), "s", eventlog.ID{})
	defer sub.Close()
	for i := 1; i <= 20; i++ {
		appendN(t, log, "s", i, i)
		got, err := read(t, sub, 1)
		require.NoError(t, err, "the second try, at once, succeeds")
		require.Equal(t, numbers(i, i), got)
		require.NoError(t, client.Do(t.Context(), "client", "kill", "type", "normal", "skipme", "yes").Err())
	}
}

// A Redis restored from an older copy, on a machine whose clock is behind, gives
// ids below those that readers have: they must not wait for what never comes.
func TestALogThatGoesOnWithLowerIDsIsToldAnew(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	client := server.client()
	log := newLog(t, client)
	key := fmt.Sprintf("live:{t%02d}:s", eventlog.TagOf("s"))
	add := func(id, text string) {
		require.NoError(t, client.XAdd(t.Context(), &redis.XAddArgs{
			Stream: key, ID: id, Values: []string{"f", "1", "e", text},
		}).Err())
	}
	add("1000-0", "kept")
	add("2000-0", "lost")
	sub := log.Follow(t.Context(), "s", eventlog.ID{})
	defer sub.Close()
	got, err := read(t, sub, 2)
	require.NoError(t, err)
	require.Equal(t, []string{"kept", "lost"}, got)

	require.NoError(t, client.Del(t.Context(), key).Err())
	add("1000-0", "kept")
	add("1500-0", "state replaced")
	require.NoError(t, client.Do(t.Context(), "client", "kill", "type", "normal", "skipme", "yes").Err())
	_, err = read(t, sub, 1)
	require.ErrorIs(t, err, eventlog.ErrRestarted)
	got, err = read(t, sub, 2)
	require.NoError(t, err)
	require.Equal(t, []string{"kept", "state replaced"}, got)
	add("1600-0", "goes on")
	got, err = read(t, sub, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"goes on"}, got)
}

func TestAnOutageOfTheRedisInTheProcessIsSurvivedToo(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	log := newLog(t, newClient(t, server.Addr()), impatient)
	sub := log.Follow(t.Context(), "s", eventlog.ID{})
	defer sub.Close()
	appendN(t, log, "s", 1, 3)
	_, err := read(t, sub, 3)
	require.NoError(t, err)

	server.SetError("LOADING the data set is being read into memory")
	_, err = read(t, sub, 1)
	require.ErrorIs(t, err, eventlog.ErrUnavailable)
	requireSilence(t, sub, 200*time.Millisecond)
	server.SetError("")
	entries, err := sub.Next(t.Context())
	require.NoError(t, err)
	require.Empty(t, entries)
	appendN(t, log, "s", 4, 4)
	got, err := read(t, sub, 1)
	require.NoError(t, err)
	require.Equal(t, numbers(4, 4), got, "from its place on, nothing twice")
}

// It runs alone, not in parallel: it looks at the goroutines of the process.
func TestNoGoroutineIsLeftAfterClose(t *testing.T) {
	server := startServer(t)
	client := server.client()
	require.NoError(t, client.Ping(t.Context()).Err())
	before := runtime.NumGoroutine()
	log, err := eventlog.New(eventlog.Config{Client: client, Block: time.Minute, CallTimeout: 300 * time.Millisecond})
	require.NoError(t, err)
	subs := make([]*eventlog.Subscription, 500)
	for i := range subs {
		subs[i] = log.Follow(t.Context(), fmt.Sprint("s", i%100), eventlog.ID{})
	}
	require.Eventually(t, func() bool { return log.Stats().Readers > 40 }, patience, time.Millisecond)
	during := runtime.NumGoroutine()
	require.Less(t, during-before, 2*eventlog.Tags+50, "readers and wakes, none for a subscriber")
	require.Eventually(t, func() bool { // one that has not run yet shows no function of ours
		return len(goroutines("internal/platform/eventlog.(")) > 0
	}, patience, time.Millisecond)

	server.kill()
	for _, sub := range subs[:100] {
		_, err := read(t, sub, 1)
		require.ErrorIs(t, err, eventlog.ErrUnavailable)
	}
	require.Less(t, runtime.NumGoroutine()-before, 2*eventlog.Tags+50, "an outage piles nothing up")

	closed := make(chan error, 1)
	go func() { closed <- log.Close() }()
	select {
	case err := <-closed:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("Close waits for a read that does not end")
	}
	for _, sub := range subs {
		_, err := sub.Next(t.Context())
		require.True(t, errors.Is(err, eventlog.ErrClosed))
		sub.Close()
	}
	require.Empty(t, goroutines("internal/platform/eventlog.("), "none of the log's own")
	// What the Redis library still has to end is its own, and little.
	require.Eventually(t, func() bool { return runtime.NumGoroutine()-before < 10 }, patience, 10*time.Millisecond)
}

// goroutines gives the stacks that hold a function of this package.
func goroutines(function string) (stacks []string) {
	all := make([]byte, 1<<20)
	for _, stack := range strings.Split(string(all[:runtime.Stack(all, true)]), "\n\n") {
		if strings.Contains(stack, function) {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

// Redis Cluster refuses commands over keys of different slots even on one node.
func TestItWorksOnARedisCluster(t *testing.T) {
	t.Parallel()
	server := startServer(t, "--cluster-enabled", "yes")
	require.NoError(t, server.client().Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err())
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.addr()}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	require.Eventually(t, func() bool {
		return client.Set(t.Context(), "ready", "1", 0).Err() == nil
	}, patience, 20*time.Millisecond)

	log := newLog(t, client)
	for i := range 30 {
		stream := fmt.Sprint("s", i)
		sub := log.Follow(t.Context(), stream, eventlog.ID{})
		defer sub.Close()
		ids := appendN(t, log, stream, 1, 5)
		got, err := read(t, sub, 5)
		require.NoError(t, err)
		require.Equal(t, numbers(1, 5), got)
		gap, err := log.Resume(t.Context(), stream, ids[2])
		require.NoError(t, err)
		require.Equal(t, numbers(4, 5), texts(gap.Entries))
		_, err = log.Append(t.Context(), eventlog.AppendInput{Stream: stream, After: ids[0]})
		require.ErrorIs(t, err, eventlog.ErrDiverged)
		exists, err := log.Exists(t.Context(), stream)
		require.NoError(t, err)
		require.True(t, exists)
	}
}
