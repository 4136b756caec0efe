package docs_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binaries is the folder of the built program.
var binaries string

func TestMain(m *testing.M) {
	code, err := withProgram(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withProgram(m *testing.M) (code int, err error) {
	if binaries, err = os.MkdirTemp("", "fluentpro-docs-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(binaries)
	build := exec.Command("go", "build", "-o", binaries+"/", "../../cmd/fluentpro")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// A stack is what `make run` starts, once for all pages.
type stack struct {
	url  string
	data string // its data folder
}

// environment is what the pages' commands see: the program, and the data folder of the stack.
func (s *stack) environment() []string {
	out := []string{"PATH=" + binaries + ":" + os.Getenv("PATH"), "FLUENTPRO_DATA_DIR=" + s.data}
	for _, one := range os.Environ() {
		if !strings.HasPrefix(one, "FLUENTPRO_") && !strings.HasPrefix(one, "PATH=") {
			out = append(out, one)
		}
	}
	return out
}

var greeting = regexp.MustCompile(`API +(http://[^/]+)/`)

// startStack starts fluentpro dev as `make run` does, with free ports and a folder of its own.
func startStack(t *testing.T) *stack {
	t.Helper()
	// PostgreSQL may run as another user, who must be able to enter; t.TempDir's are closed.
	data, err := os.MkdirTemp("", "fluentpro-docs-data-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(data, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(data)) })
	s := &stack{data: data}
	dev := exec.Command(filepath.Join(binaries, "fluentpro"), "dev")
	dev.Env = append(s.environment(), "FLUENTPRO_HTTP_ADDR=127.0.0.1:0", "FLUENTPRO_METRICS_ADDR=off")
	said, err := dev.StdoutPipe()
	require.NoError(t, err)
	dev.Stderr = dev.Stdout
	require.NoError(t, dev.Start())
	t.Cleanup(func() {
		_ = dev.Process.Signal(syscall.SIGINT) // it may have ended
		_ = dev.Wait()
	})
	found := make(chan string, 1)
	go func() {
		defer close(found)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if m := greeting.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case found <- m[1]:
				default: // told already
				}
			}
		}
	}()
	select {
	case s.url = <-found:
	case <-time.After(time.Minute):
	}
	require.NotEmpty(t, s.url, "dev never told its address")
	require.Eventually(t, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/readyz", nil)
		if err != nil {
			return false
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, 30*time.Second, 20*time.Millisecond)
	return s
}
