package outbox_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

func addTo(key string, values map[string]any) *redis.XAddArgs {
	return &redis.XAddArgs{Stream: key, Values: values}
}

// held counts the partitions that nodes hold for a name, by node.
func (b *board) held(name string) []int {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), "select count(*)::int from partition_leases where name = $1 and expires_at > now() group by holder", name)
	require.NoError(b.t, err)
	var out []int
	var n int
	for rows.Next() {
		require.NoError(b.t, rows.Scan(&n))
		out = append(out, n)
	}
	require.NoError(b.t, rows.Err())
	return out
}

func sum(counts []int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

func TestNodesShareThePartitions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.relay(nil)
	b.eventually("one has all", func() bool { return slices.Equal(b.held("relay"), []int{outbox.Partitions}) })
	second := b.relay(nil)
	b.eventually("they share", func() bool { h := b.held("relay"); return len(h) == 2 && sum(h) == outbox.Partitions })
	first.Stop()
	first.Stop() // again does nothing
	b.eventually("the other has all", func() bool { return slices.Equal(b.held("relay"), []int{outbox.Partitions}) })
	second.Kill()
	b.relay(nil)
	b.eventually("what the dead one held lapses", func() bool { return slices.Equal(b.held("relay"), []int{outbox.Partitions}) })
}

func TestStopIsSafeBeforeStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	outbox.NewRelay(outbox.RelayConfig{Pool: b.pool, Redis: b.redis, Logger: b.logger()}).Stop()
	c := outbox.NewConsumers(outbox.ConsumersConfig{Pool: b.pool, Redis: b.redis, Handlers: outbox.NewHandlers(), Logger: b.logger()})
	c.Stop()
	require.NoError(t, c.Start(t.Context()), "without groups there is nothing to do")
	c.Stop()
}

func TestALostRedisLosesNoEvent(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(b *board, r *outbox.Relay){
		"all of it": func(b *board, r *outbox.Relay) {
			for p := range outbox.Partitions {
				require.NoError(b.t, b.redis.Del(b.t.Context(), r.StreamKey(p), r.StreamKey(p)+":fence:relay").Err())
			}
		},
		"the end of a stream": func(b *board, r *outbox.Relay) {
			for p := range outbox.Partitions {
				last, err := b.redis.XRevRangeN(b.t.Context(), r.StreamKey(p), "+", "-", 2).Result()
				require.NoError(b.t, err)
				for _, m := range last {
					require.NoError(b.t, b.redis.XDel(b.t.Context(), r.StreamKey(p), m.ID).Err())
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			pieces := piecesApart(4)
			// Moved, and handled by nobody yet.
			idle := outbox.NewConsumers(outbox.ConsumersConfig{Pool: b.pool, Redis: b.redis, Handlers: recording("one"), Logger: b.logger()})
			_, err := idle.Subscribe(t.Context())
			require.NoError(t, err)
			r := b.relay(nil)
			for _, piece := range pieces {
				b.move(piece, 1, 2, 3)
			}
			b.eventually("all is moved", func() bool { return b.number("select count(*) from outbox where published_at is null") == 0 })
			lose(b, r)
			b.consumers(recording("one"), nil)
			for _, piece := range pieces {
				b.sees("one", piece, 1, 2, 3)
				b.move(piece, 4)
				b.sees("one", piece, 1, 2, 3, 4)
			}
		})
	}
}

func TestEventsWaitWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.consumers(recording("one"), nil)
	b.relay(nil)
	piece := uuid.New()
	b.move(piece, 1)
	b.sees("one", piece, 1)
	b.cut.Store(true)
	b.move(piece, 2, 3)
	b.cut.Store(false)
	b.sees("one", piece, 1, 2, 3)
}

func TestEventsGoOnAfterTheDatabaseCutItsConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.consumers(recording("one"), nil)
	b.relay(nil)
	piece := uuid.New()
	for n := range 10 {
		b.move(piece, n)
		b.exec("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = current_user and pid <> pg_backend_pid()")
	}
	b.sees("one", piece, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	require.Zero(t, b.number("select count(*) from effects where grp like 'dead/%'"))
}

func TestAFullStreamHoldsEventsBackAndLosesNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	idle := outbox.NewConsumers(outbox.ConsumersConfig{Pool: b.pool, Redis: b.redis, Handlers: recording("one"), Logger: b.logger()})
	_, err := idle.Subscribe(t.Context())
	require.NoError(t, err)
	r := b.relay(nil)
	r.SetStreamCap(3)
	piece := uuid.New()
	var want []int
	for n := range 10 {
		b.move(piece, n)
		want = append(want, n)
		if n == 4 {
			b.eventually("some are moved", func() bool { return b.number("select count(*) from outbox where published_at is not null") >= 3 })
		}
	}
	require.Positive(t, b.number("select count(*) from outbox where published_at is null"), "they wait in the outbox")
	b.consumers(recording("one"), nil)
	b.sees("one", piece, want...)
}

func TestStreamsAreTrimmedToWhatIsNotHandled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.consumers(recording("one"), nil)
	r := b.relay(nil)
	r.SetStreamCap(2) // trimmed at once when full, to the last entry
	piece := uuid.New()
	var want []int
	for n := range 20 {
		b.move(piece, n)
		want = append(want, n)
	}
	b.sees("one", piece, want...)
	b.move(piece, 20)
	b.sees("one", piece, append(want, 20)...)
	require.Less(t, int(b.redis.XLen(t.Context(), r.StreamKey(outbox.PartitionOf("piece", piece))).Val()), 21)
}

func TestAStreamIsNotTrimmedBeforeEveryLivingGroupIsThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	late := recording("late")
	idle := outbox.NewConsumers(outbox.ConsumersConfig{Pool: b.pool, Redis: b.redis, Handlers: late, Logger: b.logger()})
	_, err := idle.Subscribe(t.Context())
	require.NoError(t, err)
	b.consumers(recording("one"), nil)
	r := b.relay(nil)
	r.SetStreamCap(3)
	piece := uuid.New()
	for n := range 3 {
		b.move(piece, n)
		b.sees("one", piece, []int{0, 1, 2}[:n+1]...)
	}
	b.move(piece, 3, 4) // the stream is full of what the other has not read
	b.consumers(late, nil)
	b.sees("late", piece, 0, 1, 2, 3, 4)
	b.sees("one", piece, 0, 1, 2, 3, 4)
}

func TestAGroupThatNobodyWorksForHoldsNothingUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := recording("one")
	outbox.On(h, "retired", record("retired"))
	old := b.consumers(h, nil)
	r := b.relay(nil)
	piece := uuid.New()
	b.move(piece, 1)
	b.sees("retired", piece, 1)
	old.Stop()
	b.exec("update event_subscriptions set seen_at = now() - interval '25 hours' where consumer_group = 'retired'")
	b.consumers(recording("one"), nil)
	r.SetStreamCap(2)
	for n := 2; n < 12; n++ {
		b.move(piece, n)
	}
	b.sees("one", piece, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
}

func TestALateRelayIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.consumers(recording("one"), nil)
	piece := uuid.New()
	b.move(piece, 1, 2)
	release := make(chan struct{})
	var once sync.Once
	stalled := make(chan struct{})
	late := b.relay(func(_ context.Context, step string) {
		if step == "selected" {
			once.Do(func() {
				close(stalled)
				<-release
			})
		}
	})
	<-stalled // it has read the outbox, and says nothing more
	b.exec("update event_nodes set expires_at = now() - interval '1 second' where name = 'relay'")
	b.exec("update partition_leases set expires_at = '-infinity' where name = 'relay'")
	b.relay(nil)
	b.sees("one", piece, 1, 2)
	b.move(piece, 3)
	b.sees("one", piece, 1, 2, 3)
	close(release)
	b.move(piece, 4)
	b.sees("one", piece, 1, 2, 3, 4)
	late.Stop()
}

func TestALateConsumerHasNoEffect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.relay(nil)
	piece := uuid.New()
	release := make(chan struct{})
	var once sync.Once
	stalled := make(chan struct{})
	late := b.consumers(recording("one"), func(_ context.Context, step string) {
		if step == "read" {
			once.Do(func() {
				close(stalled)
				<-release
			})
		}
	})
	b.move(piece, 1, 2)
	<-stalled
	late.Abandon() // it is taken for dead, but is not
	b.consumers(recording("one"), nil)
	b.sees("one", piece, 1, 2)
	close(release)
	b.move(piece, 3)
	b.sees("one", piece, 1, 2, 3)
}

func TestAFormerLeaseholderTakesNothingAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.relay(nil)
	piece := uuid.New()
	partition := outbox.PartitionOf("piece", piece)
	release := make(chan struct{})
	former := b.consumers(recording("one"), func(_ context.Context, step string) {
		switch step {
		case "look":
			<-release
		case "read":
			t.Error("a former leaseholder was given events")
		}
	})
	b.eventually("it is at work", func() bool { return former.Working("one", partition) })
	former.Abandon()
	waiting := make(chan struct{})
	var settled atomic.Int32
	b.consumers(recording("one"), func(_ context.Context, step string) {
		if step == "look" {
			settled.Add(1)
			<-waiting
		}
	})
	b.eventually("another has settled on all partitions", func() bool { return settled.Load() == outbox.Partitions })
	b.move(piece, 1)
	b.eventually("the event is in its stream", func() bool { return b.number("select count(*) from outbox where published_at is null") == 0 })
	close(release)
	b.eventually("the former one has given up", func() bool { return !former.Working("one", partition) })
	close(waiting)
	b.sees("one", piece, 1)
}

func TestAFenceOfAnotherLifeOfTheDatabaseIsForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.consumers(recording("one"), nil)
	r := b.relay(nil)
	piece := uuid.New()
	b.move(piece, 1)
	b.sees("one", piece, 1)
	for _, name := range []string{"relay", "one"} {
		fence := r.StreamKey(outbox.PartitionOf("piece", piece)) + ":fence:" + name
		require.Positive(t, b.redis.Exists(t.Context(), fence).Val())
		require.NoError(t, b.redis.Set(t.Context(), fence, "99999999999999999999", 0).Err())
	}
	b.move(piece, 2)
	b.sees("one", piece, 1, 2)
}

func TestAReplayGivesAGroupWhatItMissed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	piece := uuid.New()
	b.move(piece, 1, 2) // before the group is there
	b.consumers(recording("one"), nil)
	b.relay(nil)
	b.move(piece, 3)
	b.sees("one", piece, 3)
	in := outbox.ReplayInput{Group: "one", From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}
	looked := 0
	total, err := outbox.CountReplay(t.Context(), b.pool, in)
	require.NoError(t, err)
	require.EqualValues(t, 3, total)
	n, err := outbox.Replay(t.Context(), b.pool, in, func(k int) { looked += k })
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Equal(t, 3, looked)
	b.sees("one", piece, 3, 1, 2)

	in.Again, in.Types = true, []string{"piece.moved"}
	n, err = outbox.Replay(t.Context(), b.pool, in, nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	b.sees("one", piece, 3, 1, 2, 1, 2, 3)

	in.Types = []string{"piece.lifted"}
	n, err = outbox.Replay(t.Context(), b.pool, in, nil)
	require.NoError(t, err)
	require.Zero(t, n)

	in.Group = "nobody"
	_, err = outbox.Replay(t.Context(), b.pool, in, nil)
	require.ErrorContains(t, err, "resource.not_found")
	require.ErrorContains(t, postgres.InTx(t.Context(), b.pool, func(tx postgres.Tx) error {
		return outbox.ReplayDead(t.Context(), tx, "one", uuid.New())
	}), "event.expired")
}

func TestOldEventsAreSweptAndThoseNotMovedStay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.consumers(recording("one"), nil)
	r := b.relay(nil)
	piece := uuid.New()
	b.move(piece, 1, 2, 3)
	b.sees("one", piece, 1, 2, 3)
	b.eventually("all is moved", func() bool { return b.number("select count(*) from outbox where published_at is null") == 0 })
	r.Stop()
	b.move(piece, 4)
	b.exec("update outbox set recorded_at = now() - interval '31 days'")
	b.exec("update handled_events set handled_at = now() - interval '32 days'")
	n, err := outbox.Sweep(t.Context(), b.pool, 2)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	n, err = outbox.Sweep(t.Context(), b.pool, 2)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, 1, b.number("select count(*) from outbox"))
	require.Zero(t, b.number("select count(*) from handled_events"))
}

func TestTheStatusTellsWhatWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.move(uuid.New(), 1)
	s, err := outbox.ReadStatus(t.Context(), b.pool)
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Waiting)
	b.consumers(recording("one"), nil)
	b.relay(nil)
	b.eventually("nothing waits, all is held", func() bool {
		s, err := outbox.ReadStatus(t.Context(), b.pool)
		require.NoError(t, err)
		return s.Waiting == 0 && slices.Equal(s.Groups, []outbox.GroupStatus{
			{Name: "one", Nodes: 1, Partitions: outbox.Partitions}, {Name: "relay", Nodes: 1, Partitions: outbox.Partitions}})
	})
	b.exec(`insert into parked_events values ('one', gen_random_uuid(), 1, 1, gen_random_uuid(), 0, now() + interval '1 day', '[]')`)
	s, err = outbox.ReadStatus(t.Context(), b.pool)
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Groups[0].Parked)
	require.EqualValues(t, 1, s.Groups[0].Aggregates)
	require.NoError(t, outbox.Rebuild(t.Context(), b.pool))
}
