package gate_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

// lines is a log that tests may read while it is written.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.all.String(), text)
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func TestWithoutRedisRequestsPassAndAreCounted(t *testing.T) {
	t.Parallel()
	var dials atomic.Int64
	var log lines
	g := gate.New(gate.Config{
		Client: redistest.Client(t, "redis://127.0.0.1:1/0", countDials(&dials)), Logger: log.logger(),
	})
	l := limit(t, "1/1h")
	for range 50 {
		require.Equal(t, gate.Pass{Limit: l, Allowed: true}, g.Take(t.Context(), "s", l))
	}
	pass, record, err := g.Enter(t.Context(), "s", l, "r")
	require.ErrorIs(t, err, gate.ErrUnavailable)
	require.Equal(t, gate.Pass{Limit: l, Allowed: true}, pass)
	require.Zero(t, record)
	require.EqualValues(t, 51, g.Unlimited())
	_, _, err = g.Enter(t.Context(), "s", gate.Limit{}, "r")
	require.ErrorIs(t, err, gate.ErrUnavailable)
	require.EqualValues(t, 51, g.Unlimited(), "there was no limit to hold it to")

	_, err = g.Open(t.Context(), "s", "r", nil, time.Hour)
	require.ErrorIs(t, err, gate.ErrUnavailable)
	require.ErrorIs(t, g.Shut(t.Context(), "s", "r", time.Hour), gate.ErrUnavailable)
	require.ErrorIs(t, g.Forget(t.Context(), "s", "r"), gate.ErrUnavailable)
	_, err = g.Seen(t.Context(), "s", []string{"r"})
	require.ErrorIs(t, err, gate.ErrUnavailable)
	require.Equal(t, 1, log.count("level=WARN"))
	require.LessOrEqual(t, dials.Load(), int64(25), "the breaker is open")
}

func TestAStalledRedisCostsAFewRequestsTheirTimeout(t *testing.T) {
	t.Parallel()
	var dials atomic.Int64
	g := gate.New(gate.Config{Client: redistest.Client(t, stalled(t), countDials(&dials)), Timeout: 20 * time.Millisecond})
	l := limit(t, "1/1h")
	began := time.Now()
	for range 1_000 {
		require.True(t, g.Take(t.Context(), "s", l).Allowed)
	}
	trials := int64(time.Since(began)/time.Second) + 1
	require.LessOrEqual(t, dials.Load(), 5+trials)
	require.EqualValues(t, 1_000, g.Unlimited())
	_, _, err := g.Enter(t.Context(), "s", l, "r")
	require.ErrorIs(t, err, gate.ErrUnavailable)
}

func TestACallerWhoLeavesIsNoFailureOfRedis(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var leave atomic.Pointer[context.CancelFunc]
	var dials atomic.Int64
	client := redistest.Client(t, "redis://127.0.0.1:1/0", func(o *redis.UniversalOptions) {
		o.Dialer = func(context.Context, string, string) (net.Conn, error) {
			dials.Add(1)
			(*leave.Load())()
			return nil, io.ErrClosedPipe
		}
	})
	g := gate.New(gate.Config{Client: client, Timeout: patience})
	l := limit(t, "1/1h")
	for n := range 8 { // more than would open the breaker
		ctx, cancel := context.WithCancel(t.Context())
		leave.Store(&cancel)
		pass, _, err := g.Enter(ctx, "s", l, "r")
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, gate.ErrUnavailable)
		require.Equal(t, gate.Pass{Limit: l, Allowed: true}, pass)
		require.EqualValues(t, n+1, dials.Load())

		_, err = b.Open(ctx, b.subject, "r", nil, time.Hour) // left before
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, gate.Pass{Limit: l, Allowed: true}, b.Take(ctx, b.subject, l))
	}
	require.Zero(t, g.Unlimited()+b.Unlimited())
	require.True(t, b.Take(t.Context(), b.subject, l).Counted)
}

func TestAnOutageIsToldOnceAndItsEndToo(t *testing.T) {
	t.Parallel()
	server := redistest.Own(t, 0)
	var log lines
	var dials atomic.Int64
	client := redistest.Client(t, server.URL(), countDials(&dials))
	g := gate.New(gate.Config{Client: client, Logger: log.logger(), Timeout: 2 * time.Second})
	l := limit(t, "100/1h")
	take := func() gate.Pass { return g.Take(t.Context(), "s", l) }
	require.True(t, take().Counted)
	address, err := url.Parse(server.URL())
	require.NoError(t, err)
	require.NoError(t, server.Stop(context.Background()))

	require.Eventually(t, func() bool { return !take().Counted && log.count("redis is away") == 1 }, patience, time.Millisecond)
	before := dials.Load()
	require.Eventually(t, func() bool { return !take().Counted && dials.Load() >= before+2 },
		patience, 10*time.Millisecond, "it is tried again, and again")
	port, err := strconv.Atoi(address.Port())
	require.NoError(t, err)
	redistest.Own(t, port)
	require.Eventually(t, func() bool { return take().Counted }, patience, 10*time.Millisecond)
	require.Equal(t, 1, log.count("redis is away"))
	require.Equal(t, 1, log.count("redis is back"))
	require.Equal(t, 1, log.count("unlimited="+fmt.Sprint(g.Unlimited())))
}

func TestARedisThatWasEmptiedStartsAnew(t *testing.T) {
	t.Parallel()
	b := bundle{clock: newClock(), client: redistest.Client(t, redistest.Own(t, 0).URL()), subject: "s"}
	b.Gate = gate.New(gate.Config{Client: b.client, Now: b.clock.now, Timeout: patience})
	l := limit(t, "3/1h")
	use := func() {
		passed, _ := takeAll(t, b, l)
		require.Equal(t, 3, passed)
		require.True(t, opened(t, b, "r", "v"))
		require.NoError(t, b.Shut(t.Context(), b.subject, "s", time.Hour))
		require.NoError(t, b.Forget(t.Context(), b.subject, "none"))
	}
	use()
	require.NoError(t, b.client.ScriptFlush(t.Context()).Err())
	pass, record, err := b.Enter(t.Context(), b.subject, l, "r")
	require.NoError(t, err)
	require.False(t, pass.Allowed)
	require.Equal(t, gate.Open, record.State)

	require.NoError(t, b.client.FlushDB(t.Context()).Err())
	require.NoError(t, b.client.ScriptFlush(t.Context()).Err())
	pass, record, err = b.Enter(t.Context(), b.subject, gate.Limit{Name: "n", Quota: 1, Window: time.Hour}, "r")
	require.NoError(t, err)
	require.True(t, pass.Allowed)
	require.Equal(t, gate.Missing, record.State)
	use()
	require.Zero(t, b.Unlimited())
}

// losing is a connection that, once told to, takes an answer and breaks.
type losing struct {
	net.Conn
	lose *atomic.Bool
}

func (c losing) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.lose.CompareAndSwap(true, false) {
		_ = c.Close()
		return 0, io.EOF
	}
	return n, err
}

func TestATakeWhoseAnswerIsLostTakesOneToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := limit(t, "10/1h")
	require.Equal(t, 9, b.Take(t.Context(), b.subject, l).Remaining)
	var lose atomic.Bool
	client := redistest.Shared(t, func(o *redis.UniversalOptions) {
		o.MaxRetries = 5
		o.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return losing{conn, &lose}, err
		}
	})
	g := gate.New(gate.Config{Client: client, Now: b.clock.now, Timeout: patience})
	require.Equal(t, 8, g.Take(t.Context(), b.subject, l).Remaining)
	lose.Store(true)
	require.Equal(t, gate.Pass{Limit: l, Allowed: true}, g.Take(t.Context(), b.subject, l))
	require.False(t, lose.Load())
	require.EqualValues(t, 1, g.Unlimited())
	require.Equal(t, 6, g.Take(t.Context(), b.subject, l).Remaining, "the lost one is counted once")
}
