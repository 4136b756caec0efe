// Package fault_test breaks the service on purpose, in processes of its own, and
// looks whether its promises hold. Each fault has a short form, which every test
// run includes, and a long one: make fault FAULT=events.
package fault_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// long asks for the form that `make fault` runs.
var long = flag.Bool("long", false, "break more, and for longer")

// roleVariable makes a copy of this program one of the processes that are killed.
const roleVariable = "FLUENTPRO_FAULT_ROLE"

const patience = 2 * time.Minute

// roles are what a copy of this program can be.
var roles = map[string]func(ctx context.Context) error{"relay": relayRole, "consumer": consumerRole}

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		code := m.Run()
		_ = os.RemoveAll(built.dir)
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := roles[role](ctx); err != nil {
		fmt.Fprintln(os.Stderr, role, err)
		os.Exit(1) //nolint:gocritic // the deferred call only frees what the process frees
	}
}

// child is a copy of this program in a role.
type child struct {
	role string
	cmd  *exec.Cmd
	said *said
}

// said keeps the last lines of a process.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// startChild starts one; it says "ready" before startChild returns.
func startChild(t *testing.T, role string, settings ...string) *child {
	t.Helper()
	c := &child{role: role, cmd: exec.Command(os.Args[0]), said: &said{}}
	c.cmd.Env = append(append(os.Environ(), roleVariable+"="+role), settings...)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	c.cmd.Stderr = c.cmd.Stdout
	require.NoError(t, c.cmd.Start())
	ready := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if lines.Text() == "ready" {
				ready <- true
				continue
			}
			c.said.mu.Lock()
			c.said.lines = append(c.said.lines, lines.Text())
			c.said.mu.Unlock()
		}
		close(ready)
	}()
	select {
	case ok := <-ready:
		require.True(t, ok, "the %s ended: %s", role, c.said)
	case <-time.After(patience):
		require.FailNow(t, "a "+role+" does not start")
	}
	return c
}

// kill is kill -9.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}
