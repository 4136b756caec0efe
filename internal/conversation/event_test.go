package conversation_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

func TestAPositionComesBackFromItsBytes(t *testing.T) {
	t.Parallel()
	for _, p := range []conversation.Position{
		{}, {Entry: eventlog.ID{Ms: 1_750_000_000_000, Seq: 3}, Length: 4711, EndedAt: 2},
		{Entry: eventlog.AnyID, Length: 1<<32 - 1, EndedAt: 1<<32 - 1},
	} {
		b, err := p.MarshalBinary()
		require.NoError(t, err)
		require.Len(t, b, 25)
		var again conversation.Position
		require.NoError(t, again.UnmarshalBinary(b))
		require.Equal(t, p, again)
	}
}

func TestOtherBytesAreNoPosition(t *testing.T) {
	t.Parallel()
	good, err := conversation.Position{EndedAt: 1}.MarshalBinary()
	require.NoError(t, err)
	newer := append([]byte{9}, good[1:]...)
	for _, b := range [][]byte{nil, {}, {1}, good[:24], append(good, 0), newer} {
		p := conversation.Position{EndedAt: 5}
		require.Error(t, p.UnmarshalBinary(b))
		require.Equal(t, 5, p.EndedAt, "left as it was")
	}
}

func FuzzPosition(f *testing.F) {
	good, err := conversation.Position{Entry: eventlog.ID{Ms: 7, Seq: 8}, EndedAt: 1}.MarshalBinary()
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte("garbage"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p conversation.Position
		if p.UnmarshalBinary(b) != nil {
			return
		}
		again, err := p.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, b, again, "one form for each position")
	})
}
