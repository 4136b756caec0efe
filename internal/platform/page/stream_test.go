package page_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

func TestAllRowsComeInOrderAndTheEndLineCountsThem(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 9, 10, 11, 20, 12345} {
		pages := 0
		server, result := serve(t, exporter(func(c *page.Config) { c.Rows = 10 }), func() page.Stream[int, int] {
			return before(numbers(n), func(context.Context, *int) error { pages++; return nil })
		})
		res := get(t, server, http.MethodGet)
		require.Equal(t, text(n), whole(t, res))
		require.NoError(t, <-result)
		require.Equal(t, n/10+1, pages)
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Equal(t, "application/x-ndjson", res.Header.Get("Content-Type"))
		require.Equal(t, "no-store, no-transform", res.Header.Get("Cache-Control"))
		require.Equal(t, "no", res.Header.Get("X-Accel-Buffering"))
	}
}

func TestAHeadRequestGetsTheHeadersAloneAndTakesNoSlot(t *testing.T) {
	t.Parallel()
	proceed, begun := make(chan struct{}), make(chan struct{})
	e := exporter(func(c *page.Config) { c.AtOnce = 1 })
	server, result := serve(t, e, func() page.Stream[int, int] {
		return before(numbers(1), func(context.Context, *int) error { close(begun); <-proceed; return nil })
	})
	server.Start()
	var other sync.WaitGroup
	other.Go(func() { get(t, server, http.MethodGet) }) // it has the only slot
	<-begun
	res := get(t, server, http.MethodHead)
	require.NoError(t, <-result)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "application/x-ndjson", res.Header.Get("Content-Type"))
	close(proceed)
	require.NoError(t, <-result)
	other.Wait()
}

func TestOneExportTooManyIsRefusedAtOnceAndASlotIsFreeAgainAfterEach(t *testing.T) {
	t.Parallel()
	proceed, begun := make(chan struct{}), make(chan struct{}, page.DefaultAtOnce)
	server, result := serve(t, exporter(nil), func() page.Stream[int, int] {
		return before(numbers(1), func(context.Context, *int) error { begun <- struct{}{}; <-proceed; return nil })
	})
	server.Start()
	var all sync.WaitGroup
	for range page.DefaultAtOnce {
		all.Go(func() { get(t, server, http.MethodGet) })
	}
	for range page.DefaultAtOnce {
		<-begun
	}
	res := get(t, server, http.MethodGet)
	require.Equal(t, "export.busy\n", whole(t, res))
	f := fault.Find(<-result)
	require.Equal(t, fault.Unavailable, f.Kind)
	require.Positive(t, f.RetryAfter)

	close(proceed)
	all.Wait()
	for range page.DefaultAtOnce {
		require.NoError(t, <-result)
	}
	require.Equal(t, text(1), whole(t, get(t, server, http.MethodGet)))
}

func TestTheFirstPageThatFailsLeavesTheAnswerToTheCaller(t *testing.T) {
	t.Parallel()
	server, result := serve(t, exporter(func(c *page.Config) { c.AtOnce = 1 }), func() page.Stream[int, int] {
		return before(numbers(1), func(context.Context, *int) error { return errAway })
	})
	for range 2 { // the slot is free again
		require.Equal(t, "server.unavailable\n", whole(t, get(t, server, http.MethodGet)))
		require.ErrorIs(t, <-result, errAway)
	}
}

// failing is a stream of ten thousand whose later pages fail as fail says.
func failing(fail func(attempt int) error) func() page.Stream[int, int] {
	attempt := 0
	return func() page.Stream[int, int] {
		return before(numbers(10_000), func(_ context.Context, after *int) error {
			if after == nil {
				return nil
			}
			attempt++
			return fail(attempt)
		})
	}
}

func TestALaterPageThatFailsEndsTheExportWithAProblemAndWithoutAnEndLine(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		cause    error
		attempts int
	}{
		`{"code":"server.internal","detail":"something"}`: {errBroken, 1}, // a defect stays one
		`{"code":"server.unavailable","detail":"away"}`:   {errAway, 5},   // it is tried again, but not for ever
	} {
		attempts := 0
		server, result := serve(t, exporter(func(c *page.Config) { c.RetryDelay = 1 }),
			failing(func(attempt int) error { attempts = attempt; return c.cause }))
		lines := strings.Split(whole(t, get(t, server, http.MethodGet)), "\n")
		require.ErrorIs(t, <-result, c.cause)
		require.Len(t, lines, page.DefaultRows+2)
		require.Equal(t, []string{`{"n":1000}`, `{"type":"problem","problem":` + want + `}`, ""}, lines[page.DefaultRows-1:])
		require.Equal(t, c.attempts, attempts, want)
	}
}

func TestADatabaseThatIsAwayForAMomentIsNotSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, began := newFakeResponse(), time.Now()
		stream := failing(func(attempt int) error {
			if attempt <= 3 {
				return errAway
			}
			return nil
		})()
		require.NoError(t, stream.Serve(t.Context(), w, exporter(nil), page.Options{}))
		require.Equal(t, text(10_000), w.text.String())
		require.Equal(t, 3500*time.Millisecond, time.Since(began), "0.5, 1 and 2 s")
	})
}

func TestARowThatCannotBeWrittenLeavesNoTrace(t *testing.T) {
	t.Parallel()
	server, result := serve(t, exporter(nil), func() page.Stream[int, int] {
		s := numbers(3)
		s.Append = func(dst []byte, i int) ([]byte, error) {
			if i == 3 {
				return append(dst, "half of it"...), errBroken
			}
			return fmt.Append(dst, i), nil
		}
		return s
	})
	require.Equal(t, "1\n2\n"+`{"type":"problem","problem":{"code":"server.internal","detail":"something"}}`+"\n",
		whole(t, get(t, server, http.MethodGet)))
	require.ErrorIs(t, <-result, errBroken)
}

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
		last := map[bool]string{true: `{"n":2000}`, false: `{"n":3000}`}[fails]
		require.True(t, strings.HasSuffix(w.text.String(),
			last+"\n"+`{"type":"problem","problem":{"code":"server.unavailable","detail":"stopping"}}`+"\n"), name)
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
