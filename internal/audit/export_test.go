package audit_test

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/platform/page"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

// serve answers every request with the whole log.
func (b *bench) serve(cfg page.Config) (url string, result chan error) {
	cfg.Describe = func(err error) (code, detail string) { return "code", err.Error() }
	exporter := page.New(cfg)
	result = make(chan error, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result <- page.Stream[audit.Event, audit.Place]{
			Read: b.Export(audit.Filter{}), Key: audit.Event.Place,
			Append: func(dst []byte, e audit.Event) ([]byte, error) { return append(dst, e.Data...), nil },
		}.Serve(r.Context(), w, exporter, page.Options{})
	}))
	b.t.Cleanup(server.Close)
	return server.URL, result
}

func (b *bench) open(url string) *http.Response {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, url, nil)
	require.NoError(b.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// readAll gives the last line.
func (b *bench) readAll(response *http.Response) string {
	b.t.Helper()
	body, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	return lines[len(lines)-1]
}

func TestAClientThatDoesNotReadHoldsNoConnectionAndIsCut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(5000, 4000, 1)                                              // more than the sockets take
	url, result := b.serve(page.Config{WriteTimeout: 4 * time.Second}) // a busy machine keeps no reader from reading for so long
	var stalled []*http.Response
	for range page.DefaultAtOnce - 1 {
		stalled = append(stalled, b.open(url))
	}
	b.eventually("no connection is held", func() bool { return b.pool.Stat().AcquiredConns() == 0 })
	require.Equal(t, `{"type":"end","count":5000}`, b.readAll(b.open(url)), "another goes on")
	results := map[bool]int{}
	for range page.DefaultAtOnce {
		err := <-result
		results[err == nil]++
		if err != nil {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		}
	}
	require.Equal(t, map[bool]int{true: 1, false: len(stalled)}, results)
	require.Zero(t, b.pool.Stat().AcquiredConns())
	body, err := io.ReadAll(stalled[0].Body)
	require.Error(t, err, "the cut is seen")
	require.NotContains(t, string(body), `"end"`)
}

func TestConnectionsThatAreCutBetweenTwoPagesAreNotSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(5000, 10, 1)
	read, pages := b.Export(audit.Filter{}), 0
	other := postgrestest.Pool(t, b.pool.Config().ConnString())
	stream := page.Stream[audit.Event, audit.Place]{
		Key:    audit.Event.Place,
		Append: func(dst []byte, _ audit.Event) ([]byte, error) { return append(dst, "{}"...), nil },
		Read: func(ctx context.Context, after *audit.Place, limit int) iter.Seq2[audit.Event, error] {
			if pages++; pages == 3 {
				_, err := other.Exec(ctx, `select pg_terminate_backend(pid, 5000) from pg_stat_activity
					where datname = current_database() and pid <> pg_backend_pid()`)
				require.NoError(t, err)
			}
			return read(ctx, after, limit)
		},
	}
	exporter := page.New(page.Config{RetryDelay: time.Millisecond})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, stream.Serve(r.Context(), w, exporter, page.Options{}))
	}))
	defer server.Close()
	require.Equal(t, `{"type":"end","count":5000}`, b.readAll(b.open(server.URL)))
	require.Greater(t, pages, 6, "a page was read again")
}
