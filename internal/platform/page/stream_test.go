package page_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
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

func TestAPageThatFailsHalfWayLeavesNoTrace(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(*page.Stream[int, int]){
		"a row that cannot be written": func(s *page.Stream[int, int]) {
			s.Append = func(dst []byte, i int) ([]byte, error) {
				if i == 1003 {
					return append(dst, "half of it"...), errBroken
				}
				return fmt.Append(dst, i), nil
			}
		},
		"a row that cannot be read": func(s *page.Stream[int, int]) {
			read := s.Read
			s.Read = func(ctx context.Context, after *int, limit int) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					for i := range read(ctx, after, limit) {
						if i == 1003 {
							yield(0, errBroken)
							return
						}
						yield(i, nil)
					}
				}
			}
			s.Append = func(dst []byte, i int) ([]byte, error) { return fmt.Append(dst, i), nil }
		},
	} {
		server, result := serve(t, exporter(nil), func() page.Stream[int, int] {
			s := numbers(2000)
			broken(&s)
			return s
		})
		body := whole(t, get(t, server, http.MethodGet))
		require.ErrorIs(t, <-result, errBroken, name)
		require.True(t, strings.HasSuffix(body,
			"\n999\n1000\n"+`{"type":"problem","problem":{"code":"server.internal","detail":"something"}}`+"\n"), name)
	}
}

// A page that is read again must not come twice.
func TestAPageThatFailsHalfWayIsReadAgainWhole(t *testing.T) {
	t.Parallel()
	stream := numbers(1500)
	read, failed := stream.Read, false
	stream.Read = func(ctx context.Context, after *int, limit int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range read(ctx, after, limit) {
				if i == 1100 && !failed {
					failed = true
					yield(0, errAway)
					return
				}
				if !yield(i, nil) {
					return
				}
			}
		}
	}
	w := newFakeResponse()
	require.NoError(t, stream.Serve(t.Context(), w, exporter(func(c *page.Config) { c.RetryDelay = 1 }), page.Options{}))
	require.Equal(t, text(1500), w.text.String())
}
