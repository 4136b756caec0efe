package sse_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// takes answers every request of a real server with the stream of next, on connections that
// are taken; the errors of Take and of Serve come by result.
func takes(t *testing.T, streams *sse.Streams, next func() sse.Next, opts sse.Options) (server *httptest.Server, result chan error) {
	t.Helper()
	result = make(chan error, 10)
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/somewhere")
		taken, err := streams.Take(wrapped{w}, opts)
		if err != nil {
			result <- err
			return
		}
		taken.Go(func() { result <- taken.Serve(context.Background(), next()) })
	}))
	t.Cleanup(server.Close)
	return server, result
}

// silent gives nothing until the stream must end.
func silent(ctx context.Context) ([]sse.Event, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestATakenStreamIsAWholeResponseToAnyClient(t *testing.T) {
	t.Parallel()
	server, result := takes(t, &sse.Streams{}, func() sse.Next {
		return batches([]sse.Event{{ID: "c0"}}, []sse.Event{event(1), event(2)}, nil, []sse.Event{{Data: []byte(`"` + strings.Repeat("x", 70_000) + `"`)}})
	}, sse.Options{})
	server.Start()
	res := get(t, http.MethodGet, server.URL)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, []string{"chunked"}, res.TransferEncoding)
	require.True(t, res.Close, "the connection ends with the stream")
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	require.Equal(t, "no-store, no-transform", res.Header.Get("Cache-Control"))
	require.Equal(t, "/somewhere", res.Header.Get("Location"))
	require.NotEmpty(t, res.Header.Get("Date"))
	events := sse.NewReader(res.Body)
	all, err := readAll(events)
	require.ErrorIs(t, err, io.EOF)
	require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Len(t, all, 3)
	require.Equal(t, "c2", all[1].ID)
	require.Len(t, all[2].Data, 70_002)
	require.NotZero(t, events.Retry())
	require.NoError(t, <-result)
}

func TestABatchOfATakenStreamIsOneChunk(t *testing.T) {
	t.Parallel()
	server, result := takes(t, &sse.Streams{}, func() sse.Next {
		return batches([]sse.Event{event(1), event(2)}, []sse.Event{event(3)})
	}, sse.Options{})
	server.Start()
	conn := dial(t, server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	text, err := io.ReadAll(conn)
	require.NoError(t, err)
	one := func(n string) string { return "event: message.delta\nid: c" + n + "\ndata: {\"n\":" + n + "}\n\n" }
	require.True(t, strings.HasSuffix(string(text), "\r\n00000056\r\n"+one("1")+one("2")+"\r\n0000002b\r\n"+one("3")+"\r\n0\r\n\r\n"), "%q", text)
	require.NoError(t, <-result)
}

func dial(t *testing.T, server *httptest.Server, request string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	return conn
}

func TestATakenStreamThatFailsIsCutShort(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, next := range map[string]sse.Next{
		"of itself": func(context.Context) ([]sse.Event, error) { return []sse.Event{event(1)}, broken },
		"by panic":  func(context.Context) ([]sse.Event, error) { panic(broken) },
	} {
		streams := &sse.Streams{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			taken, err := streams.Take(w, sse.Options{})
			if err != nil {
				return
			}
			taken.Go(func() {
				defer func() { _ = recover() }()
				_ = taken.Serve(context.Background(), next)
			})
		}))
		res := get(t, http.MethodGet, server.URL)
		_, err := io.ReadAll(res.Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
		require.NoError(t, streams.Stop(t.Context()), "nothing of it is left")
		server.Close()
	}
}

func TestNothingIsLeftOfATakenStreamWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	streams := &sse.Streams{}
	server, result := takes(t, streams, func() sse.Next { return silent }, sse.Options{})
	server.Start()
	for name, leave := range map[string]func(net.Conn) error{
		"closes":      net.Conn.Close,
		"says enough": func(c net.Conn) error { return c.(*net.TCPConn).CloseWrite() },
		"resets": func(c net.Conn) error {
			return errors.Join(c.(*net.TCPConn).SetLinger(0), c.Close())
		},
	} {
		conn := dial(t, server, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /more HTTP/1.1\r\n")
		_, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.NoError(t, leave(conn))
		require.ErrorIs(t, <-result, context.Canceled, name)
	}
	require.NoError(t, streams.Stop(t.Context()))
}

func TestARequestIsFreedWhileItsTakenStreamGoesOn(t *testing.T) {
	t.Parallel()
	freed := make(chan struct{})
	streams := &sse.Streams{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		runtime.AddCleanup(r, func(struct{}) { close(freed) }, struct{}{})
		if taken, err := streams.Take(w, sse.Options{}); err == nil {
			taken.Go(func() { _ = taken.Serve(context.Background(), silent) })
		}
	}))
	defer server.Close()
	res := get(t, http.MethodGet, server.URL)
	for waiting := true; waiting; {
		runtime.GC()
		select {
		case <-freed:
			waiting = false
		case <-t.Context().Done():
			t.Fatal("the request is kept")
		default:
			runtime.Gosched()
		}
	}
	require.NoError(t, res.Body.Close())
	require.NoError(t, streams.Stop(t.Context()))
}

func TestAClientThatNeverReadsATakenStreamIsCut(t *testing.T) {
	t.Parallel()
	streams := &sse.Streams{}
	much := []sse.Event{{Data: []byte(strings.Repeat("x", 1<<20))}}
	server, result := takes(t, streams, func() sse.Next {
		return func(ctx context.Context) ([]sse.Event, error) { return much, ctx.Err() }
	}, sse.Options{WriteTimeout: 50 * time.Millisecond})
	server.Start()
	_ = dial(t, server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.ErrorIs(t, <-result, context.Canceled)
	require.NoError(t, streams.Stop(t.Context()))
}

func TestStoppingWaitsForTakenStreamsAndCutsThemAtLast(t *testing.T) {
	t.Parallel()
	streams, proceed := &sse.Streams{}, make(chan struct{})
	server, result := takes(t, streams, func() sse.Next {
		return func(ctx context.Context) ([]sse.Event, error) {
			select {
			case <-proceed:
				return []sse.Event{event(1)}, io.EOF
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
	}, sse.Options{})
	server.Start()
	ends := get(t, http.MethodGet, server.URL)
	stopped := make(chan error, 1)
	go func() { stopped <- streams.Stop(context.Background()) }()
	select {
	case <-stopped:
		t.Fatal("it does not wait")
	case proceed <- struct{}{}:
	}
	text, err := io.ReadAll(ends.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), "c1")
	require.NoError(t, <-result)
	require.NoError(t, <-stopped)

	res := get(t, http.MethodGet, server.URL)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.ErrorIs(t, <-result, http.ErrNotSupported, "from then on none is taken")

	streams = &sse.Streams{}
	server, result = takes(t, streams, func() sse.Next { return silent }, sse.Options{})
	server.Start()
	hangs := get(t, http.MethodGet, server.URL)
	late, cancel := context.WithCancelCause(t.Context())
	limit := errors.New("the limit")
	cancel(limit)
	require.ErrorIs(t, streams.Stop(late), limit)
	_, err = io.ReadAll(hangs.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorIs(t, <-result, context.Canceled)
	require.NoError(t, streams.Stop(t.Context()), "nothing is left")
}

func TestWhatCannotBeTakenIsLeftAsItWas(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	_, err := (&sse.Streams{}).Take(recorder, sse.Options{})
	require.ErrorIs(t, err, http.ErrNotSupported)
	require.Empty(t, recorder.Header())

	server, result := takes(t, &sse.Streams{}, func() sse.Next { return batches() }, sse.Options{})
	server.EnableHTTP2 = true
	server.StartTLS()
	res, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, 2, res.ProtoMajor)
	require.ErrorIs(t, <-result, http.ErrNotSupported)
}

func TestAStreamIsTakenFromTLSToo(t *testing.T) {
	t.Parallel()
	server, result := takes(t, &sse.Streams{}, func() sse.Next { return batches([]sse.Event{event(1)}) }, sse.Options{})
	server.StartTLS()
	res, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), `data: {"n":1}`)
	require.NoError(t, <-result)
}
