package catalogue

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/google/uuid"
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
	return float64(dot(s.vectors[i*n:(i+1)*n], vector))
}

// fits says whether the shelf holds vectors of this length.
func (s *shelf) fits(vector []float32) bool {
	return s != nil && len(s.vectors) == len(s.ids)*len(vector)
}

// Nearest looks at every role and keeps the best.
func (m memoryIndex) Nearest(industryID string, vector []float32, k int) []Neighbour {
	s := m[industryID]
	if !s.fits(vector) || k < 1 {
		return nil
	}
	best := make(farthestFirst, 0, k+1)
	for i := range s.ids {
		c := s.closeness(i, vector)
		if len(best) == k && c < best[0].Closeness {
			continue
		}
		heap.Push(&best, Neighbour{s.ids[i], c})
		if len(best) > k {
			heap.Pop(&best)
		}
	}
	slices.SortFunc(best, func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(b.Closeness, a.Closeness), compareIDs(a.RoleID, b.RoleID))
	})
	return best
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

// dot is the scalar product. Four sums at once keep the processor's units busy.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// farthestFirst is a heap with the worst of the best on top.
type farthestFirst []Neighbour

func (h farthestFirst) Len() int { return len(h) }
func (h farthestFirst) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].Closeness, h[j].Closeness), compareIDs(h[j].RoleID, h[i].RoleID)) < 0
}
func (h farthestFirst) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push adds x; it is for the heap package.
func (h *farthestFirst) Push(x any) { *h = append(*h, x.(Neighbour)) }

// Pop takes the last; it is for the heap package.
func (h *farthestFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
