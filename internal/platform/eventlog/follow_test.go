package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

func TestAFollowerGetsTheLogAndThenWhatComes(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		sub := log.Follow(t.Context(), "s", eventlog.ID{}) // before there is a log
		defer sub.Close()
		appendN(t, log, "s", 1, 10)
		got, err := read(t, sub, 10)
		require.NoError(t, err)
		require.Equal(t, numbers(1, 10), got)

		ids := appendN(t, log, "s", 11, 20)
		got, err = read(t, sub, 10)
		require.NoError(t, err)
		require.Equal(t, numbers(11, 20), got)
		require.Equal(t, ids[9], sub.Last())

		joined := log.Follow(t.Context(), "s", ids[4]) // the stream is being read
		defer joined.Close()
		appendN(t, log, "s", 21, 21)
		got, err = read(t, joined, 6)
		require.NoError(t, err)
		require.Equal(t, numbers(16, 21), got)
	})
}

func TestAllFollowersOnAllNodesSeeTheSame(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		nodes := []*eventlog.Log{newLog(t, client), newLog(t, client)}
		var wg sync.WaitGroup
		results := make([][]string, 40)
		for i := range results {
			sub := nodes[i%2].Follow(t.Context(), "s", eventlog.ID{})
			wg.Go(func() {
				defer sub.Close()
				results[i], _ = read(t, sub, 300)
			})
		}
		appendN(t, nodes[0], "s", 1, 150)
		appendN(t, nodes[1], "s", 151, 300)
		wg.Wait()
		for _, got := range results {
			require.Equal(t, numbers(1, 300), got)
		}
	})
}

// The race that matters: subscribers join at every moment of a running stream,
// from the beginning or from an entry they know, and none may miss or repeat.
func TestJoiningARunningStreamLeavesNoHoleAndNoDuplicate(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		total, joins := 1_500, 200
		if strings.HasSuffix(t.Name(), "/miniredis") {
			total, joins = 400, 60 // it looks at every entry for every range
		}
		log := newLog(t, client)
		var mu sync.Mutex
		ids := []eventlog.ID{{}}
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := 1; i <= total; i++ {
				id := appendN(t, log, "s", i, i)[0]
				mu.Lock()
				ids = append(ids, id)
				mu.Unlock()
			}
		})
		errs := make(chan error, joins)
		for j := range joins {
			mu.Lock()
			known := len(ids) - 1
			mu.Unlock()
			from := known * (j % 3) / 2 // the beginning, the middle, the newest
			wg.Go(func() {
				mu.Lock()
				after := ids[from]
				mu.Unlock()
				sub := log.Follow(t.Context(), "s", after)
				defer sub.Close()
				got, err := read(t, sub, total-from)
				if err != nil {
					err = fmt.Errorf("after %d, %d of %d entries: %w", from, len(got), total-from, err)
				}
				if err == nil && strings.Join(got, " ") != strings.Join(numbers(from+1, total), " ") {
					err = fmt.Errorf("after %d: %v", from, got)
				}
				if err != nil {
					errs <- err
				}
			})
			if j%20 == 19 { // spread the joins over the stream
				require.Eventually(t, func() bool {
					mu.Lock()
					defer mu.Unlock()
					return len(ids) > (j+1)*total/(joins+50)
				}, patience, 100*time.Microsecond)
			}
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
	})
}

func TestManyStreamsShareFewReadersWhichEndWhenLeft(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client, func(c *eventlog.Config) { c.Block = 100 * time.Millisecond })
		const streams = 200
		var wg sync.WaitGroup
		subs := make([]*eventlog.Subscription, streams)
		for i := range subs {
			subs[i] = log.Follow(t.Context(), fmt.Sprint("s", i), eventlog.ID{})
		}
		stats := log.Stats()
		require.Equal(t, streams, stats.Streams)
		require.Equal(t, streams, stats.Subscriptions)
		require.LessOrEqual(t, stats.Readers, eventlog.Tags)
		for i, sub := range subs {
			appendN(t, log, fmt.Sprint("s", i), i, i)
			wg.Go(func() {
				defer sub.Close()
				got, err := read(t, sub, 1)
				if err != nil || got[0] != strconv.Itoa(i) {
					t.Errorf("stream %d: %v, %v", i, got, err)
				}
			})
		}
		wg.Wait()
		require.Eventually(t, func() bool { return log.Stats() == eventlog.Stats{} }, patience, 5*time.Millisecond)

		again := log.Follow(t.Context(), "s0", eventlog.ID{})
		defer again.Close()
		got, err := read(t, again, 1)
		require.NoError(t, err)
		require.Equal(t, []string{"0"}, got, "a reader starts again when needed")
	})
}

func TestANewStreamIsReadAtOnceThoughItsReaderIsBlocked(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client, func(c *eventlog.Config) { c.Block = time.Minute })
		names := sameTag("s", 6)
		first := log.Follow(t.Context(), names[0], eventlog.ID{})
		defer first.Close()
		appendN(t, log, names[0], 1, 1)
		_, err := read(t, first, 1)
		require.NoError(t, err)

		for _, name := range names[1:] { // the reader is blocked on the others
			sub := log.Follow(t.Context(), name, eventlog.ID{})
			appendN(t, log, name, 1, 1)
			began := time.Now()
			_, err := read(t, sub, 1)
			require.NoError(t, err)
			require.Less(t, time.Since(began), patience/2, "long before the minute")
			sub.Close()
		}
	})
}

func TestASubscriberThatStaysBehindIsEndedAndOthersGoOn(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client, func(c *eventlog.Config) { c.Buffer = 4 << 10 })
		slow := log.Follow(t.Context(), "s", eventlog.ID{})
		defer slow.Close()
		fast := log.Follow(t.Context(), "s", eventlog.ID{})
		defer fast.Close()
		appendN(t, log, "s", 1, 1)
		for _, sub := range []*eventlog.Subscription{slow, fast} {
			_, err := read(t, sub, 1)
			require.NoError(t, err)
		}
		for i := 2; i <= 200; i++ {
			appendN(t, log, "s", i, i)
			got, err := read(t, fast, 1)
			require.NoError(t, err)
			require.Equal(t, numbers(i, i), got)
		}
		_, err := read(t, slow, 1)
		require.ErrorIs(t, err, eventlog.ErrTooSlow)
		_, err = read(t, slow, 1)
		require.ErrorIs(t, err, eventlog.ErrTooSlow, "for good")
		require.NoError(t, testutil.CollectAndCompare(log.Metrics(), strings.NewReader(`
# HELP fluentpro_log_drops_total Subscribers cut off because they stayed behind.
# TYPE fluentpro_log_drops_total counter
fluentpro_log_drops_total 1
`), "fluentpro_log_drops_total"))

		resumed := log.Follow(t.Context(), "s", slow.Last())
		defer resumed.Close()
		got, err := read(t, resumed, 199)
		require.NoError(t, err)
		require.Equal(t, numbers(2, 200), got)
	})
}

func TestALongLogIsReadInPagesWithoutBeingTooSlow(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client, func(c *eventlog.Config) { c.Buffer = 2 << 10 })
		appendN(t, log, "s", 1, 1_200)
		sub := log.Follow(t.Context(), "s", eventlog.ID{})
		defer sub.Close()
		joined := log.Follow(t.Context(), "s", eventlog.ID{})
		defer joined.Close()
		for _, s := range []*eventlog.Subscription{sub, joined} {
			got, err := read(t, s, 1_200)
			require.NoError(t, err)
			require.Equal(t, numbers(1, 1_200), got)
		}
	})
}

func TestFollowingAfterAnUnknownEntryRestarts(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		ids := appendN(t, log, "s", 1, 3)
		for _, unknown := range []eventlog.ID{
			{Ms: 1},                     // trimmed long ago
			{Ms: ids[2].Ms + 1_000_000}, // of a log that was lost, from a clock that ran ahead
		} {
			first := log.Follow(t.Context(), "s", unknown)
			for range 2 { // one is new to the reader, the other joins it
				sub := log.Follow(t.Context(), "s", unknown)
				_, err := read(t, sub, 1)
				require.ErrorIs(t, err, eventlog.ErrRestarted)
				for err != nil { // it may be said twice: by the reader and by the own look
					var got []string
					got, err = read(t, sub, 3)
					if err == nil {
						require.Equal(t, numbers(1, 3), got)
					} else {
						require.ErrorIs(t, err, eventlog.ErrRestarted)
					}
				}
				sub.Close()
			}
			_, err := read(t, first, 1)
			require.ErrorIs(t, err, eventlog.ErrRestarted)
			got, err := read(t, first, 3)
			require.NoError(t, err)
			require.Equal(t, numbers(1, 3), got)
			first.Close()
		}
	})
}

func TestASubscriptionEndsWithItsContextItsCloseOrTheLog(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		gone := errors.New("the client left")
		ctx, cancel := context.WithCancelCause(t.Context())
		byContext := log.Follow(ctx, "s", eventlog.ID{})
		cancel(gone)
		_, err := byContext.Next(t.Context())
		require.ErrorIs(t, err, eventlog.ErrClosed)
		require.ErrorIs(t, err, gone)
		byContext.Close()

		byClose := log.Follow(t.Context(), "s", eventlog.ID{})
		byClose.Close()
		byClose.Close()
		_, err = byClose.Next(t.Context())
		require.ErrorIs(t, err, eventlog.ErrClosed)

		byLog := log.Follow(t.Context(), "s", eventlog.ID{})
		waiting := make(chan error)
		go func() {
			_, err := byLog.Next(t.Context())
			waiting <- err
		}()
		require.NoError(t, log.Close())
		require.ErrorIs(t, <-waiting, eventlog.ErrClosed)
		require.NoError(t, log.Close(), "again")

		late := log.Follow(t.Context(), "s", eventlog.ID{})
		_, err = late.Next(t.Context())
		require.ErrorIs(t, err, eventlog.ErrClosed)
		late.Close()
		require.Zero(t, log.Stats().Subscriptions)
	})
}

func TestAWaitThatEndsEarlyLosesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		sub := log.Follow(t.Context(), "s", eventlog.ID{})
		defer sub.Close()
		var got []string
		for i := 1; i <= 30; i++ {
			appendN(t, log, "s", i, i)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%3)*time.Millisecond)
			entries, err := sub.Next(ctx)
			cancel()
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			got = append(got, texts(entries)...)
		}
		rest, err := read(t, sub, 30-len(got))
		require.NoError(t, err)
		require.Equal(t, numbers(1, 30), append(got, rest...))
	})
}

func TestFollowersShareWhatIsMadeOfAnEntry(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		var made []any
		subs := []*eventlog.Subscription{
			log.Follow(t.Context(), "s", eventlog.ID{}), log.Follow(t.Context(), "s", eventlog.ID{}),
		}
		appendN(t, log, "s", 1, 1)
		for _, sub := range subs { // whoever joins a stream being read fetches the first part alone
			_, err := read(t, sub, 1)
			require.NoError(t, err)
		}
		appendN(t, log, "s", 2, 2)
		for _, sub := range subs {
			entries, err := sub.Next(t.Context())
			require.NoError(t, err)
			made = append(made, entries[0].Memo(func() any { return new(int) }))
			sub.Close()
		}
		require.Same(t, made[0], made[1])
	})
}

// The wake key outlives a reader: a later reader of the tag that counted anew
// would send wakes that Redis refuses, and its new streams would wait for Block.
func TestALaterReaderOfATagIsWokenToo(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client, func(c *eventlog.Config) { c.Block, c.Linger = 100*time.Millisecond, time.Millisecond })
		names := sameTag("s", 2)
		lastWake := func() string {
			keys := redistest.Keys(t, client, prefixOf(t)+":*:wake:*")
			var last string
			for _, key := range keys {
				found, err := client.XRevRangeN(t.Context(), key, "+", "-", 1).Result()
				require.NoError(t, err)
				last = max(last, found[0].ID)
			}
			return last
		}
		before := ""
		for range 3 {
			require.Eventually(t, func() bool { // until a second stream finds the reader blocked on the first
				first := log.Follow(t.Context(), names[0], eventlog.ID{})
				appendN(t, log, names[0], 1, 1)
				_, err := read(t, first, 1)
				require.NoError(t, err)
				second := log.Follow(t.Context(), names[1], eventlog.ID{})
				first.Close()
				second.Close()
				return lastWake() > before
			}, patience, 5*time.Millisecond)
			before = lastWake()
			require.Eventually(t, func() bool { return log.Stats() == eventlog.Stats{} }, patience, 5*time.Millisecond)
		}
	})
}
