package gate_test

import (
	"context"
	"crypto/rand"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

const patience = 20 * time.Second // for what must happen at all; the machine may be busy

// clock is a time that moves by hand.
type clock struct{ micros atomic.Int64 }

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()) }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(time.Date(2030, 1, 1, 0, 0, 0, 123_457_000, time.UTC).UnixMicro())
	return c
}

// bundle is what most tests need: a gate on the shared Redis, a clock and a
// subject of the test's own.
type bundle struct {
	*gate.Gate
	clock   *clock
	client  redis.UniversalClient
	subject string
}

func setup(t testing.TB) bundle {
	t.Helper()
	b := bundle{clock: newClock(), client: redistest.Shared(t), subject: rand.Text()}
	b.Gate = gate.New(gate.Config{Client: b.client, Now: b.clock.now, Timeout: patience})
	return b
}

// countDials counts the connections that a client asks for.
func countDials(dials *atomic.Int64) func(*redis.UniversalOptions) {
	return func(o *redis.UniversalOptions) {
		o.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			dials.Add(1)
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	}
}

// stalled gives the address of a server that takes connections and is silent.
func stalled(t testing.TB) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close() // with the listener
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		work.Wait()
	})
	return "redis://" + listener.Addr().String() + "/0"
}

func limit(t testing.TB, text string) gate.Limit {
	t.Helper()
	l, err := gate.ParseLimit("test", text)
	require.NoError(t, err)
	return l
}

// takeAll takes until the first refusal, which it returns with what passed.
func takeAll(t testing.TB, b bundle, l gate.Limit) (passed int, refusal gate.Pass) {
	t.Helper()
	for {
		pass := b.Take(t.Context(), b.subject, l)
		require.True(t, pass.Counted)
		if !pass.Allowed {
			return passed, pass
		}
		passed++
	}
}
