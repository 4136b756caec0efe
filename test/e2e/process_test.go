package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a running program of ours.
type process struct {
	URL    string // the root of its API, once ready
	cmd    *exec.Cmd
	output *output
	done   chan struct{}
}

// output keeps what a program says on both of its streams.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes more.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// String is everything so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start runs fluentpro with these settings and no others of its own. A process
// still there when the test ends is interrupted, then killed.
func start(t *testing.T, settings map[string]string, arguments ...string) *process {
	t.Helper()
	return startProgram(t, "fluentpro", settings, arguments...)
}

func startProgram(t *testing.T, name string, settings map[string]string, arguments ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(filepath.Join(binaries, name), arguments...), output: &output{}, done: make(chan struct{})}
	p.cmd.Env = environment(settings)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.WaitDelay = 10 * time.Second
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // its state tells how it ended
		close(p.done)
	}()
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("%s %s:\n%s", name, strings.Join(arguments, " "), p.output)
		}
	})
	return p
}

// environment is this process's without what a developer has set for theirs.
func environment(settings map[string]string) []string {
	var out []string
	for _, one := range os.Environ() {
		if !strings.HasPrefix(one, "FLUENTPRO_") {
			out = append(out, one)
		}
	}
	for name, value := range settings {
		out = append(out, name+"="+value)
	}
	return out
}

// end stops the process whatever it does.
func (p *process) end() {
	_ = p.cmd.Process.Signal(syscall.SIGINT) // it may have ended
	select {
	case <-p.done:
		return
	case <-time.After(soon):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
}

// address finds the address in the log line of serve and in the greeting of dev.
var address = regexp.MustCompile(`"address":"([^"]+)"|API +http://([^/]+)/`)

// ready waits until the process answers and is willing to.
func (p *process) ready(t *testing.T) {
	t.Helper()
	p.eventually(t, "never told its address", func() bool {
		found := address.FindStringSubmatch(p.output.String())
		if found != nil {
			p.URL = "http://" + found[1] + found[2]
		}
		return found != nil
	})
	p.eventually(t, "never became ready", func() bool { return status(t.Context(), p.URL+"/readyz") == http.StatusOK })
}

// eventually waits for something of a process that runs on.
func (p *process) eventually(t *testing.T, otherwise string, condition func() bool) {
	t.Helper()
	for deadline := time.After(soon); !condition(); {
		select {
		case <-p.done:
			require.FailNow(t, "the process ended and "+otherwise, "%s", p.output)
		case <-deadline:
			require.FailNow(t, "the process "+otherwise, "%s", p.output)
		case <-time.After(often):
		}
	}
}

// status is that of a GET, or 0.
func status(ctx context.Context, url string) int {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// signal sends one.
func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(s))
}

// exit waits for the end and gives the exit code, -1 after a signal that was
// not caught.
func (p *process) exit(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		require.FailNow(t, "the process did not end in time", "%s", p.output)
	}
	return p.cmd.ProcessState.ExitCode()
}

// runToEnd runs a command that ends by itself.
func runToEnd(t *testing.T, settings map[string]string, arguments ...string) (said string, code int) {
	t.Helper()
	p := start(t, settings, arguments...)
	code = p.exit(t, soon)
	return p.output.String(), code
}

// entry is a line of the process table.
type entry struct {
	pid, parent int
	command     string
}

// processes is the table of those that run; what has ended and was not
// collected by its parent yet does not.
func processes(t *testing.T) []entry {
	t.Helper()
	out, err := exec.Command("ps", "-axo", "pid=,ppid=,stat=,args=").Output()
	require.NoError(t, err)
	var all []entry
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || strings.HasPrefix(fields[2], "Z") {
			continue
		}
		pid, err1 := strconv.Atoi(fields[0])
		parent, err2 := strconv.Atoi(fields[1])
		require.NoError(t, errors.Join(err1, err2), line)
		all = append(all, entry{pid, parent, strings.Join(fields[3:], " ")})
	}
	return all
}

// family is a process and all that it and its children started.
func family(t *testing.T, root int) map[int]bool {
	t.Helper()
	found := map[int]bool{root: true}
	table := processes(t)
	for grown := true; grown; {
		grown = false
		for _, e := range table {
			if found[e.parent] && !found[e.pid] {
				found[e.pid], grown = true, true
			}
		}
	}
	return found
}

// nothingLeft waits until no process of the family runs, and none that has the
// data folder among its arguments, and nobody listens on the folder's ports.
func nothingLeft(t *testing.T, members map[int]bool, dir string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(soon); ; <-time.After(often) {
		left = left[:0]
		for _, e := range processes(t) {
			if members[e.pid] || strings.Contains(e.command, dir) {
				left = append(left, fmt.Sprintf("%d %.200s", e.pid, e.command))
			}
		}
		for _, port := range ports(t, dir) {
			if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
				_ = c.Close()
				left = append(left, "a listener on port "+port)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			require.Empty(t, left)
		}
	}
}

// ports are those that PostgreSQL and Redis of a data folder take.
func ports(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.port"))
	require.NoError(t, err)
	var all []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all = append(all, strings.TrimSpace(string(text)))
	}
	return all
}
