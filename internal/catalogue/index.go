package catalogue

import (
	"cmp"
	"slices"

	"github.com/google/uuid"
	"gonum.org/v1/gonum/blas/blas32"
)

// Index finds the roles of an industry that are nearest in meaning. Closeness is the
// cosine of the angle between two vectors of length 1: 1 is the same, 0 has nothing
// in common. Implementations are safe for concurrent use.
type Index interface {
	// Nearest gives the k nearest roles, the nearest first; equal ones by id.
	Nearest(industryID string, vector []float32, k int) []Neighbour
	// Closeness gives how near these roles are; those it does not hold are left out.
	Closeness(industryID string, vector []float32, ids []uuid.UUID) map[uuid.UUID]float64
}

// Neighbour is a role and how near it is.
type Neighbour struct {
	RoleID    uuid.UUID
	Closeness float64
}

// memoryIndex is an exact index in memory: each search looks at every vector of the
// industry. It is made once and then only read.
type memoryIndex map[string]*shelf

// shelf is one industry: the vectors lie one behind the other.
type shelf struct {
	ids     []uuid.UUID
	at      map[uuid.UUID]int
	vectors []float32
}

var _ Index = memoryIndex{}

// put adds a role; every vector must have the length of the first.
func (m memoryIndex) put(industryID string, id uuid.UUID, vector []float32) {
	s := m[industryID]
	if s == nil {
		s = &shelf{at: map[uuid.UUID]int{}}
		m[industryID] = s
	}
	s.at[id] = len(s.ids)
	s.ids = append(s.ids, id)
	s.vectors = append(s.vectors, vector...)
}

func (s *shelf) closeness(i int, vector []float32) float64 {
	n := len(vector)
	return float64(blas32.Dot(
		blas32.Vector{N: n, Inc: 1, Data: s.vectors[i*n : (i+1)*n]}, blas32.Vector{N: n, Inc: 1, Data: vector}))
}

// fits says whether the shelf holds vectors of this length.
func (s *shelf) fits(vector []float32) bool {
	return s != nil && len(s.vectors) == len(s.ids)*len(vector)
}

// Nearest looks at every role and keeps the best, in their order.
func (m memoryIndex) Nearest(industryID string, vector []float32, k int) []Neighbour {
	s := m[industryID]
	if !s.fits(vector) || k < 1 {
		return nil
	}
	best := make([]Neighbour, 0, k+1)
	for i, id := range s.ids {
		n := Neighbour{id, s.closeness(i, vector)}
		if len(best) == k && n.Closeness < best[k-1].Closeness {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, n, nearer)
		best = slices.Insert(best, at, n)
		best = best[:min(len(best), k)]
	}
	return best
}

// nearer orders neighbours: the nearest first, equal ones by id.
func nearer(a, b Neighbour) int {
	return cmp.Or(cmp.Compare(b.Closeness, a.Closeness), compareIDs(a.RoleID, b.RoleID))
}

// Closeness looks only at the roles asked for.
func (m memoryIndex) Closeness(industryID string, vector []float32, ids []uuid.UUID) map[uuid.UUID]float64 {
	found := make(map[uuid.UUID]float64, len(ids))
	s := m[industryID]
	if !s.fits(vector) {
		return found
	}
	for _, id := range ids {
		if i, ok := s.at[id]; ok {
			found[id] = s.closeness(i, vector)
		}
	}
	return found
}
