package sse_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// BenchmarkServe writes one event a flush through a real connection, which a
// client reads at the same time in the same process.
func BenchmarkServe(b *testing.B) {
	for name, prepare := range map[string]bool{"prepared": true, "encoded each time": false} {
		b.Run(name, func(b *testing.B) {
			e := sse.Event{Name: "message.delta", ID: "c1", Data: []byte(`{"type":"message.delta","message_id":"0198c5f2-7d7e-7000-8000-000000000000","text":"hello"}`)}
			if prepare {
				var err error
				e, err = e.Prepared()
				require.NoError(b, err)
			}
			batch := []sse.Event{e}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				left := b.N
				_ = sse.Serve(r.Context(), w, func(context.Context) ([]sse.Event, error) {
					if left--; left < 0 {
						return nil, io.EOF
					}
					return batch, nil
				}, sse.Options{})
			}))
			defer server.Close()
			b.ReportAllocs()
			res, err := http.Get(server.URL)
			require.NoError(b, err)
			_, err = io.Copy(io.Discard, res.Body)
			require.NoError(b, err)
			require.NoError(b, res.Body.Close())
		})
	}
}

func BenchmarkReader(b *testing.B) {
	const frame = "event: message.delta\nid: c1\ndata: {\"type\":\"message.delta\",\"text\":\"hello\"}\n\n"
	r := sse.NewReader(&repeated{text: frame})
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}
