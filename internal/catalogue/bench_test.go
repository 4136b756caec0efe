package catalogue_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

// BenchmarkMatch matches descriptions against one industry, the embedding excluded: it
// is kept from the first time. p99-us is the 99th percentile of one match.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("roles=%d", n), func(b *testing.B) {
			url := postgrestest.URL(b, catalogue.Seed)
			pool := postgrestest.Pool(b, url)
			require.NoError(b, catalogue.Multiply(b.Context(), pool, "banking_finance", n-24))
			stage := on(b, url)
			require.NoError(b, stage.Index(b.Context()))
			all, err := catalogue.Samples()
			require.NoError(b, err)
			var asked []catalogue.MatchInput
			for _, one := range all {
				in := catalogue.MatchInput{IndustryID: "banking_finance", Title: one.Title, Description: one.Description, Language: "en"}
				asked = append(asked, in)
				_, err := stage.Match(b.Context(), in)
				require.NoError(b, err)
			}
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				began := time.Now()
				_, err := stage.Match(b.Context(), asked[i%len(asked)])
				took = append(took, time.Since(began))
				if err != nil {
					b.Fatal(err)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
		})
	}
}
