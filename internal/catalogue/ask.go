package catalogue

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// How the words of a description are weighed.
const (
	askedTitle       = 2.0  // a word of the title beside one of the description
	unknownTitle     = 0.8  // rarity of a word of the title that no role has
	unknownElsewhere = 0.4  // and of another
	minLikeness      = 0.45 // trigram similarity from which a word is taken for a misspelt one
	minUnsure        = 5    // letters that a word must have to be taken for another
	maxUnsure        = 4    // words looked up so
	maxPostings      = 2000 // rows of role_terms that a search reads; the commonest words are left out first
)

// asked is a word of a description, as the roles of the industry know it.
type asked struct {
	text    string  // as roles have it; as it was written when none has it
	surface string  // as it was written
	weight  float64 // by where it stands
	rarity  float64 // from 0, in every role, to 1, in one
	roles   int     // that have it; 0: none
	title   bool
}

// ask gives the words of a description with what they say in an industry of so many roles.
func (s *Service) ask(ctx context.Context, industryID string, title, description []term, roles int) ([]asked, error) {
	var words []asked
	var all, unsure []string
	at := map[string]int{}
	take := func(t term, title bool, weight float64) {
		if i, ok := at[t.text]; ok {
			words[i].weight += weight / 2
			return
		}
		at[t.text] = len(words)
		words = append(words, asked{text: t.text, surface: t.surface, weight: weight, title: title})
		all = append(all, t.text)
	}
	for _, t := range title {
		take(t, true, askedTitle)
		if len(t.text) >= minUnsure && t.text[0] < 0x80 && len(unsure) < maxUnsure {
			unsure = append(unsure, t.text)
		}
	}
	for _, t := range description {
		take(t, false, 1)
	}
	known, err := s.store.vocabulary(ctx, industryID, all, unsure)
	if err != nil {
		return nil, err
	}
	for i := range words {
		words[i].judge(known[words[i].text], roles)
	}
	return words, nil
}

// judge weighs a word by what the vocabulary knows of it.
func (a *asked) judge(k known, roles int) {
	switch {
	case k.roles > 0 && k.likeness >= minLikeness:
		a.text, a.roles = k.term, k.roles
		a.weight *= k.likeness
		a.rarity = rarity(k.roles, roles)
	case a.title:
		a.rarity = unknownTitle
	default:
		a.rarity = unknownElsewhere
	}
}

// rarity is the inverse document frequency of BM25 (Robertson, Zaragoza: The
// Probabilistic Relevance Framework), as a part of the most that it can be.
func rarity(having, roles int) float64 {
	idf := func(n float64) float64 { return math.Log(1 + (float64(max(roles, 1))-n+0.5)/(n+0.5)) }
	return max(0, idf(min(float64(having), float64(max(roles, 1))))/idf(1))
}

// telling are the words to search by: those that roles have, the rarest first, as far
// as reading them is bounded.
func telling(words []asked) []asked {
	picked := slices.DeleteFunc(slices.Clone(words), func(a asked) bool { return a.roles == 0 })
	slices.SortStableFunc(picked, func(a, b asked) int { return cmp.Compare(b.rarity*b.weight, a.rarity*a.weight) })
	rows := 0
	for i, a := range picked {
		if rows += a.roles; rows > maxPostings && i > 0 {
			return picked[:i]
		}
	}
	return picked
}
