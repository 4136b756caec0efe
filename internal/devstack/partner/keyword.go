package partner

import (
	"strings"
	"unicode/utf8"
)

const (
	minKeywords = 5
	maxKeywords = 8
)

// keywords gives the words of a text that tell what it is about, in the order in
// which they come: first what the thesaurus knows, then other words. A short
// text is filled up from the title, the industry, and what is said of any job.
func (t *thesaurus) keywords(text, title, industry, language string) []string {
	k := keywords{seen: map[string]struct{}{}, thesaurus: t}
	if language == "en" {
		k.phrases(text)
		k.nouns(text, maxKeywords)
		k.phrases(title)
		k.nouns(title, minKeywords)
		k.add(strings.ToLower(industry), minKeywords)
	} else {
		k.characters(text)
		k.characters(title)
		k.add(industry, minKeywords)
	}
	for _, term := range k.related(text+" "+title, language) {
		k.add(term, minKeywords)
	}
	for _, word := range map[string][]string{
		"en":      {"customers", "colleagues", "meetings", "reports", "business communication"},
		"zh-Hans": {"客户沟通", "同事", "会议", "报告", "商务沟通"},
		"zh-Hant": {"客戶溝通", "同事", "會議", "報告", "商務溝通"},
	}[language] {
		k.add(word, minKeywords)
	}
	return k.list
}

// keywords collects words, each once.
type keywords struct {
	*thesaurus
	list []string
	seen map[string]struct{} // by stem, or in Simplified characters
}

// add takes a word unless there are enough.
func (k *keywords) add(word string, enough int) {
	word = strings.TrimSpace(word)
	if word == "" || len(k.list) >= enough || utf8.RuneCountInString(word) > 40 {
		return
	}
	words, runs := k.cut(word)
	key := strings.Join(words, " ")
	for _, run := range runs {
		key += string(run)
	}
	if _, ok := k.seen[key]; ok {
		return
	}
	k.seen[key] = struct{}{}
	k.list = append(k.list, word)
}

// telling says whether a concept tells one trade from another.
func (k *keywords) telling(concepts []int) bool {
	return len(concepts) > 0 && k.concepts[concepts[0]].weight >= 60
}

// phrases takes what the thesaurus knows of an English text, as it is written.
func (k *keywords) phrases(text string) {
	var stems, written []string
	scan(text, func(w string) {
		if s := k.word(w); s != "" {
			stems, written = append(stems, s), append(written, w)
		}
	}, func([]rune) {})
	for i := 0; i < len(stems); {
		concepts, length := k.words.longest(stems[i:])
		if k.telling(concepts) && !k.stop(stems[i]) {
			k.add(keyword(strings.Join(written[i:i+length], " ")), maxKeywords)
		}
		i += max(length, 1)
	}
}

// keyword is a phrase in small letters, abbreviations apart.
func keyword(phrase string) string {
	if strings.ToUpper(phrase) == phrase {
		return phrase
	}
	return strings.ToLower(phrase)
}

// nouns takes other words that may be nouns by their form.
func (k *keywords) nouns(text string, enough int) {
	scan(text, func(w string) {
		low := strings.ToLower(w)
		s := k.word(w)
		for _, ending := range []string{"ing", "ed", "ly", "'s", "'t"} {
			if strings.HasSuffix(low, ending) {
				return
			}
		}
		concepts, length := k.words.longest([]string{s})
		if len(s) < 4 || k.stop(s) || k.stop(low) || length > 0 && !k.telling(concepts) {
			return
		}
		k.add(keyword(w), enough)
	}, func([]rune) {})
}

// characters takes what the thesaurus knows of a Chinese text, as it is written,
// and its abbreviations in Latin letters.
func (k *keywords) characters(text string) {
	scan(text, func(w string) {
		if concepts, _ := k.words.longest([]string{k.word(w)}); k.telling(concepts) {
			k.add(w, maxKeywords)
		}
	}, func(run []rune) {
		simple := k.simplify(run)
		for i := 0; i < len(run); {
			concepts, length := k.chars.longest(simple[i:])
			if k.telling(concepts) && length > 1 {
				k.add(string(run[i:i+length]), maxKeywords)
			}
			i += max(length, 1)
		}
	})
}

// related gives other names, in the language, of what a text speaks of.
func (k *keywords) related(text, language string) []string {
	var out []string
	found := embedder{k.thesaurus}.read(text).concepts
	for n, c := range k.concepts { // in the order of the table
		if found[n].n == 0 || c.weight < 60 {
			continue
		}
		for _, term := range c.terms {
			if k.writtenIn(term, language) {
				out = append(out, term)
			}
		}
	}
	return out
}

func (k *keywords) writtenIn(term, language string) bool {
	if !isHan(term) {
		return language == "en"
	}
	simple := string(k.simplify([]rune(term))) == term
	return language == "zh-Hans" && simple || language == "zh-Hant" && !simple
}
