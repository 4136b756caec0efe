package presence_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/presence"
)

func TestWhoJoinsIsGivenAllWhoAreThereFirstComersFirst(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b := w.node(), w.node()
	before := time.Now().Add(-patience)
	a.join("room", "z", "y")
	all, err := b.Join(t.Context(), presence.JoinInput{Group: "room", Member: "a", Value: []byte(`{"n": 1}`)})
	require.NoError(t, err)
	require.Equal(t, []string{"z", "y", "a"}, idsOf(all))
	require.Equal(t, a.Node(), all[0].Node)
	require.Equal(t, b.Node(), all[2].Node)
	require.Equal(t, "room", all[2].Group)
	require.Equal(t, `{"n": 1}`, string(all[2].Value))
	require.True(t, all[0].Since.After(before) && all[0].Since.Before(time.Now().Add(patience)))
	require.True(t, all[0].Since.Before(all[1].Since) && all[1].Since.Before(all[2].Since))

	again, err := a.Join(t.Context(), presence.JoinInput{Group: "room", Member: "z", Value: []byte("new")})
	require.NoError(t, err)
	require.Equal(t, "new", string(again[0].Value))
	require.Equal(t, all[0].Since, again[0].Since, "who is a member keeps its time")

	got, err := b.Members(t.Context(), "room")
	require.NoError(t, err)
	require.Equal(t, again, got)
	require.Empty(t, a.ids("nobody"))
}

func TestOneIsToldOfALeave(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b := w.node(), w.node()
	a.join("room", "x", "y")
	b.join("room", "z")
	left, rest, err := a.Leave(t.Context(), "room", "x")
	require.NoError(t, err)
	require.True(t, left)
	require.Equal(t, []string{"y", "z"}, idsOf(rest))
	left, rest, err = a.Leave(t.Context(), "room", "x")
	require.NoError(t, err)
	require.False(t, left)
	require.Len(t, rest, 2)
	left, _, err = a.Leave(t.Context(), "room", "z")
	require.NoError(t, err)
	require.False(t, left, "it is another node's")
	require.Equal(t, []string{"y", "z"}, b.ids("room"))
}

func TestOfAllWhoTakeAMemberAwayOneDoes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	nodes := []*node{w.node(), w.node(), w.node()}
	for round := range 10 {
		id := fmt.Sprint(round)
		nodes[0].join("user", id)
		var told atomic.Int64
		var work sync.WaitGroup
		for i := range 30 {
			work.Go(func() {
				var removed bool
				var err error
				if i == 3 {
					removed, _, err = nodes[0].Leave(t.Context(), "user", id)
				} else {
					removed, err = nodes[i%3].Remove(t.Context(), "user", id)
				}
				if err != nil {
					t.Error(err)
				}
				if removed {
					told.Add(1)
				}
			})
		}
		work.Wait()
		require.EqualValues(t, 1, told.Load())
	}
	require.Empty(t, nodes[1].ids("user"))
}

func TestAStormOfJoinsAndLeavesEndsWithExactlyThoseWhoStayed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	nodes := []*node{w.node(), w.node()}
	var mu sync.Mutex
	want := map[string][]string{}
	var work sync.WaitGroup
	for worker := range 50 {
		work.Go(func() {
			n, random := nodes[worker%2], rand.New(rand.NewPCG(1, uint64(worker)))
			in := map[string]bool{}
			for range 40 {
				at := fmt.Sprintf("g%d w%d-%d", random.IntN(4), worker, random.IntN(3))
				group, id, _ := strings.Cut(at, " ")
				if in[at] && random.IntN(3) > 0 {
					left, _, err := n.Leave(t.Context(), group, id)
					if err != nil || !left {
						t.Errorf("leave %s: %v %v", at, left, err)
					}
					in[at] = false
					continue
				}
				all, err := n.Join(t.Context(), presence.JoinInput{Group: group, Member: id})
				if err != nil || !slices.Contains(idsOf(all), id) {
					t.Errorf("join %s: %v %v", at, idsOf(all), err)
				}
				in[at] = true
			}
			mu.Lock()
			defer mu.Unlock()
			for at, there := range in {
				if group, id, _ := strings.Cut(at, " "); there {
					want[group] = append(want[group], id)
				}
			}
		})
	}
	work.Wait()
	for group, ids := range want {
		for _, n := range nodes {
			require.ElementsMatch(t, ids, n.ids(group))
			require.Empty(t, n.gone())
		}
	}
}

func TestAGroupTakesNoMoreThanItsMost(t *testing.T) {
	t.Parallel()
	w := setup(t)
	nodes := []*node{w.node(), w.node()}
	var joined, full atomic.Int64
	var work sync.WaitGroup
	for i := range 40 {
		work.Go(func() {
			all, err := nodes[i%2].Join(t.Context(), presence.JoinInput{Group: "room", Member: fmt.Sprint(i), Max: 7})
			switch {
			case err == nil:
				joined.Add(1)
			case errors.Is(err, presence.ErrFull) && len(all) == 7:
				full.Add(1)
			}
		})
	}
	work.Wait()
	require.EqualValues(t, 7, joined.Load())
	require.EqualValues(t, 33, full.Load())
	there := nodes[0].ids("room")
	require.Len(t, there, 7)
	for _, n := range nodes {
		require.Zero(t, n.Pending())
	}
}

func TestANodeHoldsNoMoreThanItsMost(t *testing.T) {
	t.Parallel()
	n := setup(t).node(func(c *presence.Config) { c.MaxMembers = 2 })
	n.join("room", "a", "b", "a")
	_, err := n.Join(t.Context(), presence.JoinInput{Group: "room", Member: "c"})
	require.ErrorIs(t, err, presence.ErrFull)
	_, _, err = n.Leave(t.Context(), "room", "a")
	require.NoError(t, err)
	n.join("room", "c")
}

func TestAChangedValueIsSeenSoonAndBringsNobodyBack(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b := w.node(), w.node()
	a.join("room", "x", "y")
	for i := range 100 {
		require.True(t, a.Update("room", "x", fmt.Append(nil, i)))
	}
	a.eventually(func() bool {
		all, err := b.Members(t.Context(), "room")
		return err == nil && string(all[0].Value) == "99"
	}, "the last value is seen")
	require.False(t, b.Update("room", "x", nil), "another node's")
	require.False(t, a.Update("room", "x", make([]byte, presence.MaxValue+1)))

	removed, err := b.Remove(t.Context(), "room", "x")
	require.NoError(t, err)
	require.True(t, removed)
	require.True(t, a.Update("room", "x", []byte("more")), "it does not know yet")
	a.eventually(func() bool { return a.Pending() == 0 }, "it is written")
	require.Equal(t, []string{"y"}, b.ids("room"))
	left, _, err := a.Leave(t.Context(), "room", "x")
	require.NoError(t, err)
	require.False(t, left)
}

func TestWhatIsNoNameOrValueIsRefused(t *testing.T) {
	t.Parallel()
	n := setup(t).node()
	for _, in := range []presence.JoinInput{
		{Member: "m"}, {Group: "g"}, {Group: "g\x00", Member: "m"}, {Group: "g", Member: strings.Repeat("m", 257)},
		{Group: "g", Member: "m", Value: make([]byte, presence.MaxValue+1)},
	} {
		_, err := n.Join(t.Context(), in)
		require.ErrorIs(t, err, presence.ErrInvalid)
	}
	_, _, err := n.Leave(t.Context(), "", "m")
	require.ErrorIs(t, err, presence.ErrInvalid)
	_, err = n.Remove(t.Context(), "g", "")
	require.ErrorIs(t, err, presence.ErrInvalid)
	_, err = n.Members(t.Context(), "")
	require.ErrorIs(t, err, presence.ErrInvalid)

	names := []string{"{", "}", "{}", "a{b}c", "a b", "物", "%"}
	for _, name := range names {
		value := "\x00 \xff" + name
		_, err := n.Join(t.Context(), presence.JoinInput{Group: name, Member: name, Value: []byte(value)})
		require.NoError(t, err)
		all, err := n.Members(t.Context(), name)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, value, string(all[0].Value))
	}
}

func TestAStoppedNodeIsGoneWithAllItsMembersAndNobodyIsTold(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b := w.node(lively), w.node(lively)
	for i := range 600 { // more than a batch
		require.NoError(t, a.Hold(presence.JoinInput{Group: fmt.Sprint("g", i), Member: "m"}))
	}
	a.join("room", "x")
	b.join("room", "y")
	var work sync.WaitGroup
	for range 3 {
		work.Go(a.Stop)
	}
	work.Wait()
	require.Equal(t, []string{"y"}, b.ids("room"))
	_, err := a.Join(t.Context(), presence.JoinInput{Group: "room", Member: "z"})
	require.ErrorIs(t, err, presence.ErrClosed)
	_, _, err = a.Leave(t.Context(), "room", "x")
	require.ErrorIs(t, err, presence.ErrClosed)
	a.Start(t.Context())
	incarnations, err := w.client.ZRange(t.Context(), w.prefix+":nodes", 0, -1).Result()
	require.NoError(t, err)
	require.Equal(t, []string{b.Node() + ".1"}, incarnations)
	require.Empty(t, b.gone())

	never := presence.New(presence.Config{Client: w.client, Prefix: w.prefix})
	never.Stop()
	never.Start(context.Background())
}

func TestAMemberTakesLittleMemory(t *testing.T) { // not parallel: others would be measured too
	const members = 50_000
	p := presence.New(presence.Config{})
	memory := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := memory()
	value := []byte(strings.Repeat("x", 100))
	for i := range members {
		id := fmt.Sprintf("01900000-0000-7000-8000-%012d", i)
		require.NoError(t, p.Hold(presence.JoinInput{Group: "user:" + id, Member: id, Value: value, Listed: true}))
	}
	each := (memory() - before) / members
	t.Logf("%d bytes a member, each in a group of its own, with a value of 100", each)
	require.Less(t, each, uint64(500))
	runtime.KeepAlive(p)
}
