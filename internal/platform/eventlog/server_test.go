package eventlog_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

const patience = 20 * time.Second // for what must happen at all; the machine may be busy

// server is a redis-server of one test.
type server struct {
	t    testing.TB
	port int
	args []string
	cmd  *exec.Cmd

	drained chan bool // closed when the server's output ends
}

// startServer starts a real Redis on a free port, or skips where there is none.
func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server on the PATH")
	}
	dir, err := os.MkdirTemp("", "eventlog")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &server{t: t, args: append([]string{"--save", "", "--appendonly", "no", "--dir", dir, "--bind", "127.0.0.1"}, args...)}
	t.Cleanup(s.kill)
	// Between choosing the port and taking it another process may take it.
	for range 5 {
		s.port = freePort(t)
		if s.start() {
			return s
		}
	}
	t.Fatal("redis-server does not start")
	return nil
}

func freePort(t testing.TB) int {
	// Below the range that the system hands out for outgoing connections.
	for range 100 {
		port := 20_000 + int(time.Now().UnixNano()/1000%8_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func (s *server) addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// start reports whether the server is ready; it is also the restart after kill.
func (s *server) start() bool {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", append([]string{"--port", strconv.Itoa(s.port)}, s.args...)...)
	out, err := s.cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, s.cmd.Start())
	ready := make(chan bool)
	go func() {
		defer close(ready)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), "Ready to accept connections") {
				ready <- true
			}
		}
	}()
	if <-ready { // closed without a word: it ended, the port is taken
		s.drained = ready
		return true
	}
	s.kill()
	return false
}

func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Kill()
	if s.drained != nil {
		<-s.drained
	}
	_ = s.cmd.Wait()
	s.cmd = nil
}

func (s *server) signal(sig syscall.Signal) { require.NoError(s.t, s.cmd.Process.Signal(sig)) }

func (s *server) client() redis.UniversalClient { return newClient(s.t, s.addr()) }

func newClient(t testing.TB, addr string) redis.UniversalClient {
	client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, MaxRetries: 1})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// onBoth runs a test on a real Redis and on the one in the process; and on the Redis
// Cluster, where the tests share one.
func onBoth(t *testing.T, test func(t *testing.T, client redis.UniversalClient)) {
	t.Parallel()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, startServer(t).client())
	})
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		test(t, newClient(t, miniredis.RunT(t).Addr()))
	})
	if redistest.IsCluster(t) {
		t.Run(onCluster, func(t *testing.T) {
			t.Parallel()
			test(t, redistest.Shared(t, func(o *redis.UniversalOptions) { o.MaxRetries = 1 }))
		})
	}
}

// onCluster is the name of the subtests that share a Redis with other tests.
const onCluster = "cluster"

// run sets this run of the tests apart from others on the same cluster.
var run = rand.Text()

// prefixOf is what a test's logs begin with.
func prefixOf(t testing.TB) string {
	if !strings.HasSuffix(t.Name(), "/"+onCluster) {
		return "live"
	}
	return run + t.Name()
}

// keyOf is the key of a stream.
func keyOf(t testing.TB, stream string) string {
	return fmt.Sprintf("%s:{t%02d}:%s", prefixOf(t), eventlog.TagOf(stream), stream)
}

// newLog makes one node's log, closed with the test.
func newLog(t testing.TB, client redis.UniversalClient, changes ...func(*eventlog.Config)) *eventlog.Log {
	t.Helper()
	config := eventlog.Config{Client: client, Prefix: prefixOf(t), Block: time.Second, Linger: 100 * time.Millisecond}
	for _, change := range changes {
		change(&config)
	}
	log, err := eventlog.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	return log
}

// appendN appends entries numbered from..to in order and returns their ids.
func appendN(t testing.TB, log *eventlog.Log, stream string, from, to int) []eventlog.ID {
	t.Helper()
	var ids []eventlog.ID
	for i := from; i <= to; i++ {
		id, err := log.Append(t.Context(), eventlog.AppendInput{
			Stream: stream, After: eventlog.AnyID, Entry: []byte(strconv.Itoa(i)),
		})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	return ids
}

// texts gives what entries hold.
func texts(entries []eventlog.Entry) []string {
	out := []string{}
	for _, e := range entries {
		out = append(out, string(e.Data))
	}
	return out
}

func numbers(from, to int) []string {
	out := []string{}
	for i := from; i <= to; i++ {
		out = append(out, strconv.Itoa(i))
	}
	return out
}

// read takes entries from a subscription until it has n, or an error comes.
func read(t testing.TB, sub *eventlog.Subscription, n int) ([]string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got := []string{}
	for len(got) < n {
		entries, err := sub.Next(ctx)
		got = append(got, texts(entries)...)
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

// requireSilence checks that Next has nothing to tell for a little while.
func requireSilence(t testing.TB, sub *eventlog.Subscription, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	entries, err := sub.Next(ctx)
	require.Empty(t, texts(entries))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// sameTag gives n names of streams that one reader serves.
func sameTag(prefix string, n int) []string {
	names := []string{prefix}
	for i := 0; len(names) < n; i++ {
		if name := fmt.Sprint(prefix, "-", i); eventlog.TagOf(name) == eventlog.TagOf(prefix) {
			names = append(names, name)
		}
	}
	return names
}
