package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

func TestEntriesKeepTheOrderOfTheirAppending(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		var last eventlog.ID
		for i := range 50 {
			id, err := log.Append(t.Context(), eventlog.AppendInput{
				Stream: "s", Fence: 1, After: last, Entry: fmt.Append(nil, i+1),
			})
			require.NoError(t, err)
			require.Positive(t, id.Compare(last))
			last = id
		}
		entries, err := log.Range(t.Context(), "s", eventlog.ID{}, 0)
		require.NoError(t, err)
		require.Equal(t, numbers(1, 50), texts(entries))
		require.Equal(t, last, entries[49].ID)

		some, err := log.Range(t.Context(), "s", entries[9].ID, 5)
		require.NoError(t, err)
		require.Equal(t, numbers(11, 15), texts(some))
	})
}

func TestAnEntryMayHoldAnyBytes(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		for _, data := range [][]byte{{}, {0}, []byte("a\r\nb\x00\xff"), []byte(strings.Repeat("x", 256<<10))} {
			_, err := log.Append(t.Context(), eventlog.AppendInput{Stream: "s", After: eventlog.AnyID, Entry: data})
			require.NoError(t, err)
		}
		entries, err := log.Range(t.Context(), "s", eventlog.ID{}, 0)
		require.NoError(t, err)
		require.Equal(t, "a\r\nb\x00\xff", string(entries[2].Data))
		require.Len(t, entries[3].Data, 256<<10)
	})
}

func TestAWriterWhoseLogChangedIsToldThatItDiverged(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		in := eventlog.AppendInput{Stream: "s", Fence: 3, Entry: []byte("x")}
		first, err := log.Append(t.Context(), in)
		require.NoError(t, err, "the zero id: there is no log yet")

		_, err = log.Append(t.Context(), in)
		require.ErrorIs(t, err, eventlog.ErrDiverged, "an append whose answer was lost, made again")
		require.ErrorContains(t, err, first.String())

		in.After = first
		second, err := log.Append(t.Context(), in)
		require.NoError(t, err)

		require.NoError(t, client.Del(t.Context(), keyOf(t, "s")).Err())
		in.After = second
		_, err = log.Append(t.Context(), in)
		require.ErrorIs(t, err, eventlog.ErrDiverged, "the log was lost")

		in.After = eventlog.AnyID
		third, err := log.Append(t.Context(), in)
		require.NoError(t, err, "the entry that replaces the state goes in whatever there is")
		in.After = third
		_, err = log.Append(t.Context(), in)
		require.NoError(t, err, "and the writer goes on from it")
	})
}

func TestAZombieIsFencedOff(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		for _, fences := range [][2]int64{{1, 2}, {9, 10}, {0, 1}, {math.MaxInt64 - 1, math.MaxInt64}} {
			stream := fmt.Sprint("s", fences)
			zombie := eventlog.AppendInput{Stream: stream, Fence: fences[0], Entry: []byte("old")}
			first, err := log.Append(t.Context(), zombie)
			require.NoError(t, err)

			takeover := eventlog.AppendInput{Stream: stream, Fence: fences[1], After: eventlog.AnyID, Entry: []byte("new")}
			_, err = log.Append(t.Context(), takeover)
			require.NoError(t, err)

			for _, after := range []eventlog.ID{first, eventlog.AnyID, {}} {
				zombie.After = after
				_, err = log.Append(t.Context(), zombie)
				require.ErrorIs(t, err, eventlog.ErrFenced, fences)
			}
			entries, err := log.Range(t.Context(), stream, eventlog.ID{}, 0)
			require.NoError(t, err)
			require.Equal(t, []string{"old", "new"}, texts(entries))
		}
	})
}

func TestOfManyWritersAfterTheSameEntryOneWins(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		last := appendN(t, log, "s", 1, 1)[0]
		for range 20 {
			var won, diverged atomic.Int64
			var next eventlog.ID
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					id, err := log.Append(context.Background(), eventlog.AppendInput{Stream: "s", After: last, Entry: []byte("x")})
					switch {
					case err == nil:
						won.Add(1)
						next = id
					case errors.Is(err, eventlog.ErrDiverged):
						diverged.Add(1)
					}
				})
			}
			wg.Wait()
			require.EqualValues(t, 1, won.Load())
			require.EqualValues(t, 7, diverged.Load())
			last = next
		}
	})
}

func TestALogIsBoundedInLengthAndInTime(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client, func(c *eventlog.Config) { c.Cap, c.TTL, c.Prefix = 50, time.Minute, prefixOf(t)+"p" })
		appendN(t, log, "s", 1, 400)
		keys := redistest.Keys(t, client, prefixOf(t)+"p:*")
		require.Equal(t, []string{fmt.Sprintf("%sp:{t%02d}:s", prefixOf(t), eventlog.TagOf("s"))}, keys)
		length, err := client.XLen(t.Context(), keys[0]).Result()
		require.NoError(t, err)
		require.GreaterOrEqual(t, length, int64(50))
		require.Less(t, length, int64(200), "trimmed in whole nodes")
		ttl, err := client.PTTL(t.Context(), keys[0]).Result()
		require.NoError(t, err)
		require.InDelta(t, time.Minute, ttl, float64(10*time.Second))
	})
}

func TestALogThatEndsIsKeptAsShortAsItsLastEntrySays(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client, func(c *eventlog.Config) { c.TTL = time.Hour })
		in := eventlog.AppendInput{Stream: "s", After: eventlog.AnyID, Entry: []byte("x"), Cap: 10}
		for range 400 {
			_, err := log.Append(t.Context(), in)
			require.NoError(t, err)
		}
		key := keyOf(t, "s")
		length, err := client.XLen(t.Context(), key).Result()
		require.NoError(t, err)
		require.Less(t, length, int64(200), "trimmed in whole nodes")
		in.Keep = time.Minute
		_, err = log.Append(t.Context(), in)
		require.NoError(t, err)
		ttl, err := client.PTTL(t.Context(), key).Result()
		require.NoError(t, err)
		require.LessOrEqual(t, ttl, time.Minute)
		require.Positive(t, ttl)
	})
}

func TestIdsRiseThoughTheClockWentBack(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		future := eventlog.ID{Ms: uint64(time.Now().Add(time.Hour).UnixMilli()), Seq: 7}
		key := keyOf(t, "s")
		require.NoError(t, client.XAdd(t.Context(), &redis.XAddArgs{
			Stream: key, ID: future.String(), Values: []string{"f", "1", "e", "from the future"},
		}).Err())

		id, err := log.Append(t.Context(), eventlog.AppendInput{Stream: "s", Fence: 1, After: future, Entry: []byte("x")})
		require.NoError(t, err)
		require.Positive(t, id.Compare(future))
	})
}

func TestWhatCannotBeAppendedIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		_, err := log.Append(t.Context(), eventlog.AppendInput{Stream: "s", Entry: make([]byte, 256<<10+1)})
		require.ErrorIs(t, err, eventlog.ErrTooLarge)
		_, err = log.Append(t.Context(), eventlog.AppendInput{Stream: "s", Fence: -1})
		require.Error(t, err)

		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("the caller left")
		cancel(gone)
		_, err = log.Append(ctx, eventlog.AppendInput{Stream: "s"})
		require.ErrorIs(t, err, gone)
		require.NotErrorIs(t, err, eventlog.ErrUnavailable)

		exists, err := log.Exists(t.Context(), "s")
		require.NoError(t, err)
		require.False(t, exists)
	})
}

func TestAnUnreachableRedisIsSaidToBeUnavailable(t *testing.T) {
	t.Parallel()
	log := newLog(t, newClient(t, "127.0.0.1:1"), func(c *eventlog.Config) { c.CallTimeout = 200 * time.Millisecond })
	_, err := log.Append(t.Context(), eventlog.AppendInput{Stream: "s"})
	require.ErrorIs(t, err, eventlog.ErrUnavailable)
	_, err = log.Range(t.Context(), "s", eventlog.ID{}, 1)
	require.ErrorIs(t, err, eventlog.ErrUnavailable)
	_, err = log.Exists(t.Context(), "s")
	require.ErrorIs(t, err, eventlog.ErrUnavailable)
	_, err = log.Resume(t.Context(), "s", eventlog.ID{})
	require.ErrorIs(t, err, eventlog.ErrUnavailable)
}

func TestAClientThatCannotReadBlockingIsRefused(t *testing.T) {
	t.Parallel()
	ring := redis.NewRing(&redis.RingOptions{})
	defer ring.Close()
	_, err := eventlog.New(eventlog.Config{Client: ring})
	require.Error(t, err)
}

func TestResumingGivesExactlyTheGap(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		ids := appendN(t, log, "s", 1, 20)

		got, err := log.Resume(t.Context(), "s", ids[14])
		require.NoError(t, err)
		require.Equal(t, numbers(16, 20), texts(got.Entries))
		require.False(t, got.Restarted)
		require.False(t, got.More)

		got, err = log.Resume(t.Context(), "s", ids[19])
		require.NoError(t, err)
		require.Empty(t, got.Entries)
		require.False(t, got.Restarted, "nothing missed is not the same as not known")

		got, err = log.Resume(t.Context(), "s", eventlog.ID{})
		require.NoError(t, err)
		require.Equal(t, numbers(1, 20), texts(got.Entries))
		require.False(t, got.Restarted)
	})
}

func TestResumingOfMuchTellsThatThereIsMore(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		ids := appendN(t, log, "s", 1, 1_005)
		got, err := log.Resume(t.Context(), "s", ids[0])
		require.NoError(t, err)
		require.True(t, got.More)
		require.Equal(t, numbers(2, 1_001), texts(got.Entries))

		sub := log.Follow(t.Context(), "s", got.Entries[len(got.Entries)-1].ID)
		defer sub.Close()
		rest, err := read(t, sub, 4)
		require.NoError(t, err)
		require.Equal(t, numbers(1_002, 1_005), rest)
	})
}

func TestResumingAfterALostEntryRestarts(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client, func(c *eventlog.Config) { c.Cap = 20 })
		ids := appendN(t, log, "s", 1, 400)

		has, err := log.Has(t.Context(), "s", ids[0])
		require.NoError(t, err)
		require.False(t, has, "trimmed")
		got, err := log.Resume(t.Context(), "s", ids[0])
		require.NoError(t, err)
		require.True(t, got.Restarted)
		require.Equal(t, "400", string(got.Entries[len(got.Entries)-1].Data))

		has, err = log.Has(t.Context(), "s", ids[399])
		require.NoError(t, err)
		require.True(t, has)
		has, err = log.Has(t.Context(), "s", eventlog.ID{})
		require.NoError(t, err)
		require.True(t, has)

		require.NoError(t, client.Del(t.Context(), keyOf(t, "s")).Err())
		got, err = log.Resume(t.Context(), "s", ids[399])
		require.NoError(t, err)
		require.True(t, got.Restarted)
		require.Empty(t, got.Entries)
		exists, err := log.Exists(t.Context(), "s")
		require.NoError(t, err)
		require.False(t, exists)
	})
}

func TestTheNewestEntryIsTheOneALogEndsWith(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		log := newLog(t, client)
		_, found, err := log.Newest(t.Context(), "s")
		require.NoError(t, err)
		require.False(t, found)
		ids := appendN(t, log, "s", 1, 3)
		newest, found, err := log.Newest(t.Context(), "s")
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, ids[2], newest.ID)
		require.Equal(t, "3", string(newest.Data))

		gone, cancel := context.WithCancelCause(t.Context())
		goodbye := errors.New("goodbye")
		cancel(goodbye)
		_, _, err = log.Newest(gone, "s")
		require.ErrorIs(t, err, goodbye)
	})
}
