package llm

import (
	"errors"
	"fmt"
	"math"

	"github.com/sashabaranov/go-openai"
)

// errVectors is an answer whose vectors are not those that were asked for.
var errVectors = errors.New("the vectors cannot be used")

// inOrder gives the vectors of n texts in the order of the texts, whatever the
// order of the answer, each brought to length 1. The answer must hold each index
// once, and vectors of one length: dimensions, unless that is 0.
func inOrder(data []openai.Embedding, n, dimensions int) ([][]float32, error) {
	if len(data) != n {
		return nil, fmt.Errorf("%w: %d instead of %d", errVectors, len(data), n)
	}
	if dimensions == 0 {
		dimensions = len(data[0].Embedding)
	}
	out := make([][]float32, n)
	for _, d := range data {
		switch {
		case d.Index < 0 || d.Index >= n || out[d.Index] != nil:
			return nil, fmt.Errorf("%w: index %d", errVectors, d.Index)
		case len(d.Embedding) == 0 || len(d.Embedding) != dimensions:
			return nil, fmt.Errorf("%w: %d dimensions instead of %d", errVectors, len(d.Embedding), dimensions)
		}
		vector, err := normal(d.Embedding)
		if err != nil {
			return nil, err
		}
		out[d.Index] = vector
	}
	return out, nil
}

// normal brings a vector to Euclidean length 1 (L2), which one without a
// direction or with numbers that are none does not have.
func normal(vector []float32) ([]float32, error) {
	square := 0.0
	for _, x := range vector {
		square += float64(x) * float64(x)
	}
	if square == 0 || math.IsNaN(square) || math.IsInf(square, 0) {
		return nil, fmt.Errorf("%w: no direction", errVectors)
	}
	length := math.Sqrt(square)
	out := make([]float32, len(vector))
	for i, x := range vector {
		out[i] = float32(float64(x) / length)
	}
	return out, nil
}
