package presence_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/presence"
)

func TestTheListOfAllNodesIsReadInPagesNewestFirst(t *testing.T) {
	t.Parallel()
	w := setup(t)
	nodes := []*node{w.node(), w.node()}
	var want []string
	for i := range 25 {
		id := uuid.Must(uuid.NewV7()).String()
		in := presence.JoinInput{Group: fmt.Sprint("user:", i%4), Member: id, Value: []byte(id), Listed: true}
		_, err := nodes[i%2].Join(t.Context(), in)
		require.NoError(t, err)
		nodes[i%2].join("room", id) // not listed a second time
		want = append([]string{id}, want...)
	}
	walk := func(limit int) (got []string) {
		before, pages := "", 0
		for more := true; more; pages++ {
			var page []presence.Member
			var err error
			page, more, err = nodes[0].List(t.Context(), before, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			for _, m := range page {
				require.Equal(t, m.ID, string(m.Value))
				require.Contains(t, m.Group, "user:")
			}
			got = append(got, idsOf(page)...)
			before = got[len(got)-1]
		}
		require.Equal(t, (len(got)+limit-1)/limit, pages)
		return got
	}
	for _, limit := range []int{1, 7, 25, 1000} {
		require.Equal(t, want, walk(limit))
	}
	all, more, err := nodes[1].List(t.Context(), "", 0)
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, all, 25)

	// One leaves, one is removed, and the entry of one is gone without a word.
	left, _, err := nodes[0].Leave(t.Context(), all[0].Group, want[0])
	require.NoError(t, err)
	require.True(t, left)
	removed, err := nodes[0].Remove(t.Context(), all[1].Group, want[1])
	require.NoError(t, err)
	require.True(t, removed)
	require.NoError(t, w.client.HDel(t.Context(), w.prefix+":group:"+all[2].Group, want[2]).Err())
	require.Equal(t, want[3:], walk(4))

	nodes[0].Stop()
	all, _, err = nodes[1].List(t.Context(), "", 0)
	require.NoError(t, err)
	for _, m := range all {
		require.Equal(t, nodes[1].Node(), m.Node)
	}
	none, more, err := nodes[1].List(t.Context(), "0", 0)
	require.NoError(t, err)
	require.False(t, more)
	require.Empty(t, none)
}
