package activity_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/activity"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

func TestAFeedBeginsWithWhatHappensFromNowOn(t *testing.T) {
	onEach(t, func(t *testing.T, r *ownRedis) {
		n := on(t, r.server.URL())
		n.happens()
		f := n.follow(activity.Position{})
		require.True(t, f.Recovered())
		before := f.Position()
		require.False(t, before.IsZero())
		first, second := n.happens(), n.happens()
		got := n.read(f, 2)
		require.Equal(t, []uuid.UUID{first, second}, ids(got))
		require.Equal(t, activity.ConversationUpdated, got[0].Type)
		require.Equal(t, got[1].At, f.Position())

		require.Equal(t, places(got), places(n.read(n.follow(before), 2)), "the same from the same place")
		require.Equal(t, []uuid.UUID{second}, ids(n.read(n.follow(got[0].At), 1)), "no hole and nothing twice")
	})
}

func places(events []activity.Event) (out []activity.Position) {
	for _, e := range events {
		out = append(out, e.At)
	}
	return out
}

func TestOneOfWhomNothingIsKnownHasAPlaceToResumeFrom(t *testing.T) {
	t.Parallel()
	n := setup(t)
	f := n.follow(activity.Position{})
	place := f.Position()
	f.Close()
	require.False(t, place.IsZero())
	_, err := f.Next(t.Context())
	require.ErrorIs(t, err, eventlog.ErrClosed)
	f.Close()

	missed := n.happens()
	again := n.follow(place)
	require.True(t, again.Recovered())
	require.Equal(t, []uuid.UUID{missed}, ids(n.read(again, 1)))
}

func TestAPlaceThatIsNotHeldAnyMoreIsToldOnce(t *testing.T) {
	onEach(t, func(t *testing.T, r *ownRedis) {
		n := on(t, r.server.URL())
		place := n.follow(activity.Position{}).Position()
		require.NoError(t, n.redis.FlushAll(t.Context()).Err())
		n.happens()

		f := n.follow(place)
		require.False(t, f.Recovered())
		told := n.read(f, 1)[0]
		require.Equal(t, activity.Restarted, told.Type)
		require.Zero(t, told.ID)
		require.Equal(t, told.At, f.Position())
		require.Equal(t, "own", told.Memo(func() any { return "own" }))
		after := n.happens()
		require.Equal(t, []uuid.UUID{after}, ids(n.read(f, 1)), "what happened before is to be read elsewhere")
		require.Equal(t, []uuid.UUID{after}, ids(n.read(n.follow(told.At), 1)))
	})
}

func TestAPlaceThatWasTrimmedAwayIsTold(t *testing.T) {
	t.Parallel()
	n := setup(t)
	place := n.follow(activity.Position{}).Position()
	for range activity.LogCap + 200 { // Redis trims in whole nodes of its own
		n.happens()
	}
	f := n.follow(place)
	require.False(t, f.Recovered())
	require.Equal(t, activity.Restarted, n.read(f, 1)[0].Type)
}

// An emptied Redis keeps its connections: who is reading at that moment misses nothing.
func TestWhoFollowsARedisThatIsEmptiedHearsOfAllThatFollows(t *testing.T) {
	onEach(t, func(t *testing.T, r *ownRedis) {
		n := on(t, r.server.URL())
		f := n.follow(activity.Position{})
		first := n.happens()
		require.Equal(t, []uuid.UUID{first}, ids(n.read(f, 1)))
		require.NoError(t, n.redis.FlushAll(t.Context()).Err())
		n.hears(f, n.happens())
		n.hears(f, n.happens())
	})
}

// hears reads to an event, past nothing but the word that something is missing.
func (n *node) hears(f *activity.Feed, id uuid.UUID) (restarted bool) {
	n.t.Helper()
	for {
		switch e := n.read(f, 1)[0]; {
		case e.Type == activity.Restarted:
			restarted = true
		default:
			require.Equal(n.t, id, e.ID)
			return restarted
		}
	}
}

func TestARedisThatComesBackEmptyIsToldInMidStream(t *testing.T) {
	onEach(t, func(t *testing.T, r *ownRedis) {
		n := on(t, r.server.URL())
		f := n.follow(activity.Position{})
		first := n.happens()
		require.Equal(t, []uuid.UUID{first}, ids(n.read(f, 1)))
		r.stop()
		r.start()
		require.Equal(t, activity.Restarted, n.read(f, 1)[0].Type)
		require.Equal(t, []uuid.UUID{n.happens()}, ids(n.read(f, 1)))
	})
}

func TestAFeedBegunWithoutRedisSaysSoOnceItIsBack(t *testing.T) {
	onEach(t, func(t *testing.T, r *ownRedis) {
		n := on(t, r.server.URL())
		place := n.follow(activity.Position{}).Position()
		r.stop()
		fresh, resumed := n.follow(activity.Position{}), n.follow(place)
		require.False(t, fresh.Recovered())
		require.False(t, fresh.Position().IsZero())
		nowhere := fresh.Position()

		left := errors.New("the reader left")
		ctx, leave := context.WithCancelCause(t.Context())
		leave(left)
		_, err := fresh.Next(ctx)
		require.ErrorIs(t, err, left)
		_, err = n.Follow(ctx, n.user, place)
		require.ErrorIs(t, err, left)

		r.start()
		require.Equal(t, activity.Restarted, n.read(fresh, 1)[0].Type)
		require.Equal(t, activity.Restarted, n.read(resumed, 1)[0].Type)
		id := n.happens()
		require.Equal(t, []uuid.UUID{id}, ids(n.read(fresh, 1)))
		require.Equal(t, []uuid.UUID{id}, ids(n.read(resumed, 1)))
		again := n.follow(nowhere)
		require.False(t, again.Recovered(), "a place before any was known is no way round the gap")
		require.Equal(t, activity.Restarted, n.read(again, 1)[0].Type)
	})
}

func TestAFeedThatWaitsForRedisCanBeClosed(t *testing.T) {
	t.Parallel()
	r := startRedis(t, true)
	n := on(t, r.server.URL())
	r.stop()
	f := n.follow(activity.Position{})
	ended := make(chan error)
	go func() {
		_, err := f.Next(t.Context())
		ended <- err
	}()
	f.Close()
	require.ErrorIs(t, <-ended, eventlog.ErrClosed)
	r.start() // for its cleanup
}

func TestWhatIsOfOthersOrOfLaterReleasesIsNotInTheWay(t *testing.T) {
	t.Parallel()
	n := setup(t)
	f := n.follow(activity.Position{})
	require.NoError(t, n.Record(t.Context(), uuid.New(), activity.TaskCompleted, uuid.New()))
	require.NoError(t, n.Put(t.Context(), n.user, "no JSON"))
	require.NoError(t, n.Put(t.Context(), n.user, `{"v":2,"type":"song.sung","verse":3}`))
	id := n.happens()
	got := n.read(f, 2)
	require.Equal(t, "song.sung", got[0].Type, "whoever tells it leaves it out")
	require.Equal(t, id, got[1].ID)
}

func TestReadersOfANodeShareWhatWasMadeOfAnEvent(t *testing.T) {
	t.Parallel()
	n := setup(t)
	one, two := n.follow(activity.Position{}), n.follow(activity.Position{})
	made := 0
	encode := func() any { made++; return made }
	// The reader of the log must have both on its chain before something happens.
	n.hears(one, n.happens())
	n.read(two, 1)
	n.happens()
	a, b := n.read(one, 1)[0], n.read(two, 1)[0]
	require.Equal(t, a.At, b.At)
	require.Equal(t, a.Memo(encode), b.Memo(encode))
	require.Equal(t, 1, made)
}

func TestAPositionIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	n := setup(t)
	f := n.follow(activity.Position{})
	n.happens()
	at := n.read(f, 1)[0].At
	stored, err := at.MarshalBinary()
	require.NoError(t, err)
	require.Len(t, stored, 17)
	var read activity.Position
	require.NoError(t, read.UnmarshalBinary(stored))
	require.Equal(t, at, read)
	for _, bad := range [][]byte{nil, stored[:16], append(slices.Clone(stored), 0), append([]byte{2}, stored[1:]...)} {
		require.Error(t, read.UnmarshalBinary(bad))
	}
}
