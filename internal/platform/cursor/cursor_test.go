package cursor_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/cursor"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func testKey() []byte { return []byte("0123456789abcdef0123456789abcdef") }

func TestASealedPayloadOpensUnchanged(t *testing.T) {
	t.Parallel()
	s := cursor.New(testKey())
	for _, size := range []int{0, 1, 2, 3, 64, cursor.MaxPayload} {
		payload := bytes.Repeat([]byte{0xA7}, size)
		for _, scope := range []string{"", "messages", strings.Repeat("long scope ", 50)} {
			token := s.Seal(scope, payload)
			require.LessOrEqual(t, len(token), cursor.MaxToken)
			require.Regexp(t, `^[A-Za-z0-9_-]+$`, token, "fit for a query string and a header")
			got, err := s.Open(scope, token)
			require.NoError(t, err)
			require.Equal(t, string(payload), string(got))
		}
	}
}

// The form is a promise to tokens that clients keep across an upgrade.
func TestTheFormOfATokenStaysReadable(t *testing.T) {
	t.Parallel()
	s := cursor.New(testKey())
	const token = "ATE3NTAwMDAwMDAwMDAtMzSVzS3pxh9mCG2Txs6qhrA"
	require.Equal(t, token, s.Seal("stream:m1", []byte("1750000000000-3")))
	got, err := s.Open("stream:m1", token)
	require.NoError(t, err)
	require.Equal(t, "1750000000000-3", string(got))
}

func TestEveryAlteredCharacterIsRefused(t *testing.T) {
	t.Parallel()
	s := cursor.New(testKey())
	token := s.Seal("messages", []byte("position 17"))
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_\n="
	for i := range token {
		for _, c := range alphabet {
			altered := token[:i] + string(c) + token[i+1:]
			if altered == token {
				continue
			}
			_, err := s.Open("messages", altered)
			require.ErrorIs(t, err, cursor.ErrInvalid, altered)
		}
	}
}

func TestOtherTextsAreRefused(t *testing.T) {
	t.Parallel()
	s := cursor.New(testKey())
	token := s.Seal("messages", []byte("position 17"))
	raw, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	raw[0] = 2

	for name, text := range map[string]string{
		"nothing":             "",
		"too short":           "AQ",
		"cut at the end":      token[:len(token)-1],
		"cut at the start":    token[1:],
		"line break inside":   token[:5] + "\r\n" + token[5:],
		"line break after":    token + "\n",
		"padded":              token + "=",
		"longer than allowed": strings.Repeat("A", cursor.MaxToken+1),
		"not base64":          "????????????????????????????????",
		"unknown version":     base64.RawURLEncoding.EncodeToString(raw),
	} {
		_, err := s.Open("messages", text)
		require.ErrorIs(t, err, cursor.ErrInvalid, name)
		require.Equal(t, fault.Malformed, fault.Find(err).Kind, name)
		require.True(t, fault.Is(err, "cursor.invalid"), name)
	}
}

func TestATokenCountsOnlyInItsScopeAndUnderItsKey(t *testing.T) {
	t.Parallel()
	s := cursor.New(testKey())
	token := s.Seal("messages:a", []byte("b17"))

	for _, scope := range []string{"messages:b", "messages:", "messages:ab", ""} {
		_, err := s.Open(scope, token)
		require.ErrorIs(t, err, cursor.ErrInvalid, "the border of scope and payload is signed too")
	}
	_, err := cursor.New([]byte("another key of 32 bytes or so...")).Open("messages:a", token)
	require.ErrorIs(t, err, cursor.ErrInvalid)
}

func TestWhatCannotBeACursorIsADefect(t *testing.T) {
	t.Parallel()
	s := cursor.New(testKey())
	require.Panics(t, func() { s.Seal("x", make([]byte, cursor.MaxPayload+1)) })
	require.Panics(t, func() { cursor.New([]byte("short")) })

	_, err := s.SealJSON("x", strings.Repeat("a", cursor.MaxPayload))
	require.Error(t, err, "a keyset position may hold a text of the learner: an error, not a panic")
	_, err = s.SealJSON("x", func() {})
	require.Error(t, err)
}

func TestAKeysetPositionTravelsAsJSON(t *testing.T) {
	t.Parallel()
	type position struct {
		At string `json:"at"`
		ID int64  `json:"id"`
	}
	s := cursor.New(testKey())
	token, err := s.SealJSON("conversations", map[string]any{"at": "2026-09-01", "id": 7, "newer": true})
	require.NoError(t, err)

	var got position
	require.NoError(t, s.OpenJSON("conversations", token, &got))
	require.Equal(t, position{At: "2026-09-01", ID: 7}, got)

	require.ErrorIs(t, s.OpenJSON("tasks", token, &got), cursor.ErrInvalid)
	var other []string
	require.ErrorIs(t, s.OpenJSON("conversations", token, &other), cursor.ErrInvalid, "another shape")
}

func TestASealerServesManyGoroutinesAtOnce(t *testing.T) {
	t.Parallel()
	s := cursor.New(testKey())
	var wg sync.WaitGroup
	failed := make(chan string, 8)
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				scope, payload := fmt.Sprint("scope ", g), fmt.Sprint("payload ", i)
				got, err := s.Open(scope, s.Seal(scope, []byte(payload)))
				if err != nil || string(got) != payload {
					failed <- fmt.Sprint(scope, payload, err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.Empty(t, failed)
}

func FuzzOpenReturnsOnlyWhatWasSealed(f *testing.F) {
	s := cursor.New(testKey())
	f.Add("messages", s.Seal("messages", []byte("17")))
	f.Add("messages", s.Seal("tasks", []byte("17")))
	f.Add("", "")
	f.Add("x", "AQ\n")
	f.Fuzz(func(t *testing.T, scope, token string) {
		payload, err := s.Open(scope, token)
		if err != nil {
			require.ErrorIs(t, err, cursor.ErrInvalid)
			return
		}
		require.Equal(t, token, s.Seal(scope, payload), "one payload has one token")
	})
}

func BenchmarkSeal(b *testing.B) {
	s, payload := cursor.New(testKey()), []byte("1750000000000-3")
	b.ReportAllocs()
	for b.Loop() {
		s.Seal("message:0198c5f2-7d7e-7000-8000-000000000000", payload)
	}
}

func BenchmarkOpen(b *testing.B) {
	s := cursor.New(testKey())
	token := s.Seal("message:0198c5f2-7d7e-7000-8000-000000000000", []byte("1750000000000-3"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open("message:0198c5f2-7d7e-7000-8000-000000000000", token); err != nil {
			b.Fatal(err)
		}
	}
}
