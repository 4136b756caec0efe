package gate_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
)

// entered gives a record, and requires that Redis answered.
func entered(t testing.TB, b bundle, record string) gate.Record {
	t.Helper()
	pass, r, err := b.Enter(t.Context(), b.subject, limit(t, "1000/1h"), record)
	require.NoError(t, err)
	require.True(t, pass.Counted)
	return r
}

func opened(t testing.TB, b bundle, record, value string) bool {
	t.Helper()
	ok, err := b.Open(t.Context(), b.subject, record, []byte(value), time.Hour)
	require.NoError(t, err)
	return ok
}

func TestARecordIsMissingThenOpenThenShut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, gate.Record{}, entered(t, b, "r"))
	began := b.clock.now()
	require.True(t, opened(t, b, "r", "a\x00\xff{}"))
	b.clock.advance(time.Second)
	require.Equal(t, gate.Record{State: gate.Open, Value: []byte("a\x00\xff{}"), SeenAt: began}, entered(t, b, "r"))
	require.Equal(t, began.Add(time.Second), entered(t, b, "r").SeenAt, "noted by the entry before")

	require.True(t, opened(t, b, "r", ""))
	require.Equal(t, gate.Record{State: gate.Open, Value: []byte{}, SeenAt: began.Add(time.Second)}, entered(t, b, "r"))

	require.NoError(t, b.Shut(t.Context(), b.subject, "r", time.Hour))
	require.Equal(t, gate.Record{State: gate.Shut}, entered(t, b, "r"))
	require.False(t, opened(t, b, "r", "later"))
	require.Equal(t, gate.Record{State: gate.Shut}, entered(t, b, "r"))
	require.Equal(t, gate.Record{}, entered(t, b, "other"))
}

func TestEnterLimitsAndLooksUpTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.True(t, opened(t, b, "r", "v"))
	l := limit(t, "2/1h")
	for left := 1; left >= 0; left-- {
		pass, record, err := b.Enter(t.Context(), b.subject, l, "r")
		require.NoError(t, err)
		require.Equal(t, left, pass.Remaining)
		require.Equal(t, gate.Open, record.State)
	}
	b.clock.advance(time.Second)
	pass, record, err := b.Enter(t.Context(), b.subject, l, "r")
	require.NoError(t, err)
	require.False(t, pass.Allowed)
	require.Equal(t, "v", string(record.Value), "a refused request has its record too")
	require.False(t, b.Take(t.Context(), b.subject, l).Allowed, "Take and Enter share the tokens")

	pass, record, err = b.Enter(t.Context(), b.subject, gate.Limit{}, "r")
	require.NoError(t, err)
	require.Equal(t, gate.Pass{Allowed: true}, pass, "no limit: nothing counted")
	require.Equal(t, gate.Open, record.State)
	require.Equal(t, b.clock.now(), record.SeenAt)
}

// counter counts what a client sends.
type counter struct {
	mu    sync.Mutex
	names []string
}

func (c *counter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		c.add(command.Name())
		return next(ctx, command)
	}
}

func (c *counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		c.add("pipeline of " + strconv.Itoa(len(commands)))
		return next(ctx, commands)
	}
}

func (c *counter) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names = append(c.names, name)
}

func (c *counter) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := c.names
	c.names = nil
	return names
}

func TestEachCallIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	b := setup(t)
	call := map[string]func(){
		"enter":  func() { entered(t, b, "r") },
		"take":   func() { b.Take(t.Context(), b.subject, limit(t, "1000/1h")) },
		"open":   func() { opened(t, b, "r", "v") },
		"forget": func() { require.NoError(t, b.Forget(t.Context(), b.subject, "r", "s")) },
		"shut":   func() { require.NoError(t, b.Shut(t.Context(), b.subject, "r", time.Hour)) },
	}
	for _, first := range call {
		first() // Redis learns the scripts
	}
	_, err := b.Seen(t.Context(), b.subject, []string{"r"}) // pipelines have connections of their own
	require.NoError(t, err)
	var sent counter
	b.client.AddHook(&sent)
	for name, again := range call {
		sent.take() // what a new connection says first
		again()
		require.Equal(t, []string{"evalsha"}, sent.take(), name)
	}
	_, err = b.Seen(t.Context(), b.subject, []string{"r", "s", "t"})
	require.NoError(t, err)
	require.Equal(t, []string{"pipeline of 3"}, sent.take())

	b.Take(t.Context(), b.subject, gate.Limit{})
	require.NoError(t, b.Forget(t.Context(), b.subject))
	seen, err := b.Seen(t.Context(), b.subject, nil)
	require.NoError(t, err)
	require.Empty(t, seen)
	require.Empty(t, sent.take(), "nothing to ask")
}

func TestShutWinsOverAnyOpenOfTheSameTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for round := range 20 {
		record := strconv.Itoa(round)
		var late atomic.Bool
		var work sync.WaitGroup
		for i := range 10 {
			work.Go(func() {
				was := late.Load()
				if opened(t, b, record, "v") && was {
					t.Error("opened after it was shut")
				}
			})
			if i == 5 {
				work.Go(func() {
					if b.Shut(t.Context(), b.subject, record, time.Hour) == nil {
						late.Store(true)
					}
				})
			}
		}
		work.Wait()
		require.Equal(t, gate.Shut, entered(t, b, record).State)
	}
}

func TestForgetLeavesWhatIsShut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.True(t, opened(t, b, "open", "v"))
	require.True(t, opened(t, b, "kept", "v"))
	require.NoError(t, b.Shut(t.Context(), b.subject, "shut", time.Hour))
	require.NoError(t, b.Forget(t.Context(), b.subject, "open", "shut", "never there"))
	require.Equal(t, gate.Missing, entered(t, b, "open").State)
	require.Equal(t, gate.Open, entered(t, b, "kept").State)
	require.Equal(t, gate.Shut, entered(t, b, "shut").State)
}

func TestSeenTellsOfOpenRecordsOfTheSubject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	began := b.clock.now()
	require.True(t, opened(t, b, "opened", "v"))
	require.True(t, opened(t, b, "entered", "v"))
	require.True(t, opened(t, b, "shut", "v"))
	b.clock.advance(1500 * time.Microsecond)
	entered(t, b, "entered")
	entered(t, b, "missing")
	require.NoError(t, b.Shut(t.Context(), b.subject, "shut", time.Hour))
	entered(t, b, "shut")
	records := []string{"opened", "entered", "shut", "missing"}

	seen, err := b.Seen(t.Context(), b.subject, records)
	require.NoError(t, err)
	require.Equal(t, map[string]time.Time{"opened": began, "entered": began.Add(1500 * time.Microsecond)}, seen)

	seen, err = b.Seen(t.Context(), b.subject+"x", records)
	require.NoError(t, err)
	require.Empty(t, seen)
}

func TestRecordsLiveAsLongAsTheyAreTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	left := func(record string) time.Duration {
		return b.client.PTTL(t.Context(), "fp:{"+b.subject+"}:record:"+record).Val()
	}
	about := func(want time.Duration, record string) {
		t.Helper()
		require.LessOrEqual(t, left(record), want)
		require.Greater(t, left(record), want-patience)
	}
	require.True(t, opened(t, b, "r", "v"))
	about(time.Hour, "r")
	_, err := b.Open(t.Context(), b.subject, "r", nil, time.Minute)
	require.NoError(t, err)
	about(time.Minute, "r")
	entered(t, b, "r")
	about(time.Minute, "r") // being entered prolongs nothing

	for _, ttl := range []time.Duration{time.Hour, time.Minute} {
		require.NoError(t, b.Shut(t.Context(), b.subject, "r", ttl))
		about(time.Hour, "r") // shutting again does not shorten it
	}
	require.NoError(t, b.Shut(t.Context(), b.subject, "r", 2*time.Hour))
	about(2*time.Hour, "r")
	require.False(t, opened(t, b, "r", "v"))
	about(2*time.Hour, "r")

	require.NoError(t, b.Shut(t.Context(), b.subject, "soon", 20*time.Millisecond))
	require.Eventually(t, func() bool { return opened(t, b, "soon", "v") }, patience, 10*time.Millisecond)
	for _, ttl := range []time.Duration{0, -time.Hour, time.Microsecond} {
		_, err := b.Open(t.Context(), b.subject, "past", nil, ttl)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return entered(t, b, "past").State == gate.Missing }, patience, 10*time.Millisecond)
	}
}
