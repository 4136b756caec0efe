package catalogue_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
)

func TestAFitFindsTheWeightsThatMadeTheExamples(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	weights := []float64{-2, 3, 1}
	rows := catalogue.Rows(20_000, func() ([]float64, bool) {
		columns := []float64{1, random.Float64(), random.Float64()}
		return columns, random.Float64() < catalogue.Logistic(weights, columns)
	})
	got := catalogue.FitLogistic(rows)
	require.InDeltaSlice(t, weights, got, 0.15)
}

func TestExamplesThatSayAllAtOnceGiveNoEndlessWeights(t *testing.T) {
	t.Parallel()
	i := 0
	rows := catalogue.Rows(100, func() ([]float64, bool) {
		i++
		return []float64{1, float64(i % 2)}, i%2 == 1
	})
	got := catalogue.FitLogistic(rows)
	require.Greater(t, catalogue.Logistic(got, []float64{1, 1}), 0.9)
	require.Less(t, catalogue.Logistic(got, []float64{1, 0}), 0.1)
	for _, w := range got {
		require.Less(t, w, 50.0)
		require.Greater(t, w, -50.0)
	}
	require.Nil(t, catalogue.FitLogistic(nil))
}
