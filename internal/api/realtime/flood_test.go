package realtime_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

//nolint:paralleltest // it looks at what the process holds, in which nothing else may run
func TestTenThousandSubscriptionsAreThirtyTwoOfEachConnection(t *testing.T) {
	s := serve(t)
	l := s.SignUp(t)
	l.Connect(t).Get(t, "echo", 1, nil)
	before := settled(t)
	const connections, each, bound = 5, 2_000, 32
	began := time.Now()
	var refused atomic.Int64
	var work sync.WaitGroup
	for n := range connections {
		c, _, err := l.Dial(t, apitest.Dial{Quiet: true})
		require.NoError(t, err)
		work.Go(func() {
			for i := range each {
				if err := c.Raw.WriteJSON(map[string]any{"id": strconv.Itoa(i), "subscribe": map[string]any{"topic": fmt.Sprintf("room:flood-%d-%d", n, i)}}); err != nil {
					t.Errorf("subscription %d: %v", i, err)
				}
			}
		})
		work.Go(func() {
			for i := 0; i < each; {
				var r apitest.Reply
				if err := c.Raw.ReadJSON(&r); err != nil {
					t.Errorf("after %d replies: %v", i, err)
					break
				}
				if r.ID == "" { // a push
					continue
				}
				if r.ID != strconv.Itoa(i) || (i < bound) != (r.Error == nil) || i >= bound && r.Error.Code != "realtime.too_many_subscriptions" {
					t.Errorf("reply %d: %+v", i, r)
				}
				if r.Error != nil {
					refused.Add(1)
				}
				i++
			}
			c.Cut()
		})
	}
	work.Wait()
	t.Logf("answered in %s", time.Since(began).Round(time.Millisecond))
	require.EqualValues(t, connections*(each-bound), refused.Load())
	requireFlat(t, before)
	l.Connect(t).Get(t, "echo", 1, nil)
}

// They come 64 at a time, so that some are too many for one address, and leave without a
// word or wait until they are sent away.
//
//nolint:paralleltest // it looks at what the process holds, in which nothing else may run
func TestThreeThousandConnectsWithoutAuthenticationLeaveNothing(t *testing.T) {
	s := serve(t, apitest.WithConnectWait(100*time.Millisecond))
	l := s.SignUp(t)
	l.Connect(t).Get(t, "echo", 1, nil)
	const all, wave = 3_000, 64
	var opened, refused atomic.Int64
	come := func(n int) {
		var work sync.WaitGroup
		for i := range n {
			work.Go(func() {
				if visit(t, s, i%3 == 0) {
					opened.Add(1)
				} else {
					refused.Add(1)
				}
			})
		}
		work.Wait()
	}
	come(wave) // what a node starts when it is first needed is no loss
	before := settled(t)
	began := time.Now()
	for n := wave; n < all; n += wave {
		come(min(wave, all-n))
	}
	t.Logf("%d opened, %d refused in %s", opened.Load(), refused.Load(), time.Since(began).Round(time.Millisecond))
	require.EqualValues(t, all, opened.Load()+refused.Load())
	require.Positive(t, opened.Load())
	require.Positive(t, refused.Load())
	requireFlat(t, before)
	l.Connect(t).Get(t, "echo", 1, nil)
}

// visit opens a connection that says nothing, and reports whether it could; what stays is
// closed by the server.
func visit(t *testing.T, s *apitest.Server, stay bool) bool {
	dialer := websocket.Dialer{Subprotocols: []string{"fluentpro.v2.json"}}
	c, response, err := dialer.DialContext(t.Context(), strings.Replace(s.URL, "http", "ws", 1)+"/api/v2/realtime", nil)
	if err != nil {
		if response == nil || response.StatusCode != http.StatusTooManyRequests {
			t.Errorf("refused: %v", err)
		}
		return false
	}
	defer func() { _ = c.Close() }()
	if stay {
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 4501) {
			t.Errorf("who does not say who they are: %v", err)
		}
	}
	return true
}

// held is what a process holds.
type held struct {
	heap       uint64
	goroutines int
}

func holding() held {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return held{m.HeapAlloc, runtime.NumGoroutine()}
}

// settled is what a process holds when it starts nothing more: a server goes on starting for
// a moment after it has answered first.
func settled(t *testing.T) (now held) {
	t.Helper()
	last := -1
	require.Eventually(t, func() bool {
		now = holding()
		still := now.goroutines == last
		last = now.goroutines
		return still
	}, 20*time.Second, 300*time.Millisecond)
	return now
}

// requireFlat waits until the process holds about as much as before. What both sides of a
// test and its server keep is counted: a little more may stay, such as idle connections to
// the database.
func requireFlat(t *testing.T, before held) {
	t.Helper()
	var now held
	began := time.Now()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		now = holding()
		assert.Less(c, now.heap, before.heap+8<<20)
		assert.LessOrEqual(c, now.goroutines, before.goroutines+30)
	}, 20*time.Second, 100*time.Millisecond)
	t.Logf("before %+v, %s after it %+v", before, time.Since(began).Round(time.Millisecond), now)
}
