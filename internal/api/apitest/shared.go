package apitest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
)

// Shared gives the one service that tests of a process share: for a test that does
// nothing but ask as learners of its own, and reads nothing that others may change.
// It scripts no model, moves no clock, reads no lists of all users' things and changes
// no setting: a test that must, starts one of its own by New. The package's TestMain
// is Main.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.once.Do(func() { shared.server = New(&shared.life) })
	if shared.server == nil {
		t.Fatalf("the service that tests share did not start: %s", shared.life.failure)
	}
	s := *shared.server
	s.client = &http.Client{Transport: newContractTransport(t, s.transport)}
	from := len(s.Logs.String())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("server log, of other tests too:\n%s", s.Logs.String()[from:])
		}
	})
	return &s
}

var shared struct {
	once   sync.Once
	server *Server
	life   life
}

// Main runs a package's tests and then stops what they shared.
func Main(m *testing.M) {
	code := m.Run()
	if code = max(code, shared.life.end()); code != 0 {
		fmt.Fprintln(os.Stderr, shared.life.failure)
	}
	os.Exit(code)
}

// life is what a test is to what starts for it, but ends with the process.
type life struct {
	testing.TB // nil: what is not below is not asked of it
	mu         sync.Mutex
	ends       []func()
	failure    string
}

// Helper does nothing: no line of a test is to be named.
func (l *life) Helper() {}

// Name is what a failure is told of.
func (l *life) Name() string { return "what tests share" }

// Context is never done.
func (l *life) Context() context.Context { return context.Background() }

// Failed reports whether anything that was started has failed.
func (l *life) Failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure != ""
}

// Logf keeps nothing: the server's log is shown by the test that failed.
func (l *life) Logf(string, ...any) {}

// Errorf keeps a failure, which Main tells.
func (l *life) Errorf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure += fmt.Sprintf(format, args...)
}

// FailNow leaves the test that came first, as Shared leaves those that follow.
func (l *life) FailNow() { panic(l.failure) }

// Cleanup has something done when all tests are over.
func (l *life) Cleanup(end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ends = append(l.ends, end)
}

// TempDir makes a folder that goes when all tests are over.
func (l *life) TempDir() string {
	dir, err := os.MkdirTemp("", "shared")
	if err != nil {
		l.Errorf("%v", err)
		l.FailNow()
	}
	l.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// end undoes what was started, the last first, and gives the exit code.
func (l *life) end() int {
	for _, end := range slices.Backward(l.ends) {
		end()
	}
	if l.Failed() {
		return 1
	}
	return 0
}
