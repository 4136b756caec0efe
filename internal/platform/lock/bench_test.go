package lock_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

const callers = 16

// cycles lets each of the callers take and give back a lock of its own, and gives
// how long all took.
func cycles(b *testing.B, each int, cycle func(ctx context.Context, caller int) error) time.Duration {
	b.Helper()
	var work sync.WaitGroup
	began := time.Now()
	for caller := range callers {
		work.Go(func() {
			ctx, cancel := context.WithCancel(b.Context()) // a request has its own
			defer cancel()
			for range each {
				if err := cycle(ctx, caller); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
	return time.Since(began)
}

// bare takes and gives back as shortly as Redis allows: without a queue, a TTL of
// the fence, a renewal, a context.
func bare(b *testing.B, client redis.UniversalClient, prefix string) func(ctx context.Context, caller int) error {
	b.Helper()
	take := redis.NewScript(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return redis.call('INCR', KEYS[2]) end
return 0`)
	giveBack := redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)
	return func(ctx context.Context, caller int) error {
		key, token := fmt.Sprintf("{%s-%d}:bare", prefix, caller), rand.Text()
		if fence, err := take.Run(ctx, client, []string{key, key + ":fence"}, token, 5000).Int64(); err != nil || fence == 0 {
			return fmt.Errorf("%d: %w", fence, err)
		}
		return giveBack.Run(ctx, client, []string{key}, token).Err()
	}
}

func ours(b *testing.B, client redis.UniversalClient, prefix string) func(ctx context.Context, caller int) error {
	b.Helper()
	locks := nodeOn(b, client, patient)
	return func(ctx context.Context, caller int) error {
		held, err := locks.Acquire(ctx, lock.AcquireInput{Name: fmt.Sprintf("%s-%d", prefix, caller), Wait: time.Second})
		if err != nil {
			return err
		}
		return held.Release(ctx)
	}
}

// BenchmarkLock counts a taking and a giving back as one cycle. The ratio is taken
// in turns, a few hundred cycles each, so that whatever else the machine does meets
// both.
func BenchmarkLock(b *testing.B) {
	client := redistest.Shared(b)
	ours, bare := ours(b, client, random()), bare(b, client, random())
	for _, side := range []struct {
		name  string
		cycle func(context.Context, int) error
	}{{"ours", ours}, {"bare", bare}} {
		b.Run(side.name, func(b *testing.B) {
			b.ReportAllocs()
			took := cycles(b, b.N/callers+1, side.cycle)
			b.ReportMetric(float64((b.N/callers+1)*callers)/took.Seconds(), "cycles/s")
		})
	}
	b.Run("ratio", func(b *testing.B) {
		const each = 50
		var tookOurs, tookBare time.Duration
		for b.Loop() {
			tookOurs += cycles(b, each, ours)
			tookBare += cycles(b, each, bare)
		}
		b.ReportMetric(tookBare.Seconds()/tookOurs.Seconds(), "ours/bare")
	})
}

// BenchmarkHandover measures how soon the next of 16 waiters has the lock.
func BenchmarkHandover(b *testing.B) {
	locks, name := node(b, patient), random()
	held, err := locks.Acquire(b.Context(), lock.AcquireInput{Name: name})
	require.NoError(b, err)
	require.NoError(b, held.Release(b.Context()))
	took := cycles(b, b.N/callers+1, func(ctx context.Context, _ int) error {
		held, err := locks.Acquire(ctx, lock.AcquireInput{Name: name, Wait: patience})
		if err != nil {
			return err
		}
		return held.Release(ctx)
	})
	b.ReportMetric(float64((b.N/callers+1)*callers)/took.Seconds(), "handovers/s")
}
