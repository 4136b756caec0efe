package page_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

var (
	errAway   = fault.New(fault.Unavailable, "server.unavailable", "away")
	errBroken = errors.New("broken")
)

// describe is how these tests put an error into words.
func describe(err error) (code, detail string) {
	if f := fault.Find(err); f != nil {
		return f.Code, f.Message
	}
	return "server.internal", "something"
}

// numbers is a stream of the numbers 1 to n.
func numbers(n int) page.Stream[int, int] {
	return page.Stream[int, int]{
		Read: func(_ context.Context, after *int, limit int) iter.Seq2[int, error] {
			first := 1
			if after != nil {
				first = *after + 1
			}
			return func(yield func(int, error) bool) {
				for i := first; i < first+limit && i <= n && yield(i, nil); i++ {
				}
			}
		},
		Key:    func(i int) int { return i },
		Append: func(dst []byte, i int) ([]byte, error) { return fmt.Appendf(dst, `{"n":%d}`, i), nil },
	}
}

// before has check run before each page of s is read.
func before(s page.Stream[int, int], check func(ctx context.Context, after *int) error) page.Stream[int, int] {
	read := s.Read
	s.Read = func(ctx context.Context, after *int, limit int) iter.Seq2[int, error] {
		if err := check(ctx, after); err != nil {
			return func(yield func(int, error) bool) { yield(0, err) }
		}
		return read(ctx, after, limit)
	}
	return s
}

// text is what a whole export of n numbers and its end line are.
func text(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"n\":%d}\n", i+1)
	}
	fmt.Fprintf(&b, "{\"type\":\"end\",\"count\":%d}\n", n)
	return b.String()
}

func exporter(change func(*page.Config)) *page.Exporter {
	cfg := page.Config{Describe: describe}
	if change != nil {
		change(&cfg)
	}
	return page.New(cfg)
}

// serve answers every request of a real server with a stream.
func serve(t *testing.T, e *page.Exporter, stream func() page.Stream[int, int]) (server *httptest.Server, result chan error) {
	t.Helper()
	result = make(chan error, 10)
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := stream().Serve(r.Context(), w, e, page.Options{HeadersOnly: r.Method == http.MethodHead})
		if f := fault.Find(err); f != nil && w.Header().Get("Content-Type") == "" {
			http.Error(w, f.Code, http.StatusServiceUnavailable)
		}
		result <- err
	}))
	server.EnableHTTP2 = true
	t.Cleanup(server.Close)
	return server, result
}

func get(t *testing.T, server *httptest.Server, method string) *http.Response {
	t.Helper()
	if server.URL == "" {
		server.Start()
	}
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
	require.NoError(t, err)
	res, err := server.Client().Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func whole(t *testing.T, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

// fakeResponse takes deadlines and keeps what is written.
type fakeResponse struct {
	*httptest.ResponseRecorder
	text      strings.Builder
	forget    bool // keep nothing
	broken    error
	unflushed error
	writes    int
	largest   int
	size      int
	deadline  time.Time
}

func newFakeResponse() *fakeResponse { return &fakeResponse{ResponseRecorder: httptest.NewRecorder()} }

func (f *fakeResponse) SetWriteDeadline(at time.Time) error { f.deadline = at; return nil }

func (f *fakeResponse) Write(p []byte) (int, error) {
	f.writes++
	if f.broken != nil {
		return 0, f.broken
	}
	if f.deadline.IsZero() {
		return 0, errors.New("a write without a deadline")
	}
	f.largest, f.size = max(f.largest, len(p)), f.size+len(p)
	if !f.forget {
		f.text.Write(p)
	}
	return len(p), nil
}

func (f *fakeResponse) FlushError() error { return f.unflushed }
