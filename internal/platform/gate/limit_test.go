package gate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
)

func TestALimitIsReadFromText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]gate.Limit{
		"30/1m":       {Name: "n", Quota: 30, Window: time.Minute},
		"1/1s":        {Name: "n", Quota: 1, Window: time.Second},
		"1000000/24h": {Name: "n", Quota: 1_000_000, Window: 24 * time.Hour},
		"7/1m30s":     {Name: "n", Quota: 7, Window: 90 * time.Second},
		"0":           {Name: "n"},
	} {
		got, err := gate.ParseLimit("n", text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
}

func TestALimitThatIsNoneSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, wrong := range map[string]string{
		"":                          "a quota and a window",
		"30":                        "a quota and a window",
		" 0":                        "a quota and a window",
		"/1m":                       `quota ""`,
		"0/1m":                      `quota "0"`,
		"-1/1m":                     `quota "-1"`,
		"+1/1m":                     `quota "+1"`,
		"1.5/1m":                    `quota "1.5"`,
		"1e3/1m":                    `quota "1e3"`,
		"1000001/1m":                "from 1 to 1000000",
		"99999999999999999999/1m":   "from 1 to 1000000",
		"30/":                       `window ""`,
		"30/m":                      `window "m"`,
		"30/60":                     "must be a duration",
		"30/1m/2":                   `window "1m/2"`,
		"30/ 1m":                    `window " 1m"`,
		"30/999ms":                  "from 1s to 24h",
		"30/0s":                     "from 1s to 24h",
		"30/-1m":                    "from 1s to 24h",
		"30/24h1ns":                 "from 1s to 24h",
		"30/9999999999999999999999": "must be a duration",
	} {
		_, err := gate.ParseLimit("sign_in", text)
		require.ErrorContains(t, err, wrong, text)
		require.ErrorContains(t, err, "rate limit sign_in: ", text)
	}
}

func FuzzParseLimit(f *testing.F) {
	for _, text := range []string{"0", "30/1m", "1000000/24h", "1/1s", "-1/1m", "30/", "/", "00/1s", "1/1e9h", "030/1.5s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		limit, err := gate.ParseLimit("n", text)
		switch {
		case err != nil:
			require.Zero(t, limit)
		case limit.Quota == 0:
			require.Equal(t, "0", text, "only one text turns a limit off")
			require.Zero(t, limit.Window)
		default:
			require.True(t, limit.Quota >= 1 && limit.Quota <= 1_000_000)
			require.True(t, limit.Window >= time.Second && limit.Window <= 24*time.Hour)
		}
	})
}
