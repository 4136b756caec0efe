package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

func TestAnEventExistsIfAndOnlyIfItsTransactionCommits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine := errors.New("changed my mind")
	piece := uuid.New()
	require.ErrorIs(t, postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
		require.NoError(t, outbox.Write(t.Context(), tx, time.Now(), piece, moved{1}))
		return mine
	}), mine)
	require.Zero(t, b.number("select count(*) from outbox"))
	b.move(piece, 2)
	require.Equal(t, 1, b.number("select count(*) from outbox where type = 'piece.moved' and version = 1 and data = '{\"step\": 2}'"))
}

func TestPositionsOfAnAggregateGrowInTheOrderOfCommits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	piece := uuid.New()
	first, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, outbox.Write(t.Context(), first, time.Now(), piece, moved{1}))

	second := make(chan error, 1)
	go func() {
		second <- postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
			return outbox.Write(t.Context(), tx, time.Now(), piece, moved{2})
		})
	}()
	b.eventually("the second writer waits", func() bool {
		return b.number("select count(*) from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())") == 1
	})
	b.move(uuid.New(), 3) // another aggregate does not
	require.NoError(t, first.Commit(t.Context()))
	require.NoError(t, <-second)
	require.Equal(t, 1, b.number("select (array_agg(data->>'step' order by position))[1]::int from outbox where aggregate_id = $1", piece))
}

func TestEachGroupHandlesEachEventOnceInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := recording("one")
	outbox.On(h, "two", record("two"))
	b.consumers(h, nil)
	b.relay(nil)
	pieces := piecesApart(3)
	var want []int
	for n := range 50 {
		want = append(want, n)
		for _, piece := range pieces {
			b.move(piece, n)
		}
	}
	for _, piece := range pieces {
		b.sees("one", piece, want...)
		b.sees("two", piece, want...)
	}
}

func TestAnEventTellsWhyItHappened(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seen := make(chan telemetry.Origin, 1)
	events := make(chan outbox.Event, 1)
	h := outbox.NewHandlers()
	outbox.On(h, "one", func(ctx context.Context, _ postgres.Tx, e outbox.Event, _ moved) error {
		seen <- telemetry.OriginFrom(ctx)
		events <- e
		return nil
	})
	b.consumers(h, nil)
	b.relay(nil)
	cause := telemetry.Origin{ActorID: uuid.New(), CorrelationID: "request-9", CausationID: uuid.New()}
	require.NoError(t, postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
		return outbox.Write(telemetry.WithOrigin(t.Context(), cause), tx, time.Unix(1_800_000_000, 0), uuid.New(), moved{1})
	}))
	e, origin := <-events, <-seen
	require.Equal(t, telemetry.Origin{ActorID: cause.ActorID, CorrelationID: "request-9", CausationID: e.ID}, origin)
	require.Equal(t, cause.CausationID, *e.CausationID)
	require.Equal(t, cause.ActorID, *e.ActorID)
	require.Equal(t, time.Unix(1_800_000_000, 0).UTC(), e.OccurredAt)
	require.Positive(t, e.Position)
	require.WithinDuration(t, time.Now(), e.RecordedAt, time.Minute)
}

func TestAGroupTakesItsTypesOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	types := make(chan string, 10)
	h := recording("moves")
	outbox.OnAll(h, "all", func(_ context.Context, _ postgres.Tx, e outbox.Event) error {
		types <- e.Type
		return nil
	})
	b.consumers(h, nil)
	b.relay(nil)
	piece := uuid.New()
	b.write(piece, lifted{})
	b.move(piece, 1)
	require.Equal(t, []string{"piece.lifted", "piece.moved"}, []string{<-types, <-types})
	b.sees("moves", piece, 1)
}

func TestAGroupBeginsWhenItIsFirstNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	piece := uuid.New()
	b.consumers(recording("old"), nil)
	b.relay(nil)
	b.move(piece, 1)
	b.sees("old", piece, 1)
	young := recording("young")
	outbox.On(young, "old", record("old"))
	b.consumers(young, nil)
	b.move(piece, 2)
	b.sees("young", piece, 2)
	b.sees("old", piece, 1, 2)
}

func TestAFailingEventParksItsAggregateAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var s script
	h := outbox.NewHandlers()
	hold := make(chan struct{})
	ok := record("one")
	outbox.On(h, "one", func(ctx context.Context, tx postgres.Tx, e outbox.Event, data moved) error {
		select {
		case <-hold:
		default:
			if data.Step == 2 {
				s.run(2)
				return errors.New("not today")
			}
		}
		return ok(ctx, tx, e, data)
	})
	c := outbox.NewConsumers(outbox.ConsumersConfig{Pool: b.pool, Redis: b.redis, Handlers: h, LeaseLifetime: lifetime,
		RetryAfter: 50 * time.Millisecond, Bury: b.bury, Logger: b.logger()})
	require.NoError(t, c.Start(t.Context()))
	defer c.Stop()
	b.relay(nil)
	both := neighbours(2)
	b.move(both[0], 1, 2, 3, 4)
	b.move(both[1], 5, 6, 7)
	b.sees("one", both[1], 5, 6, 7)
	b.sees("one", both[0], 1)
	close(hold)
	b.sees("one", both[0], 1, 2, 3, 4)
	b.eventually("nothing waits", func() bool { return b.number("select count(*) from parked_events") == 0 })
	require.Positive(t, s.runs[2])
}

func TestAfterFiveAttemptsAnEventIsADeadLetterAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("never") },
		"panic": func() error { panic("never") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			var s script
			h := outbox.NewHandlers()
			ok := record("one")
			outbox.On(h, "one", func(ctx context.Context, tx postgres.Tx, e outbox.Event, data moved) error {
				if err := ok(ctx, tx, e, data); err != nil {
					return err
				}
				if data.Step == 2 && s.run(2) < 100 {
					return fail()
				}
				return nil
			})
			b.consumers(h, nil)
			b.relay(nil)
			piece := uuid.New()
			b.move(piece, 1, 2, 3)
			b.sees("one", piece, 1, 3)
			b.sees("dead/one", piece, outbox.Attempts)
			require.Equal(t, 5, b.number(`select jsonb_array_length(correlation::jsonb) from effects where grp = 'dead/one'`))
			require.Equal(t, 5, b.number(`select (correlation::jsonb -> 4 ->> 'attempt')::int from effects where grp = 'dead/one' and correlation like '%never%'`))

			// Mended, the handler gets it again.
			s.runs[2] = 1000
			var dead uuid.UUID
			require.NoError(t, b.pool.QueryRow(t.Context(), "select event_id from effects where grp = 'dead/one'").Scan(&dead))
			require.NoError(t, postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
				return outbox.ReplayDead(t.Context(), tx, "one", dead)
			}))
			b.sees("one", piece, 1, 3, 2)
		})
	}
}

// crash gives a hook that calls kill, in the background, the first time that a
// step is reached, and holds the world until the kill has come through.
func crash(step string) (hook func(context.Context, string), reached <-chan struct{}) {
	var once sync.Once
	at := make(chan struct{})
	return func(ctx context.Context, s string) {
		if s == step {
			once.Do(func() {
				close(at)
				<-ctx.Done()
			})
		}
	}, at
}

func TestACrashOfAConsumerAtAnyStepLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"read", "begun", "handled", "committed", "acknowledged"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			hook, reached := crash(step)
			first := b.consumers(recording("one"), hook)
			b.relay(nil)
			piece := uuid.New()
			b.move(piece, 1, 2, 3)
			<-reached
			first.Kill()
			b.move(piece, 4, 5)
			b.consumers(recording("one"), nil)
			b.sees("one", piece, 1, 2, 3, 4, 5)
		})
	}
}

func TestACrashOfARelayAtAnyStepLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"selected", "published", "marked"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.consumers(recording("one"), nil)
			piece := uuid.New()
			b.move(piece, 1, 2, 3)
			hook, reached := crash(step)
			first := b.relay(hook)
			<-reached
			first.Kill()
			b.move(piece, 4, 5)
			b.relay(nil)
			b.sees("one", piece, 1, 2, 3, 4, 5)
		})
	}
}

func TestAnEventThatKillsItsConsumerBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.relay(nil)
	both := neighbours(2)
	deaths := 0
	for {
		dying := make(chan struct{}, 1)
		h := outbox.NewHandlers()
		ok := record("one")
		outbox.On(h, "one", func(ctx context.Context, tx postgres.Tx, e outbox.Event, data moved) error {
			if data.Step == 2 {
				dying <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			}
			return ok(ctx, tx, e, data)
		})
		c := b.consumers(h, nil)
		if deaths == 0 {
			b.move(both[0], 1, 2, 3)
			b.move(both[1], 4)
		}
		dead := make(chan struct{})
		go func() {
			b.eventually("given up or dying", func() bool { return len(b.steps("dead/one", both[0])) == 1 || len(dying) == 1 })
			close(dead)
		}()
		<-dead
		if len(dying) == 0 {
			break
		}
		deaths++
		require.LessOrEqual(t, deaths, outbox.Attempts)
		c.Kill()
	}
	require.GreaterOrEqual(t, deaths, outbox.Attempts-1)
	b.sees("one", both[0], 1, 3)
	b.sees("one", both[1], 4)
}

func TestDuplicatesInAStreamHaveOneEffect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.consumers(recording("one"), nil)
	r := b.relay(nil)
	piece := uuid.New()
	b.move(piece, 1, 2, 3)
	b.sees("one", piece, 1, 2, 3)
	b.exec("update outbox set published_at = null") // all is moved once more
	b.move(piece, 4)
	b.sees("one", piece, 1, 2, 3, 4)
	key := r.StreamKey(outbox.PartitionOf("piece", piece))
	b.eventually("all is read", func() bool {
		groups, err := b.redis.XInfoGroups(t.Context(), key).Result()
		require.NoError(t, err)
		last, err := b.redis.XRevRangeN(t.Context(), key, "+", "-", 1).Result()
		require.NoError(t, err)
		return len(groups) == 1 && groups[0].LastDeliveredID == last[0].ID && groups[0].Pending == 0
	})
	require.Equal(t, []int{1, 2, 3, 4}, b.steps("one", piece))
}

func TestAnUnreadableEntryIsPassedBy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.consumers(recording("one"), nil)
	r := b.relay(nil)
	piece := uuid.New()
	b.move(piece, 1)
	b.sees("one", piece, 1)
	key := r.StreamKey(outbox.PartitionOf("piece", piece))
	for _, garbage := range []map[string]any{{"e": "{"}, {"other": "x"}} {
		require.NoError(t, b.redis.XAdd(t.Context(), addTo(key, garbage)).Err())
	}
	b.move(piece, 2)
	b.sees("one", piece, 1, 2)
}

func TestManyWritersKeepTheOrderOfEachAggregate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 2 {
		b.relay(nil)
		b.consumers(recording("one"), nil)
	}
	pieces := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}
	const writers, each = 4, 25
	b.exec("create table counters (piece uuid primary key, last int)")
	for _, piece := range pieces {
		b.exec("insert into counters values ($1, 0)", piece)
	}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range each * len(pieces) {
				piece := pieces[i%len(pieces)]
				err := postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
					var n int
					if err := tx.QueryRow(t.Context(), "update counters set last = last + 1 where piece = $1 returning last", piece).Scan(&n); err != nil {
						return err
					}
					return outbox.Write(t.Context(), tx, time.Now(), piece, moved{n})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var want []int
	for n := range writers * each {
		want = append(want, n+1)
	}
	for _, piece := range pieces {
		b.sees("one", piece, want...)
	}
}

func TestGroupsAreNamedOnce(t *testing.T) {
	t.Parallel()
	h := recording("one")
	require.PanicsWithValue(t, "outbox: group one takes piece.moved twice", func() { outbox.On(h, "one", record("one")) })
	outbox.OnAll(h, "two", func(context.Context, postgres.Tx, outbox.Event) error { return nil })
	require.Equal(t, []string{"one", "two"}, h.Groups())
}

func TestPartitionsAreUsedEvenly(t *testing.T) {
	t.Parallel()
	var counts [outbox.Partitions]int
	for i := range 1600 {
		counts[outbox.PartitionOf("piece", uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%d", i)))]++
	}
	require.Greater(t, slices.Min(counts[:]), 50)
}
