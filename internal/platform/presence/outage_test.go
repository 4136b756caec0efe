package presence_test

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/presence"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

func TestADeadNodeIsGoneAndEachOfItsMembersToldOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b, c := w.node(lively), w.node(lively), w.node(lively)
	var want []string
	for i := range 300 { // more groups than a batch
		group := fmt.Sprint("g", i)
		for _, n := range []*node{a, b, c} {
			require.NoError(t, n.Hold(presence.JoinInput{Group: group, Member: n.Node()}))
		}
		want = append(want, group+" "+a.Node())
	}
	for _, n := range []*node{a, b, c} {
		n.join("room", n.Node())
	}
	want = append(want, "room "+a.Node())
	// What was held without Redis is found missing there, and written.
	for i := range 300 {
		group := fmt.Sprint("g", i)
		c.eventually(func() bool { return len(c.ids(group)) == 3 }, "all are there")
	}
	a.Die()
	slices.Sort(want)
	b.eventually(func() bool { return len(b.gone())+len(c.gone()) >= len(want) }, "all are told")
	told := slices.Concat(b.gone(), c.gone())
	slices.Sort(told)
	require.Equal(t, want, told)
	b.sees("room", b.Node(), c.Node())
	require.Equal(t, []string{b.Node(), c.Node()}, c.ids("room"))
}

func TestWhoJoinsMeetsNoDeadAndTheGroupIsNotFullOfThem(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b := w.node(lively), w.node(lively)
	a.join("room", "x", "y")
	a.Die()
	var all []presence.Member
	b.eventually(func() bool {
		var err error
		all, err = b.Join(t.Context(), presence.JoinInput{Group: "room", Member: "z", Max: 2})
		return err == nil
	}, "the dead make room")
	require.Equal(t, []string{"z"}, idsOf(all))
	require.Equal(t, []string{"room x", "room y"}, b.gone())
}

func TestMembersComeBackToARedisThatWasEmptied(t *testing.T) {
	t.Parallel()
	w, _, _ := own(t)
	a, b := w.node(), w.node()
	a.join("room", "x")
	b.join("room", "y")
	_, err := a.Join(t.Context(), presence.JoinInput{Group: "user", Member: "x", Listed: true, Value: []byte("v")})
	require.NoError(t, err)
	before, err := a.Members(t.Context(), "room")
	require.NoError(t, err)
	require.NoError(t, w.client.FlushAll(t.Context()).Err())
	a.sees("room", "x", "y")
	after, err := b.Members(t.Context(), "room")
	require.NoError(t, err)
	require.Equal(t, before, after, "since when they are there is as it was")
	a.eventually(func() bool {
		all, _, err := b.List(t.Context(), "", 0)
		return err == nil && len(all) == 1 && string(all[0].Value) == "v"
	}, "it is listed again")
	require.Empty(t, slices.Concat(a.gone(), b.gone()))
	require.EqualValues(t, 2, a.Incarnation())
}

func TestAGroupThatRedisLostIsWrittenAgain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b := w.node(), w.node()
	a.join("room", "x")
	b.join("room", "y")
	_, err := a.Join(t.Context(), presence.JoinInput{Group: "user", Member: "x", Listed: true})
	require.NoError(t, err)
	require.NoError(t, w.client.Del(t.Context(), w.prefix+":group:room").Err()) // as a part of a cluster may
	require.NoError(t, w.client.Del(t.Context(), w.prefix+":listed:"+a.Node()+".1").Err())
	a.sees("room", "x", "y")
	a.eventually(func() bool {
		all, _, err := b.List(t.Context(), "", 0)
		return err == nil && len(all) == 1
	}, "it is listed again")
	require.EqualValues(t, 1, a.Incarnation())
}

func TestANodeThatWasTakenForDeadIsBackWithItsMembers(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b := w.node(), w.node()
	a.join("room", "x")
	b.join("room", "y")
	require.NoError(t, w.client.ZRem(t.Context(), w.prefix+":nodes", a.Node()+".1").Err())
	a.eventually(func() bool { return a.Incarnation() == 2 }, "it sees that")
	a.eventually(func() bool { return a.Pending() == 0 }, "it is written")
	b.sees("room", "x", "y")
}

func TestKeysAreRenewed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	n := w.node(func(c *presence.Config) { c.KeyTTL = 5 * time.Second })
	n.join("room", "x")
	_, err := n.Join(t.Context(), presence.JoinInput{Group: "user", Member: "x", Listed: true})
	require.NoError(t, err)
	for _, key := range []string{":group:room", ":listed:" + n.Node() + ".1", ":nodes"} {
		n.eventually(func() bool { return w.client.PTTL(t.Context(), w.prefix+key).Val() > 0 }, key)
		require.NoError(t, w.client.PExpire(t.Context(), w.prefix+key, time.Second).Err())
		n.eventually(func() bool { return w.client.PTTL(t.Context(), w.prefix+key).Val() > 4*time.Second }, key+" is renewed")
	}
}

func TestWithoutRedisMembersAreHeldAndAppearWhenItIsBack(t *testing.T) {
	t.Parallel()
	w, address, stop := own(t)
	quick := func(c *presence.Config) { c.Timeout = 500 * time.Millisecond }
	a, b := w.node(quick), w.node(quick)
	a.join("room", "stays", "leaves")
	stop()
	_, err := a.Join(t.Context(), presence.JoinInput{Group: "room", Member: "comes"})
	require.ErrorIs(t, err, presence.ErrUnavailable)
	_, err = a.Join(t.Context(), presence.JoinInput{Group: "room", Member: "comes and leaves"})
	require.ErrorIs(t, err, presence.ErrUnavailable)
	for _, id := range []string{"leaves", "comes and leaves"} {
		left, _, err := a.Leave(t.Context(), "room", id)
		require.ErrorIs(t, err, presence.ErrUnavailable)
		require.False(t, left)
	}
	_, err = b.Members(t.Context(), "room")
	require.ErrorIs(t, err, presence.ErrUnavailable)
	_, _, err = b.List(t.Context(), "", 0)
	require.ErrorIs(t, err, presence.ErrUnavailable)
	_, err = b.Remove(t.Context(), "room", "stays")
	require.ErrorIs(t, err, presence.ErrUnavailable)

	parsed, err := url.Parse(address)
	require.NoError(t, err)
	port, err := strconv.Atoi(parsed.Port())
	require.NoError(t, err)
	redistest.Own(t, port)
	b.sees("room", "stays", "comes")
	a.eventually(func() bool { return a.Pending() == 0 }, "nothing is left to do")
}

func TestALeaveThatRedisDidNotAnswerIsToldWhenItIsDone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var wire wire
	a := world{t, redistest.Shared(t, wire.through), w.prefix}.node(func(c *presence.Config) { c.Timeout = 500 * time.Millisecond })
	b := w.node()
	b.join("room", "y")
	a.eventually(func() bool { // the machine may be too busy for so short a limit
		_, err := a.Join(t.Context(), presence.JoinInput{Group: "room", Member: "x"})
		return err == nil
	}, "it joins")
	wire.cut.Store(true)
	left, _, err := a.Leave(t.Context(), "room", "x")
	require.ErrorIs(t, err, presence.ErrUnavailable)
	require.False(t, left)
	require.Contains(t, b.ids("room"), "x")
	wire.cut.Store(false)
	b.sees("room", "y")
	a.eventually(func() bool { return slices.Equal(a.gone(), []string{"room x"}) }, "it is told")
	require.Empty(t, b.gone())
}

func TestTooManyLeavesToRememberAreDoneByANewIncarnation(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var wire wire
	a := world{t, redistest.Shared(t, wire.through), w.prefix}.node(func(c *presence.Config) {
		c.MaxMembers, c.Timeout = 3, time.Second
	})
	b := w.node()
	b.join("room", "b")
	wire.cut.Store(true)
	for i := range 10 {
		id := fmt.Sprint(i)
		_, err := a.Join(t.Context(), presence.JoinInput{Group: "room", Member: id})
		require.ErrorIs(t, err, presence.ErrUnavailable)
		if i > 0 {
			_, _, err = a.Leave(t.Context(), "room", id)
			require.ErrorIs(t, err, presence.ErrUnavailable)
		}
		require.LessOrEqual(t, a.Pending(), 6)
	}
	wire.cut.Store(false)
	a.eventually(func() bool { return a.Incarnation() == 2 && a.Pending() == 0 }, "it is another")
	require.ElementsMatch(t, []string{"b", "0"}, b.ids("room"))
}

func TestAnEntryOfOnesOwnThatIsNotHeldIsRemoved(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b := w.node(), w.node()
	a.join("room", "x")
	ghost := fmt.Sprintf("%d %s.1 v", time.Now().UnixMicro(), a.Node())
	require.NoError(t, w.client.HSet(t.Context(), w.prefix+":group:room", "ghost", ghost).Err())
	require.Equal(t, []string{"x", "ghost"}, b.ids("room"))
	require.Equal(t, []string{"x"}, a.ids("room"))
	require.Equal(t, []string{"x"}, b.ids("room"))
}

func TestANodeThatStartsWithoutRedisIsKnownOnceItIsThere(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	w := world{t, redistest.Client(t, "redis://"+address), "p"}
	n := w.node(func(c *presence.Config) { c.Timeout = 500 * time.Millisecond })
	_, err = n.Join(t.Context(), presence.JoinInput{Group: "room", Member: "x"})
	require.ErrorIs(t, err, presence.ErrUnavailable)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	redistest.Own(t, number)
	n.sees("room", "x")
}
