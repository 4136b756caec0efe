package devstack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
)

// A copy of this test binary with this variable set is another `fluentpro dev`:
// it starts everything in the folder the variable names, says so, and waits to
// be killed.
const childVariable = "DEVSTACK_TEST_CHILD"

const soon, often = 20 * time.Second, 5 * time.Millisecond

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := beChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// started is what a child tells of itself.
type started struct {
	Postgres, TestPostgres, Redis int // process ids
	TestURL, TestFolder           string
}

func beChild(dir string) error {
	ctx := context.Background()
	p, err := devstack.StartPostgres(ctx, devstack.PostgresConfig{DataDir: dir, Fast: true})
	if err != nil {
		return err
	}
	r, err := devstack.StartRedis(ctx, devstack.RedisConfig{DataDir: dir})
	if err != nil {
		return err
	}
	temporary, err := devstack.StartPostgres(ctx, devstack.PostgresConfig{Fast: true})
	if err != nil {
		return err
	}
	s := started{TestURL: temporary.URL("fluentpro"), TestFolder: filepath.Dir(temporary.Folder())}
	if s.Postgres, err = postmaster(p.Folder()); err != nil {
		return err
	}
	if s.TestPostgres, err = postmaster(temporary.Folder()); err != nil {
		return err
	}
	if s.Redis, err = redisPid(ctx, r); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		return err
	}
	select {}
}

func postmaster(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// redisPid is 0 for an in-process Redis.
func redisPid(ctx context.Context, r *devstack.Redis) (int, error) {
	if r.Kind() == devstack.RedisInProcess {
		return 0, nil
	}
	options, err := redis.ParseURL(r.URL())
	if err != nil {
		return 0, err
	}
	client := redis.NewClient(options)
	defer client.Close()
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(info, "process_id:")
	number, _, _ := strings.Cut(after, "\r")
	return strconv.Atoi(number)
}

// startChild gives the running child and what it says.
func startChild(t *testing.T, dir string) (*exec.Cmd, started) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(t, err, "the child ended early")
	var s started
	require.NoError(t, json.Unmarshal(line, &s))
	return child, s
}

// folder is a new one that every user can enter, which t.TempDir's are not.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(devstack.TemporaryParents()[0], "devstack-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func start(t *testing.T, cfg devstack.PostgresConfig) *devstack.Postgres {
	t.Helper()
	cfg.Fast = true
	p, err := devstack.StartPostgres(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop(context.Background())) })
	return p
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func execute(t *testing.T, url, statement string) {
	t.Helper()
	conn := connect(t, url)
	_, err := conn.Exec(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

func query[T any](t *testing.T, url, statement string) T {
	t.Helper()
	conn := connect(t, url)
	var value T
	require.NoError(t, conn.QueryRow(t.Context(), statement).Scan(&value))
	require.NoError(t, conn.Close(t.Context()))
	return value
}

// gone waits until a process is no more.
func gone(t *testing.T, pid int, what string) {
	t.Helper()
	require.Eventually(t, func() bool { return !devstack.Alive(pid) }, soon, often, "%s (%d) lives on", what, pid)
}

// takenPort listens on a port for the rest of the test.
func takenPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
