package realtime

import (
	"bytes"
	"compress/flate"
	"testing"

	"github.com/stretchr/testify/require"
)

// frames are texts as they are pushed: a piece of a reply, and a conversation.
var samples = map[string]string{
	"message.delta": `{"topic":"conversation:01a22f19-153f-758b-b9d2-6795fd02e590","event":{"message_id":"01a22f19-2a3f-758b-b9d2-6795fd02e591","text":" of course","type":"message.delta"},` +
		`"cursor":"AQEAAAAAAAAAAQGiLxkqP3WLudJnlf0C5ZEBAAAAAAAAAAEBoi8ZFW4AAAAAAAAAAEvCX1ZG0Tz6hx0GEmyG4co"}`,
	"conversation.updated": `{"topic":"user:me","event":{"conversation":{"context":{"conversation_settings":{},"domain_context":{},"session_metadata":{},"user_preferences":{}},` +
		`"created_at":"2026-12-01T00:55:02.719359Z","id":"01a22f19-153f-758b-b9d2-6795fd02e590","last_activity_at":"2026-12-01T00:55:02.719359Z","message_count":1,"metadata":{},` +
		`"partner_id":"suppliers","situation_id":"negotiations","status":"active","tags":[],"title":"Negotiations with Suppliers","token_limit":null,"tokens_used":0,` +
		`"updated_at":"2026-12-01T00:55:02.719359Z","version":1},"type":"conversation.updated"},"cursor":"AQEAAAGiLxkVbgAAAAAAAAAAS8JfVkbRPI36HQYSbIbhyg"}`,
}

// What permessage-deflate (RFC 7692) without context takeover costs for each frame that is
// made, beside what the frame costs without: docs/realtime.md has the figures.
func BenchmarkCompression(b *testing.B) {
	for name, text := range samples {
		b.Run(name+"/plain", func(b *testing.B) {
			for b.Loop() {
				frame(opText, []byte(text))
			}
			b.ReportMetric(float64(len(frame(opText, []byte(text)))), "bytes/frame")
		})
		b.Run(name+"/deflate", func(b *testing.B) {
			var out bytes.Buffer
			w, err := flate.NewWriter(&out, flate.BestSpeed)
			require.NoError(b, err)
			for b.Loop() {
				out.Reset()
				w.Reset(&out)
				_, _ = w.Write([]byte(text))
				_ = w.Flush()
				frame(opText, out.Bytes())
			}
			b.ReportMetric(float64(out.Len()), "bytes/frame")
		})
	}
}

func BenchmarkEcho(b *testing.B) {
	in := []byte(`{"id":"1","echo":{"text":"Good morning. Could we talk about your price?","n":12345}}`)
	b.ReportAllocs()
	for b.Loop() {
		quickEcho(in)
	}
}
