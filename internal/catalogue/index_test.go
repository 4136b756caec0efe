package catalogue_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
)

// vectors gives n vectors of length 1.
func vectors(random *rand.Rand, n, dimension int) [][]float32 {
	all := make([][]float32, n)
	for i := range all {
		all[i] = make([]float32, dimension)
		sum := 0.0
		for j := range all[i] {
			x := random.NormFloat64()
			all[i][j] = float32(x)
			sum += x * x
		}
		for j := range all[i] {
			all[i][j] /= float32(math.Sqrt(sum))
		}
	}
	return all
}

func filled(n, dimension int) (catalogue.MemoryIndex, [][]float32, []uuid.UUID) {
	random := rand.New(rand.NewPCG(1, 2))
	index, ids := catalogue.MemoryIndex{}, make([]uuid.UUID, n)
	all := vectors(random, n, dimension)
	for i, v := range all {
		ids[i] = uuid.Must(uuid.NewV7())
		catalogue.Put(index, "banking_finance", ids[i], v)
	}
	return index, all, ids
}

func TestTheNearestRolesAreFound(t *testing.T) {
	t.Parallel()
	const dimension = 67 // no multiple of four
	index, all, ids := filled(500, dimension)
	for _, question := range vectors(rand.New(rand.NewPCG(3, 4)), 20, dimension) {
		order := make([]int, len(all))
		closeness := make([]float64, len(all))
		for i, v := range all {
			order[i] = i
			for j := range v {
				closeness[i] += float64(v[j]) * float64(question[j])
			}
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(closeness[b], closeness[a]) })
		near := index.Nearest("banking_finance", question, 7)
		require.Len(t, near, 7)
		asked := []uuid.UUID{uuid.New()}
		for i, n := range near {
			require.Equal(t, ids[order[i]], n.RoleID)
			require.InDelta(t, closeness[order[i]], n.Closeness, 1e-5)
			asked = append(asked, n.RoleID)
		}
		found := index.Closeness("banking_finance", question, asked)
		require.Len(t, found, 7, "what it does not hold is left out")
		require.InDelta(t, near[3].Closeness, found[near[3].RoleID], 1e-9)
	}
}

func TestAnIndexHoldsWhatItCan(t *testing.T) {
	t.Parallel()
	index, all, ids := filled(3, 8)
	require.Len(t, index.Nearest("banking_finance", all[0], 20), 3)
	require.Equal(t, ids[0], index.Nearest("banking_finance", all[0], 1)[0].RoleID)
	require.Empty(t, index.Nearest("banking_finance", all[0], 0))
	require.Empty(t, index.Nearest("real_estate", all[0], 5), "of another industry")
	require.Empty(t, index.Nearest("banking_finance", all[0][:4], 5), "a vector of another length")
	require.Empty(t, index.Closeness("banking_finance", all[0][:4], ids))
	require.Empty(t, index.Closeness("real_estate", all[0], ids))
}

func TestEquallyNearRolesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	index := catalogue.MemoryIndex{}
	same := []float32{1, 0, 0, 0}
	var ids []string
	for range 9 {
		id := uuid.New()
		ids = append(ids, id.String())
		catalogue.Put(index, "x", id, same)
	}
	slices.Sort(ids)
	var got []string
	for _, n := range index.Nearest("x", same, 4) {
		got = append(got, n.RoleID.String())
	}
	require.Equal(t, ids[:4], got)
}

func BenchmarkNearest(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprintf("roles=%d", n), func(b *testing.B) {
			index, all, _ := filled(n, 256)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				index.Nearest("banking_finance", all[i%n], 20)
			}
		})
	}
}
