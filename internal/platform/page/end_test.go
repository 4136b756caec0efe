package page_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

func TestAClientThatLeavesEndsTheExport(t *testing.T) {
	t.Parallel()
	left, reads := make(chan struct{}), 0
	server, result := serve(t, exporter(func(c *page.Config) { c.AtOnce = 1 }), func() page.Stream[int, int] {
		return before(numbers(1_000_000), func(ctx context.Context, _ *int) error {
			if reads++; reads == 3 {
				close(left)
				<-ctx.Done() // as a query does
				return ctx.Err()
			}
			return nil
		})
	})
	res := get(t, server, http.MethodGet)
	<-left
	require.NoError(t, res.Body.Close())
	require.ErrorIs(t, <-result, context.Canceled)
	require.Equal(t, 3, reads, "the source is not asked again")
	res = get(t, server, http.MethodGet) // the slot is free
	require.Equal(t, http.StatusOK, res.StatusCode)
}

func TestACauseThatIsAFaultIsSaidInTheLastLine(t *testing.T) {
	t.Parallel()
	stopping := fault.New(fault.Unavailable, "server.unavailable", "stopping")
	for name, fails := range map[string]bool{"while a page is read": true, "while one is about to be written": false} {
		w := newFakeResponse()
		ctx, cancel := context.WithCancelCause(t.Context())
		stream := before(numbers(10_000), func(ctx context.Context, after *int) error {
			if after == nil || *after < 2000 {
				return nil
			}
			cancel(stopping)
			if fails {
				return ctx.Err()
			}
			return nil
		})
		require.ErrorIs(t, stream.Serve(ctx, w, exporter(nil), page.Options{}), stopping, name)
		require.True(t, strings.HasSuffix(w.text.String(),
			`{"n":2000}`+"\n"+`{"type":"problem","problem":{"code":"server.unavailable","detail":"stopping"}}`+"\n"), name)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopping)
	w := newFakeResponse()
	err := before(numbers(1), func(ctx context.Context, _ *int) error { return ctx.Err() }).Serve(ctx, w, exporter(nil), page.Options{})
	require.ErrorIs(t, err, stopping)
	require.Empty(t, w.text.String(), "before the first byte it is the answer")
}

func TestAnExportEndsWhenItsTimeIsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, began := newFakeResponse(), time.Now()
		stream := before(numbers(1_000_000), func(ctx context.Context, _ *int) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(4 * time.Minute):
				return nil
			}
		})
		err := stream.Serve(t.Context(), w, exporter(nil), page.Options{})
		require.True(t, fault.Is(err, "export.out_of_time"))
		require.Equal(t, 15*time.Minute, time.Since(began))
		require.Contains(t, w.text.String(), `{"n":3000}`+"\n"+`{"type":"problem","problem":{"code":"export.out_of_time",`)
	})
}

func TestAResponseWithoutDeadlinesIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	require.ErrorIs(t, numbers(1).Serve(t.Context(), recorder, exporter(nil), page.Options{}), http.ErrNotSupported)
	require.Empty(t, recorder.Header())
}

func TestAWriteThatFailsIsTheEnd(t *testing.T) {
	t.Parallel()
	for _, n := range []int{10, 100_000} {
		w := newFakeResponse()
		w.broken = errBroken
		require.ErrorIs(t, numbers(n).Serve(t.Context(), w, exporter(nil), page.Options{}), errBroken)
		require.Equal(t, 1, w.writes, "no problem line is tried")
	}
	w := newFakeResponse()
	w.unflushed = errBroken
	require.ErrorIs(t, numbers(5000).Serve(t.Context(), w, exporter(nil), page.Options{}), errBroken)
	require.Equal(t, 1, w.writes)
}

func TestCutGivesAPageAndWhetherThereAreMore(t *testing.T) {
	t.Parallel()
	rows, more := page.Cut([]int{1, 2, 3}, 2)
	require.Equal(t, []int{1, 2}, rows)
	require.True(t, more)
	rows, more = page.Cut([]int{1, 2}, 2)
	require.Equal(t, []int{1, 2}, rows)
	require.False(t, more)
}
