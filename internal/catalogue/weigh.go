package catalogue

import (
	"cmp"
	"math"
	"slices"
	"unicode"

	"github.com/google/uuid"
)

const (
	evidenceScale = 6.0 // the weight of shared words that is about two thirds of all that can be
	maxShared     = 5   // words named in a reason
)

// weigh gives what speaks for each role.
func weigh(roles map[uuid.UUID]*studied, picked []ranking, words []asked, closeness map[uuid.UUID]float64) []candidate {
	var all []candidate
	most, nearest := 0.0, 0.0
	for _, p := range picked {
		if role := roles[p.id]; role != nil {
			c := consider(role, words)
			c.clues.Closeness = max(0, closeness[p.id])
			most, nearest = max(most, c.clues.Evidence), max(nearest, c.clues.Closeness)
			all = append(all, c)
		}
	}
	for i := range all {
		all[i].clues.Lead = part(all[i].clues.Evidence, most)
		all[i].clues.Nearness = part(all[i].clues.Closeness, nearest)
	}
	return all
}

func part(of, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return of / whole
}

// consider weighs the words that a role shares with the description.
func consider(role *studied, words []asked) candidate {
	c := candidate{studied: role}
	var shared []said
	sum, covered, whole := 0.0, 0.0, 0.0
	last := -2 // the shared word before
	for i, a := range words {
		whole += a.weight * a.rarity
		w := float64(role.words[a.text])
		if a.roles == 0 || w < weighDescription {
			continue
		}
		value := w * a.weight * a.rarity
		sum += value
		covered += a.weight * a.rarity
		if longer, ok := joined(shared, a.surface); ok && last == i-1 {
			shared[len(shared)-1] = said{longer, shared[len(shared)-1].value + value}
		} else {
			shared = append(shared, said{a.surface, value})
		}
		last = i
	}
	slices.SortStableFunc(shared, func(a, b said) int { return cmp.Compare(b.value, a.value) })
	for _, one := range shared[:min(len(shared), maxShared)] {
		c.shared = append(c.shared, one.surface)
	}
	c.clues = clues{Title: alike(role, words), Evidence: 1 - math.Exp(-sum/evidenceScale), Coverage: part(covered, whole)}
	return c
}

// said is a shared word as it was written, and what it weighs.
type said struct {
	surface string
	value   float64
}

// joined makes one word of neighbouring pairs of Chinese characters.
func joined(before []said, pair string) (string, bool) {
	if len(before) == 0 {
		return "", false
	}
	head, tail := []rune(before[len(before)-1].surface), []rune(pair)
	if len(tail) != 2 || !unicode.Is(unicode.Han, tail[0]) || head[len(head)-1] != tail[0] {
		return "", false
	}
	return string(head) + string(tail[1]), true
}

// alike compares the name of the job with each name of the role: the part of their
// words that both have (Dice), rare words counting more.
func alike(role *studied, words []asked) float64 {
	rarity, mine := map[string]float64{}, 0.0
	for _, a := range words {
		if a.title {
			rarity[a.text] = a.rarity
			mine += a.rarity
		}
	}
	best := 0.0
	for _, name := range role.names {
		both, theirs := 0.0, 0.0
		for _, w := range name {
			r, ok := rarity[w]
			if !ok {
				r = unknownTitle
			} else {
				both += r
			}
			theirs += r
		}
		best = max(best, part(2*both, mine+theirs))
	}
	return best
}
