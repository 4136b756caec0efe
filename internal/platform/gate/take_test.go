package gate_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
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

func TestOfAThousandAtOnceExactlyTheQuotaPasses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	nodes := []*gate.Gate{b.Gate, gate.New(gate.Config{Client: redistest.Shared(t), Now: b.clock.now, Timeout: patience})}
	for _, text := range []string{"100/1h", "7/24h"} {
		l := limit(t, text)
		l.Name = text
		var passed, uncounted atomic.Int64
		var takers sync.WaitGroup
		for i := range 1_000 {
			takers.Go(func() {
				pass := nodes[i%2].Take(t.Context(), b.subject, l)
				if pass.Allowed {
					passed.Add(1)
				}
				if !pass.Counted {
					uncounted.Add(1)
				}
			})
		}
		takers.Wait()
		require.Zero(t, uncounted.Load())
		require.EqualValues(t, l.Quota, passed.Load())
	}
}

func TestThenOneMorePassesEachPartOfTheWindow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := limit(t, "7/1h") // 514,285,714.29 microseconds each
	passed, refusal := takeAll(t, b, l)
	require.Equal(t, 7, passed)
	require.Equal(t, 514_285_715*time.Microsecond, refusal.RetryAfter)
	require.Equal(t, time.Hour, refusal.Reset)
	for turn := range int64(30) {
		due := time.Duration((turn+1)*3_600_000_000/7-turn*3_600_000_000/7) * time.Microsecond
		b.clock.advance(due)
		if (turn+1)%7 != 0 { // whole microseconds only every seventh time
			require.False(t, b.Take(t.Context(), b.subject, l).Allowed, "a fraction too early, turn %d", turn)
			b.clock.advance(time.Microsecond)
		}
		require.True(t, b.Take(t.Context(), b.subject, l).Allowed, "turn %d", turn)
		require.False(t, b.Take(t.Context(), b.subject, l).Allowed, "turn %d", turn)
		if (turn+1)%7 != 0 {
			b.clock.advance(-time.Microsecond)
		}
	}
}

func TestAPassSaysWhatIsLeftAndWhenThereIsMore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := limit(t, "600/1m")
	want := gate.Pass{Limit: l, Allowed: true, Counted: true, Remaining: 599, Reset: 100 * time.Millisecond}
	require.Equal(t, want, b.Take(t.Context(), b.subject, l))

	l = gate.Limit{Name: "other", Quota: 3, Window: time.Minute}
	for left := 2; left >= 0; left-- {
		pass := b.Take(t.Context(), b.subject, l)
		require.True(t, pass.Allowed)
		require.Equal(t, left, pass.Remaining)
		require.Equal(t, time.Duration(3-left)*20*time.Second, pass.Reset)
		require.Zero(t, pass.RetryAfter)
	}
	b.clock.advance(5 * time.Second)
	refusal := b.Take(t.Context(), b.subject, l)
	require.Equal(t, gate.Pass{Limit: l, Counted: true, Reset: 55 * time.Second, RetryAfter: 15 * time.Second}, refusal)
	b.clock.advance(refusal.RetryAfter - time.Microsecond)
	require.False(t, b.Take(t.Context(), b.subject, l).Allowed)
	b.clock.advance(time.Microsecond)
	require.True(t, b.Take(t.Context(), b.subject, l).Allowed)
	b.clock.advance(time.Minute)
	pass := b.Take(t.Context(), b.subject, l)
	require.Equal(t, 2, pass.Remaining, "after a whole window without requests the quota is whole")
}

func TestLimitsAndSubjectsAreApart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := limit(t, "1/1h")
	other := l
	other.Name = "other"
	require.True(t, b.Take(t.Context(), b.subject, l).Allowed)
	require.False(t, b.Take(t.Context(), b.subject, l).Allowed)
	require.True(t, b.Take(t.Context(), b.subject, other).Allowed)
	// Subjects that would be the same, or have no tag, were braces left in them.
	for _, s := range []string{"x", "{x}", "{x", "x}", "%7Bx%7D", "%7Bx", "x%7D", "}x", "}", "{}", "%"} {
		require.True(t, b.Take(t.Context(), s+b.subject, l).Allowed, s)
		require.False(t, b.Take(t.Context(), s+b.subject, l).Allowed, s)
	}
}

func TestAKeyHasOneTagWhateverTheSubject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	unique := limit(t, "5/1h")
	unique.Name = b.subject
	for subject, tag := range map[string]string{"": "%", "{a}": "%7Ba%7D", "a%7D": "a%257D", "用户:1": "用户:1"} {
		require.True(t, b.Take(t.Context(), subject, unique).Counted)
		require.EqualValues(t, 1, b.client.Exists(t.Context(), "fp:{"+tag+"}:limit:"+b.subject).Val(), subject)
	}
}

func TestAChangedLimitTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	passed, _ := takeAll(t, b, limit(t, "10/1h"))
	require.Equal(t, 10, passed)
	b.clock.advance(30 * time.Minute) // half of the quota is there again
	pass := b.Take(t.Context(), b.subject, limit(t, "100/1h"))
	require.True(t, pass.Allowed)
	require.Equal(t, 49, pass.Remaining)

	refusal := b.Take(t.Context(), b.subject, limit(t, "100/1m"))
	require.False(t, refusal.Allowed, "a shorter window: the backlog is cut to it")
	require.Equal(t, time.Minute, refusal.Reset)
	b.clock.advance(time.Minute)
	require.Equal(t, 99, b.Take(t.Context(), b.subject, limit(t, "100/1m")).Remaining)

	require.Equal(t, gate.Pass{Allowed: true, Limit: limit(t, "0")}, b.Take(t.Context(), b.subject, limit(t, "0")))
}

func TestAClockThatGoesBackLocksNobodyOutForLongerThanAWindow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := limit(t, "6/1h")
	takeAll(t, b, l)
	b.clock.advance(-100 * 24 * time.Hour)
	refusal := b.Take(t.Context(), b.subject, l)
	require.False(t, refusal.Allowed)
	require.Equal(t, time.Hour, refusal.Reset)
	require.Equal(t, 10*time.Minute, refusal.RetryAfter)
	b.clock.advance(10 * time.Minute)
	require.True(t, b.Take(t.Context(), b.subject, l).Allowed)
	b.clock.advance(time.Hour)
	require.Equal(t, 5, b.Take(t.Context(), b.subject, l).Remaining)
}

// The model is GCRA in fractions of any size.
func TestTheArithmeticIsExact(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"7/24h", "999983/24h", "1000000/23h59m59s", "97/13h", "1/24h"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			b, l := setup(t), limit(t, text)
			random := rand.New(rand.NewPCG(1, 2))
			window := big.NewRat(l.Window.Microseconds(), 1)
			interval := new(big.Rat).Quo(window, big.NewRat(int64(l.Quota), 1))
			// Nearly used up, so that the key outlives the test in real time.
			tat := new(big.Rat).SetInt64(b.clock.micros.Load() + l.Window.Microseconds()*99/100)
			key := "fp:{" + b.subject + "}:limit:" + l.Name
			require.NoError(t, b.client.Set(t.Context(), key, tat.Num().String()+" 0/1", time.Hour).Err())
			for step := range 300 {
				want := model(l, tat, b.clock.micros.Load(), window, interval)
				require.Equal(t, want, b.Take(t.Context(), b.subject, l), "step %d", step)
				if random.IntN(2) == 0 {
					b.clock.micros.Add(int64(random.Float64() * float64(l.Window.Microseconds()/int64(l.Quota)) * 2))
				}
				if random.IntN(40) == 0 {
					b.clock.advance(-l.Window / 50)
				}
			}
			held := b.client.Get(t.Context(), key).Val()
			require.True(t, strings.HasSuffix(held, "/"+strconv.Itoa(l.Quota)), held)
		})
	}
}

// model moves tat on.
func model(l gate.Limit, tat *big.Rat, micros int64, window, interval *big.Rat) gate.Pass {
	now := big.NewRat(micros, 1)
	backlog := new(big.Rat).Sub(tat, now)
	if backlog.Sign() < 0 {
		backlog.SetInt64(0)
	}
	if backlog.Cmp(window) > 0 {
		backlog.Set(window)
	}
	after := new(big.Rat).Add(backlog, interval)
	pass := gate.Pass{Limit: l, Counted: true, Allowed: after.Cmp(window) <= 0}
	if pass.Allowed {
		backlog = after
	} else {
		pass.RetryAfter = time.Duration(roundUp(after.Sub(after, window))) * time.Microsecond
	}
	pass.Reset = time.Duration(roundUp(backlog)) * time.Microsecond
	left := new(big.Rat).Quo(new(big.Rat).Sub(window, backlog), interval)
	pass.Remaining = int(new(big.Int).Div(left.Num(), left.Denom()).Int64())
	tat.Add(now, backlog)
	return pass
}

func roundUp(r *big.Rat) int64 {
	whole, rest := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int))
	return whole.Int64() + int64(rest.Sign())
}

func TestTheLimitsKeyGoesWhenTheQuotaIsWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := limit(t, "60/1h")
	for n := 1; n <= 3; n++ {
		b.Take(t.Context(), b.subject, l)
		left := b.client.PTTL(t.Context(), "fp:{"+b.subject+"}:limit:test").Val()
		require.LessOrEqual(t, left, time.Duration(n)*time.Minute+2*time.Millisecond)
		require.Greater(t, left, time.Duration(n)*time.Minute-patience)
	}
	l = gate.Limit{Name: "short", Quota: 20, Window: time.Second}
	b.Take(t.Context(), b.subject, l)
	require.Eventually(t, func() bool {
		return b.client.Exists(t.Context(), "fp:{"+b.subject+"}:limit:short").Val() == 0
	}, patience, 10*time.Millisecond)
}

func TestTheServersClockRefillsAndIsWhatWasSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := gate.New(gate.Config{Client: b.client, Timeout: patience})
	l := limit(t, "4/24h")
	for range 4 {
		require.True(t, g.Take(t.Context(), b.subject, l).Allowed)
	}
	refusal := g.Take(t.Context(), b.subject, l)
	require.False(t, refusal.Allowed)
	require.InDelta(t, 6*time.Hour, refusal.RetryAfter, float64(patience))

	l = gate.Limit{Name: "fast", Quota: 1, Window: time.Second}
	require.Eventually(t, func() bool { return !g.Take(t.Context(), b.subject, l).Allowed }, patience, time.Microsecond)
	require.Eventually(t, func() bool { return g.Take(t.Context(), b.subject, l).Allowed }, patience, 10*time.Millisecond)

	before := b.client.Time(t.Context()).Val()
	_, err := g.Open(t.Context(), b.subject, "r", nil, time.Hour)
	require.NoError(t, err)
	after := b.client.Time(t.Context()).Val()
	_, record, err := g.Enter(t.Context(), b.subject, l, "r")
	require.NoError(t, err)
	require.False(t, record.SeenAt.Before(before) || record.SeenAt.After(after), "%s %s %s", before, record.SeenAt, after)
}

func TestRubbishInTheLimitsKeyIsNoLockOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i, text := range []string{"", "x", "1 2", "99999999999999999999999 0/1", "-5 0/5", fmt.Sprint(1e300)} {
		l := limit(t, "5/1h")
		l.Name = strconv.Itoa(i)
		require.NoError(t, b.client.Set(t.Context(), "fp:{"+b.subject+"}:limit:"+l.Name, text, redis.KeepTTL).Err())
		pass := b.Take(t.Context(), b.subject, l)
		require.True(t, pass.Counted, text)
		require.LessOrEqual(t, pass.Reset, time.Hour)
		require.Greater(t, b.client.PTTL(t.Context(), "fp:{"+b.subject+"}:limit:"+l.Name).Val(), time.Duration(0))
	}
}
