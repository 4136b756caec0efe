package catalogue

import "math"

// clues are what speaks for a role, each from 0 to 1.
type clues struct {
	Closeness float64 // in meaning; 0 where there are no embeddings
	Title     float64 // how alike the job's name is to a name of the role
	Evidence  float64 // how much the shared words weigh, in all
	Coverage  float64 // which part of what was written is shared
	Lead      float64 // the evidence beside that of the best role
	Nearness  float64 // the closeness beside that of the best role
}

// columns are the clues as a fit weighs them; without embeddings three are left out. To
// be the best counts for more where there is much to be best at, hence the products.
func (c clues) columns(embedded bool) []float64 {
	words := []float64{1, c.Title, c.Title * c.Title, c.Evidence, c.Coverage, c.Lead, c.Lead * c.Evidence}
	if !embedded {
		return words
	}
	return append(words, c.Closeness, c.Nearness, c.Nearness*c.Closeness)
}

// fit turns clues into the probability that the role is meant: the logistic
// function of their weighted sum. The weights belong to one embedding model, since
// what is close differs between models.
type fit struct {
	Embedded []float64 `json:"embedded,omitempty"` // a weight a column
	Words    []float64 `json:"words"`              // the same without embeddings
}

// score is from 0 to 1.
func (f fit) score(c clues, embedded bool) float64 {
	weights := f.Words
	if embedded {
		weights = f.Embedded
	}
	return logistic(weights, c.columns(embedded))
}

func logistic(weights, columns []float64) float64 {
	sum := 0.0
	for i, x := range columns {
		sum += weights[i] * x
	}
	return 1 / (1 + math.Exp(-sum))
}

// example is a row to fit: what spoke for a role, and whether it was meant.
type example struct {
	columns []float64
	meant   bool
}

const (
	fitRounds = 25   // at most
	fitEnough = 1e-6 // a step of this size is the last
	fitRidge  = 0.3  // keeps weights small where examples say little
)

// fitLogistic finds the weights under which the examples are most probable, by
// Newton's method with a ridge penalty (Hastie, Tibshirani, Friedman: The Elements
// of Statistical Learning, 4.4.1).
func fitLogistic(rows []example) []float64 {
	if len(rows) == 0 {
		return nil
	}
	n := len(rows[0].columns)
	weights := make([]float64, n)
	for range fitRounds {
		gradient, hessian := make([]float64, n), make([][]float64, n)
		for i := range hessian {
			hessian[i] = make([]float64, n)
			gradient[i] = -fitRidge * weights[i]
			hessian[i][i] = fitRidge
		}
		for _, row := range rows {
			p := logistic(weights, row.columns)
			y := 0.0
			if row.meant {
				y = 1
			}
			for i, x := range row.columns {
				gradient[i] += (y - p) * x
				curvature := hessian[i][:i+1]
				for j, z := range row.columns[:i+1] {
					curvature[j] += p * (1 - p) * x * z
				}
			}
		}
		mirror(hessian)
		largest := 0.0
		for i, step := range solve(hessian, gradient) {
			weights[i] += step
			largest = max(largest, math.Abs(step))
		}
		if largest < fitEnough {
			break
		}
	}
	return weights
}

// mirror fills the upper half of a symmetric matrix from the lower.
func mirror(a [][]float64) {
	for i := range a {
		for j := range i {
			a[j][i] = a[i][j]
		}
	}
}

// solve gives x of a·x = b for a positive definite matrix, by elimination; a and b
// are used up.
func solve(a [][]float64, b []float64) []float64 {
	n := len(b)
	for i := range n {
		for j := i + 1; j < n; j++ {
			factor := a[j][i] / a[i][i]
			for k := i; k < n; k++ {
				a[j][k] -= factor * a[i][k]
			}
			b[j] -= factor * b[i]
		}
	}
	x := make([]float64, n)
	for i := n - 1; i >= 0; i-- {
		x[i] = b[i]
		for k := i + 1; k < n; k++ {
			x[i] -= a[i][k] * x[k]
		}
		x[i] /= a[i][i]
	}
	return x
}

// wordsFit is the fit without embeddings, for as long as no index has been built: what
// train finds for the roles of the seed.
func wordsFit() fit {
	return fit{Words: []float64{-9.18, 0.38, 3.17, -0.51, 4.77, 2.44, 6.10}}
}
