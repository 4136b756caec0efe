package page_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// It is not parallel: what is counted is the whole process's.
func TestMemoryDoesNotGrowWithTheResult(t *testing.T) {
	cost := func(n int) (allocations float64, w *fakeResponse) {
		stream := numbers(n)
		stream.Append = func(dst []byte, _ int) ([]byte, error) { return append(dst, line...), nil }
		e := exporter(nil)
		return testing.AllocsPerRun(1, func() {
			w = newFakeResponse()
			w.forget = true
			require.NoError(t, stream.Serve(t.Context(), w, e, page.Options{}))
		}), w
	}
	few, _ := cost(1000)
	many, w := cost(50_000)
	require.Less(t, many-few, 500.0, "a few a page at most, and none a row")
	require.LessOrEqual(t, w.largest, 64<<10, "a write deadline is for 64 KiB")
	require.Greater(t, w.size, 50_000*len(line))
}

func TestALineOverABiteIsWrittenWhole(t *testing.T) {
	t.Parallel()
	w, long := newFakeResponse(), `"`+strings.Repeat("x", 100<<10)+`"`
	stream := numbers(5)
	stream.Append = func(dst []byte, i int) ([]byte, error) {
		if i%2 == 0 {
			return append(dst, long...), nil
		}
		return fmt.Append(dst, i), nil
	}
	require.NoError(t, stream.Serve(t.Context(), w, exporter(nil), page.Options{}))
	require.Equal(t, "1\n"+long+"\n3\n"+long+"\n5\n{\"type\":\"end\",\"count\":5}\n", w.text.String())
	require.Equal(t, len(long)+1, w.largest)
}

var line = func() string {
	text, _ := json.Marshal(map[string]string{"text": strings.Repeat("x", 400)})
	return string(text)
}()

// pipeListener hands in-memory connections to a server: they buffer nothing, so
// that a write waits for the client's read.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l pipeListener) Close() error   { close(l.closed); return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{} }

func TestAClientThatNeverReadsIsCutAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listener := pipeListener{conns: make(chan net.Conn, 2), closed: make(chan struct{})}
		result, e := make(chan error, 2), exporter(nil)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			result <- numbers(20_000).Serve(r.Context(), w, e, page.Options{})
		})}
		go func() { _ = server.Serve(listener) }()
		open := func() net.Conn {
			client, conn := net.Pipe()
			listener.conns <- conn
			_, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			require.NoError(t, err)
			return client
		}
		began, idle, reader := time.Now(), open(), open()
		res, err := http.ReadResponse(bufio.NewReader(reader), nil)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, <-result)
		require.Equal(t, text(20_000), string(body))
		require.Zero(t, time.Since(began), "the others are not held up")

		require.ErrorIs(t, <-result, os.ErrDeadlineExceeded)
		require.Equal(t, page.DefaultWriteTimeout, time.Since(began))
		require.NoError(t, server.Close())
		require.NoError(t, errors.Join(idle.Close(), reader.Close()))
	})
}

// On HTTP/2 a deadline that passes in silence would reset the stream.
func TestAPageThatTakesLongerThanTheWriteDeadlineIsHarmless(t *testing.T) {
	t.Parallel()
	for _, major := range []int{1, 2} {
		t.Run(fmt.Sprint("HTTP/", major), func(t *testing.T) {
			t.Parallel()
			server, result := serve(t, exporter(func(c *page.Config) { c.WriteTimeout = time.Second }), func() page.Stream[int, int] {
				return before(numbers(1500), func(_ context.Context, after *int) error {
					if after != nil {
						time.Sleep(1100 * time.Millisecond) // the time under test
					}
					return nil
				})
			})
			if major == 2 {
				server.StartTLS()
			}
			for range 2 { // and the connection serves on
				res := get(t, server, http.MethodGet)
				require.Equal(t, major, res.ProtoMajor)
				require.Equal(t, text(1500), whole(t, res))
				require.NoError(t, <-result)
			}
		})
	}
}
