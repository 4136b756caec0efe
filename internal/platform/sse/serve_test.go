package sse_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// batches gives one batch after the other and then ends well.
func batches(all ...[]sse.Event) sse.Next {
	return func(context.Context) ([]sse.Event, error) {
		if len(all) == 0 {
			return nil, io.EOF
		}
		batch := all[0]
		all = all[1:]
		return batch, nil
	}
}

func event(i int) sse.Event {
	return sse.Event{Name: "message.delta", ID: fmt.Sprint("c", i), Data: fmt.Appendf(nil, `{"n":%d}`, i)}
}

// serve answers every request of a real server with the stream of next.
func serve(t *testing.T, next func() sse.Next, opts sse.Options) (url string, result chan error) {
	t.Helper()
	result = make(chan error, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/somewhere")
		opts := opts
		opts.HeadersOnly = r.Method == http.MethodHead
		result <- sse.Serve(r.Context(), w, next(), opts)
	}))
	t.Cleanup(server.Close)
	return server.URL, result
}

func get(t *testing.T, method, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestAStreamIsWrittenAsTheStandardHasIt(t *testing.T) {
	t.Parallel()
	prepared, err := event(2).Prepared()
	require.NoError(t, err)
	again, err := prepared.Prepared()
	require.NoError(t, err)
	url, result := serve(t, func() sse.Next {
		return batches([]sse.Event{{ID: "c0"}}, []sse.Event{event(1), again}, nil, []sse.Event{{Data: []byte("{}")}, sse.Closing(sse.Draining, 2500)})
	}, sse.Options{})

	res := get(t, http.MethodGet, url)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, <-result)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	require.Equal(t, "no-store, no-transform", res.Header.Get("Cache-Control"))
	require.Equal(t, "no", res.Header.Get("X-Accel-Buffering"))
	require.Equal(t, "/somewhere", res.Header.Get("Location"), "what the caller set stays")
	require.Equal(t, `retry: N

id: c0

event: message.delta
id: c1
data: {"n":1}

event: message.delta
id: c2
data: {"n":2}

data: {}

event: stream.closing
data: {"type":"stream.closing","reason":"draining","retry_ms":2500}

`, regexp.MustCompile(`^retry: [234]\d{3}\n`).ReplaceAllString(string(body), "retry: N\n"))
}

func TestAHeadRequestGetsTheHeadersAlone(t *testing.T) {
	t.Parallel()
	url, result := serve(t, func() sse.Next {
		return func(context.Context) ([]sse.Event, error) { panic("not asked for") }
	}, sse.Options{})
	res := get(t, http.MethodHead, url)
	require.NoError(t, <-result)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	require.Equal(t, "no-store, no-transform", res.Header.Get("Cache-Control"))
}

func TestTheRetryTimeIsSpreadOverTwoToFourSeconds(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 1000 {
		ms := sse.RetryMillis()
		require.GreaterOrEqual(t, ms, 2000)
		require.LessOrEqual(t, ms, 4000)
		seen[ms/500] = true
	}
	require.Subset(t, seen, map[int]bool{4: true, 5: true, 6: true, 7: true})
}

// fakeResponse notes what is written when, in a bubble's time.
type fakeResponse struct {
	http.ResponseWriter
	mu        sync.Mutex
	began     time.Time
	log       []string
	deadline  time.Time
	broken    error
	unflushed string
	text      strings.Builder // all of it
}

func newFakeResponse() *fakeResponse {
	return &fakeResponse{ResponseWriter: httptest.NewRecorder(), began: time.Now()}
}

func (f *fakeResponse) SetWriteDeadline(at time.Time) error { f.deadline = at; return nil }

func (f *fakeResponse) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return 0, f.broken
	}
	if left := time.Until(f.deadline); left < 7*time.Second || left > 10*time.Second {
		return 0, fmt.Errorf("a write with a deadline in %v", left)
	}
	f.unflushed += string(p)
	f.text.Write(p)
	return len(p), nil
}

func (f *fakeResponse) FlushError() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := strings.NewReplacer("\n", " ").Replace(f.unflushed)
	f.log = append(f.log, fmt.Sprintf("%v %s", time.Since(f.began), strings.TrimSpace(text)))
	f.unflushed = ""
	return f.broken
}

func (f *fakeResponse) breakWith(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

func TestSilenceIsBrokenByACommentAndABatchLeavesInOneFlush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, step := newFakeResponse(), 0
		err := sse.Serve(t.Context(), w, func(context.Context) ([]sse.Event, error) {
			step++
			switch step {
			case 1:
				time.Sleep(40 * time.Second)
				return []sse.Event{event(1), event(2)}, nil
			case 2:
				time.Sleep(14 * time.Second)
				return []sse.Event{event(3)}, nil
			default:
				time.Sleep(20 * time.Second)
				return []sse.Event{event(4)}, io.EOF
			}
		}, sse.Options{})
		require.NoError(t, err)
		require.Regexp(t, "^0s retry: ", w.log[0])
		one := func(i int) string { return fmt.Sprintf(`event: message.delta id: c%d data: {"n":%d}`, i, i) }
		require.Equal(t, []string{
			"15s :", "30s :", "40s " + one(1) + "  " + one(2), "54s " + one(3), "1m9s :", "1m14s " + one(4),
		}, w.log[1:])
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, w.log, 7, "nothing is written after the end")
	})
}

func TestAHeartbeatThatCannotBeSentEndsTheStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, gone := newFakeResponse(), errors.New("connection reset")
		err := sse.Serve(t.Context(), w, func(ctx context.Context) ([]sse.Event, error) {
			w.breakWith(gone)
			<-ctx.Done()
			return nil, ctx.Err()
		}, sse.Options{})
		require.ErrorIs(t, err, gone)
		require.Equal(t, 15*time.Second, time.Since(w.began))
	})
}

func TestWhatEndsAStreamIsReturned(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	failing := func(events ...sse.Event) sse.Next {
		return func(context.Context) ([]sse.Event, error) { return events, broken }
	}
	w := newFakeResponse()
	require.ErrorIs(t, sse.Serve(t.Context(), w, failing(event(1)), sse.Options{}), broken)
	require.Len(t, w.log, 2, "the events that came with the error are written")

	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("the client left")
	cancel(left)
	waiting := func(ctx context.Context) ([]sse.Event, error) { <-ctx.Done(); return nil, ctx.Err() }
	require.ErrorIs(t, sse.Serve(ctx, newFakeResponse(), waiting, sse.Options{}), left)

	w = newFakeResponse()
	last := func(_ context.Context) ([]sse.Event, error) {
		return []sse.Event{sse.Closing(sse.TokenExpiring, 2000)}, io.EOF
	}
	require.NoError(t, sse.Serve(ctx, w, last, sse.Options{}))
	require.Contains(t, w.log[1], "token_expiring", "a source may say goodbye when ctx has ended")

	w = newFakeResponse()
	w.breakWith(broken)
	require.ErrorIs(t, sse.Serve(t.Context(), w, batches(), sse.Options{}), broken)
	w = newFakeResponse()
	require.ErrorIs(t, sse.Serve(t.Context(), w, func(context.Context) ([]sse.Event, error) {
		w.breakWith(broken)
		return []sse.Event{event(1)}, nil
	}, sse.Options{}), broken)
}

func TestAResponseWithoutDeadlinesIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	require.ErrorIs(t, sse.Serve(t.Context(), recorder, batches(), sse.Options{}), http.ErrNotSupported)
	require.Empty(t, recorder.Header())
}

func TestAnInvalidEventIsADefectAndKeepsItsBatchBack(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]sse.Event{
		"no data":           {Name: "x"},
		"two lines of data": {Data: []byte("{\n}")},
		"CR in data":        {Data: []byte("{\r}")},
		"newline in name":   {Name: "a\nb", Data: []byte("{}")},
		"CR in id":          {ID: "a\rb", Data: []byte("{}")},
		"NUL in id":         {ID: "a\x00b", Data: []byte("{}")},
	} {
		w := newFakeResponse()
		err := sse.Serve(t.Context(), w, batches([]sse.Event{event(1), bad}), sse.Options{})
		require.ErrorIs(t, err, sse.ErrInvalidEvent, name)
		require.Len(t, w.log, 1, name)
		_, err = bad.Prepared()
		require.ErrorIs(t, err, sse.ErrInvalidEvent, name)
	}
}

// pipeListener hands one in-memory connection to a server: it buffers nothing,
// so that a write waits for the client's read.
type pipeListener struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l pipeListener) Close() error   { close(l.closed); return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{} }

func TestAClientThatNeverReadsIsCutByTheWriteDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, conn := net.Pipe()
		listener := pipeListener{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
		listener.conn <- conn
		result := make(chan error, 1)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			result <- sse.Serve(r.Context(), w, func(ctx context.Context) ([]sse.Event, error) {
				return []sse.Event{event(1)}, ctx.Err()
			}, sse.Options{})
		})}
		go func() { _ = server.Serve(listener) }()
		began := time.Now()
		_, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		first, err := bufio.NewReader(client).ReadString('\n') // and never again
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 200 OK\r\n", first)

		require.ErrorIs(t, <-result, os.ErrDeadlineExceeded)
		require.LessOrEqual(t, time.Since(began), 10*time.Second)
		require.GreaterOrEqual(t, time.Since(began), 7*time.Second)
		require.NoError(t, server.Close())
		require.NoError(t, client.Close())
	})
}

func TestTheConnectionServesOnAfterAStream(t *testing.T) {
	t.Parallel()
	url, result := serve(t, func() sse.Next { return batches([]sse.Event{event(1)}) }, sse.Options{WriteTimeout: 50 * time.Millisecond})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for round := range 2 {
		reused := false
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused },
		})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		require.NoError(t, err)
		res, err := client.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.NoError(t, <-result)
		require.Contains(t, string(body), "data: ")
		require.Equal(t, round == 1, reused)
		time.Sleep(60 * time.Millisecond) // the time under test: the deadline of the stream passes
	}
}

// On HTTP/2 a deadline that passes in silence would reset the stream.
func TestSilenceLongerThanTheWriteDeadlineIsHarmlessOnHTTP2(t *testing.T) {
	t.Parallel()
	proceed := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := 0
		_ = sse.Serve(r.Context(), wrapped{w}, func(ctx context.Context) ([]sse.Event, error) {
			if sent++; sent > 1 {
				return nil, io.EOF
			}
			select {
			case <-proceed:
				return []sse.Event{event(1)}, nil
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}, sse.Options{WriteTimeout: 50 * time.Millisecond})
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 2, res.ProtoMajor)
	time.AfterFunc(200*time.Millisecond, func() { close(proceed) })
	got, err := sse.NewReader(res.Body).Next()
	require.NoError(t, err)
	require.Equal(t, "c1", got.ID)
}

// wrapped is a response behind a middleware.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestAClientThatLeavesEndsTheStream(t *testing.T) {
	t.Parallel()
	url, result := serve(t, func() sse.Next {
		return func(ctx context.Context) ([]sse.Event, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
	}, sse.Options{})
	res := get(t, http.MethodGet, url)
	_, err := bufio.NewReader(res.Body).ReadString('\n')
	require.NoError(t, err, "the first bytes come before any event")
	require.NoError(t, res.Body.Close())
	require.ErrorIs(t, <-result, context.Canceled)
}
