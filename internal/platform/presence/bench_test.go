package presence_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/presence"
)

// BenchmarkJoin counts a join and a leave of a group that others are in.
func BenchmarkJoin(b *testing.B) {
	for _, others := range []int{0, 10, 100} {
		b.Run(fmt.Sprint(others), func(b *testing.B) {
			n := setup(b).node()
			for i := range others {
				n.join("room", fmt.Sprint("other", i))
			}
			b.Run("join", func(b *testing.B) {
				for b.Loop() {
					_, err := n.Join(b.Context(), presence.JoinInput{Group: "room", Member: "m", Value: []byte("{}")})
					require.NoError(b, err)
				}
			})
			b.Run("members", func(b *testing.B) {
				for b.Loop() {
					_, err := n.Members(b.Context(), "room")
					require.NoError(b, err)
				}
			})
		})
	}
}
