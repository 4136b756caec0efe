package realtime

import (
	"encoding/json"
	"testing"

	contracts "github.com/fluentpro/fluentpro/gen/openapi"
	"github.com/fluentpro/fluentpro/internal/api/web"
)

func BenchmarkCommand(b *testing.B) {
	text, err := contracts.FS.ReadFile("v2.yaml")
	if err != nil {
		b.Fatal(err)
	}
	doc, err := web.Load(text)
	if err != nil {
		b.Fatal(err)
	}
	f, err := doc.Frame("RealtimeCommand")
	if err != nil {
		b.Fatal(err)
	}
	in := []byte(`{"id":"1","echo":{"text":"Good morning. Could we talk about your price?","n":12345}}`)
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = f.Decode(in)
		}
	})
	v, _ := f.Decode(in)
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = f.Check(v)
		}
	})
	b.Run("unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var c command
			_ = json.Unmarshal(in, &c)
		}
	})
}
