package eventlog_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

func TestAnIDIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for text, id := range map[string]eventlog.ID{
		"0-0":             {},
		"1750000000000-3": {Ms: 1750000000000, Seq: 3},
		"10-0":            {Ms: 10},
		"18446744073709551615-18446744073709551615": {Ms: math.MaxUint64, Seq: math.MaxUint64},
	} {
		require.Equal(t, text, id.String())
		parsed, err := eventlog.ParseID(text)
		require.NoError(t, err)
		require.Equal(t, id, parsed)
	}
	for _, text := range []string{"", "-", "1", "1-", "-1", "01-0", "1-00", "+1-0", "1-0-0", " 1-0", "1-0 ", "a-b", "1_0-0", "18446744073709551616-0"} {
		_, err := eventlog.ParseID(text)
		require.Error(t, err, text)
	}
}

func TestIDsAreOrderedAsNumbers(t *testing.T) {
	t.Parallel()
	ordered := []eventlog.ID{{}, {Seq: 1}, {Seq: 10}, {Ms: 2}, {Ms: 2, Seq: 9}, {Ms: 10}, eventlog.AnyID}
	for i, a := range ordered {
		for j, b := range ordered {
			switch c := a.Compare(b); {
			case i < j:
				require.Negative(t, c)
			case i > j:
				require.Positive(t, c)
			default:
				require.Zero(t, c)
			}
		}
	}
	require.True(t, eventlog.ID{}.IsZero())
	require.False(t, eventlog.ID{Seq: 1}.IsZero())
}

func TestAnIDIsATextInJSON(t *testing.T) {
	t.Parallel()
	in := map[string]eventlog.ID{"last": {Ms: 5, Seq: 6}}
	text, err := json.Marshal(in)
	require.NoError(t, err)
	require.JSONEq(t, `{"last":"5-6"}`, string(text))
	var out map[string]eventlog.ID
	require.NoError(t, json.Unmarshal(text, &out))
	require.Equal(t, in, out)
	require.Error(t, json.Unmarshal([]byte(`{"last":"5"}`), &out))
}

// Nodes of different versions must look for a stream under the same key.
func TestTheTagOfAStreamNeverChanges(t *testing.T) {
	t.Parallel()
	require.Equal(t, 37, eventlog.TagOf(""))
	require.Equal(t, 34, eventlog.TagOf("message:0198c5f2-7d7e-7000-8000-000000000000"))
}

func FuzzParseIDTakesOnlyWhatStringGives(f *testing.F) {
	for _, seed := range []string{"0-0", "1750000000000-3", "01-0", "-", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := eventlog.ParseID(text); err == nil {
			require.Equal(t, text, id.String())
		}
	})
}
