package gate_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
)

// BenchmarkEnter compares Enter with its script alone: the difference is what
// the breaker, the deadline and the reading of the answer cost.
func BenchmarkEnter(b *testing.B) {
	s := setup(b)
	g := gate.New(gate.Config{Client: s.client, Timeout: patience})
	l := gate.Limit{Name: "test", Quota: 1_000_000, Window: time.Second}
	_, err := g.Open(b.Context(), s.subject, "r", make([]byte, 200), time.Hour)
	require.NoError(b, err)
	b.Run("gate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if pass, record, err := g.Enter(b.Context(), s.subject, l, "r"); err != nil || !pass.Counted || record.State != gate.Open {
				b.Fatal(pass, record, err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		hash := redis.NewScript(gate.EnterScript).Hash()
		keys := []string{"fp:{" + s.subject + "}:limit:test", "fp:{" + s.subject + "}:record:r"}
		b.ReportAllocs()
		for b.Loop() {
			if err := s.client.EvalSha(b.Context(), hash, keys, "", 1_000_000, 1_000_000, 1, 0).Err(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
