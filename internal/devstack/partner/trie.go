package partner

// trie finds the phrases of the thesaurus in a sequence of words or characters.
type trie[K comparable] struct {
	next     map[K]*trie[K]
	concepts []int // that a phrase ending here stands for; empty: none ends here
}

func (t *trie[K]) add(phrase []K, concept int) {
	for _, key := range phrase {
		below := t.next[key]
		if below == nil {
			below = &trie[K]{}
			if t.next == nil {
				t.next = map[K]*trie[K]{}
			}
			t.next[key] = below
		}
		t = below
	}
	for _, c := range t.concepts {
		if c == concept {
			return
		}
	}
	t.concepts = append(t.concepts, concept)
}

// longest gives the concepts of the longest phrase with which keys begin, and
// how many keys it takes; 0 when there is none.
func (t *trie[K]) longest(keys []K) (concepts []int, length int) {
	for i, key := range keys {
		if t = t.next[key]; t == nil {
			break
		}
		if len(t.concepts) > 0 {
			concepts, length = t.concepts, i+1
		}
	}
	return concepts, length
}
