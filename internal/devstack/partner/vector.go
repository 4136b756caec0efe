package partner

import "math"

// EmbeddingVersion names the way from a text to its vector. Vectors of different
// versions cannot be compared; whoever keeps vectors keeps it beside them.
const EmbeddingVersion = "partner-1"

// Weights, as whole numbers: sums of them are exact in any order on any machine.
const (
	weightConcept = 2400 // a concept of the thesaurus
	weightField   = 1500 // the trade that concepts belong to
	weightGuess   = 50   // percent, for a concept that a misspelt word stands for
	weightWord    = 1000 // a word by its stem
	weightPart    = 80   // three to five letters of a word
	weightPair    = 500  // two Chinese characters
	weightChar    = 120  // one Chinese character
)

// A feature is spread over several dimensions, so that two that share one are
// not taken for each other. The weights above are divided by the square root.
const (
	spreadConcept = 16
	spreadWord    = 4
	spreadPart    = 1
)

// sublinear gives, in thousandths, what percent hundredths of a mention add up
// to: 1 + ln n for n mentions, straight lines between.
func sublinear(percent int64) int64 {
	table := [...]int64{0, 1000, 1693, 2099, 2386, 2609, 2792, 2946, 3079, 3197, 3303}
	n := percent / 100
	if n >= int64(len(table)-1) {
		return table[len(table)-1]
	}
	return table[n] + (table[n+1]-table[n])*(percent%100)/100
}

// embedder turns texts into vectors. It only reads, and is safe for concurrent use.
type embedder struct{ *thesaurus }

// tally counts what a text holds.
type tally struct {
	words    map[string]count
	pairs    map[[2]rune]count
	chars    map[rune]count
	concepts map[int]count
}

// count is how often something is there and its weight in percent.
type count struct{ n, percent int64 }

// least counts a mention; what says little in one of them says little in all.
func (c count) least(percent int64) count {
	if c.n > 0 {
		percent = min(c.percent, percent)
	}
	return count{n: c.n + 1, percent: percent}
}

// most counts a mention; what is certain in one of them is certain.
func (c count) most(percent int64) count {
	return count{n: c.n + 1, percent: max(c.percent, percent)}
}

// vector gives the direction of a text in so many dimensions, of length 1.
func (e embedder) vector(text string, dimensions int) []float32 {
	sums := sums{at: make([]int64, dimensions)}
	t := e.read(text)
	e.addConcepts(&sums, t.concepts)
	for word, c := range t.words {
		e.addWord(&sums, word, c.percent*sublinear(100*c.n))
	}
	for pair, c := range t.pairs {
		sums.add("pair", string(pair[:]), weightPair*c.percent*sublinear(100*c.n), spreadWord)
	}
	for char, c := range t.chars {
		sums.add("char", string(char), weightChar*c.percent*sublinear(100*c.n), spreadPart)
	}
	if sums.empty() {
		sums.add("text", text, weightWord*100*1000, spreadConcept) // a text without words still differs from others
	}
	return sums.direction()
}

// read counts the words, characters and concepts of a text.
func (e embedder) read(text string) tally {
	t := tally{words: map[string]count{}, pairs: map[[2]rune]count{}, chars: map[rune]count{}, concepts: map[int]count{}}
	words, runs := e.cut(text)
	for i, percent := range e.spot(e.wordPhrase(words), len(words), t.concepts) {
		if !e.stop(words[i]) {
			t.words[words[i]] = t.words[words[i]].least(percent)
		}
	}
	for _, run := range runs {
		phrase := func(i int) ([]int, int) { return e.chars.longest(run[i:]) }
		percents := e.spot(phrase, len(run), t.concepts)
		for i, percent := range percents {
			t.chars[run[i]] = t.chars[run[i]].least(percent)
			if i > 0 {
				pair := [2]rune{run[i-1], run[i]}
				t.pairs[pair] = t.pairs[pair].least(min(percent, percents[i-1]))
			}
		}
	}
	return t
}

// wordPhrase looks phrases up among words; a word that is none may be misspelt.
func (e embedder) wordPhrase(words []string) func(i int) ([]int, int) {
	return func(i int) ([]int, int) {
		concepts, length := e.words.longest(words[i:])
		if length > 0 {
			return concepts, length
		}
		if word, ok := e.meant(words[i]); ok {
			concepts, _ = e.words.longest([]string{word})
			return concepts, -1
		}
		return nil, 0
	}
}

// spot goes through n words or characters and counts the concepts of the longest
// phrase at each place. It gives the percent that each word or character weighs:
// what is said in every trade says little, also inside a phrase, as "manager" in
// "hotel manager". A length of -1 marks a guess.
func (e embedder) spot(phrase func(i int) ([]int, int), n int, into map[int]count) []int64 {
	percents := make([]int64, n)
	for i := range percents {
		percents[i] = 100
	}
	next := 0
	for i := range n {
		concepts, length := phrase(i)
		if length == 0 {
			continue
		}
		share := int64(100)
		if length < 0 {
			length, share = 1, weightGuess
		}
		for _, c := range concepts {
			for j := i; j < i+length; j++ {
				percents[j] = min(percents[j], e.concepts[c].weight)
			}
			if i >= next {
				into[c] = into[c].most(share / int64(len(concepts)))
			}
		}
		if i >= next {
			next = i + length
		}
	}
	return percents
}

// addConcepts adds the concepts and, once each, the trades they belong to.
func (e embedder) addConcepts(s *sums, found map[int]count) {
	fields := map[string]int64{} // in percent of one concept
	for n, c := range found {
		concept := e.concepts[n]
		s.add("concept", concept.terms[0], weightConcept*concept.weight/100*c.percent*sublinear(100*c.n), spreadConcept)
		divided := int64(100)
		if len(concept.fields) > 1 {
			divided = 71 // the root of a half: in two trades at once, as much in sum
		}
		for _, f := range concept.fields {
			fields[f] += concept.weight * c.percent / 100 * divided / 100
		}
	}
	for f, percent := range fields {
		s.add("field", f, weightField*100*sublinear(percent), spreadConcept)
	}
}

// addWord adds a word and its parts, which it shares with its misspellings.
func (e embedder) addWord(s *sums, word string, weight int64) {
	s.add("word", word, weightWord*weight, spreadWord)
	runes := []rune("<" + word + ">")
	for length := 3; length <= 5; length++ {
		for i := 0; i+length <= len(runes); i++ {
			s.add("part", string(runes[i:i+length]), weightPart*weight, spreadPart)
		}
	}
}

const fnvOffset = 0xcbf29ce484222325

// sums are the dimensions of a vector before it is brought to length 1.
type sums struct{ at []int64 }

// add puts a feature into as many dimensions as it is spread over, with a sign
// each: features that do not belong together cancel out on average.
func (s *sums) add(kind, feature string, weight int64, spread int) {
	state := fnv1a(fnv1a(fnvOffset, kind), feature)
	each := weight / 1000 // thousandths of the count
	switch spread {
	case spreadConcept:
		each /= 4
	case spreadWord:
		each /= 2
	}
	for range spread {
		state += 0x9e3779b97f4a7c15 // splitmix64, which makes many numbers of one
		z := (state ^ state>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		sign := 1 - 2*int64(z>>63)
		s.at[z%uint64(len(s.at))] += sign * each
	}
}

// fnv1a continues the hash of that name, without an allocation.
func fnv1a(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return h
}

func (s *sums) empty() bool {
	for _, x := range s.at {
		if x != 0 {
			return false
		}
	}
	return true
}

// direction brings the sums to length 1. The squares are summed exactly, and a
// root and a division are rounded alike everywhere (IEEE 754), so that machines
// agree to the bit.
func (s *sums) direction() []float32 {
	square := 0.0
	for _, x := range s.at {
		square += float64(x * x)
	}
	length := math.Sqrt(square)
	out := make([]float32, len(s.at))
	for i, x := range s.at {
		out[i] = float32(float64(x) / length)
	}
	return out
}
