package partner

import (
	"regexp"
	"slices"
	"strings"
)

// scene is what a system prompt tells about the play.
type scene struct {
	persona   persona
	situation situation
}

// director finds the scene in a system prompt by its words. Prompts are written
// for real models, so there is no template to rely on.
type director struct {
	roleCue      *regexp.Regexp // a role follows
	youCue       *regexp.Regexp // a role follows, if nothing clearer is there
	situationCue *regexp.Regexp // a situation follows
	personas     []persona
	situations   []situation
}

func newDirector() director {
	return director{
		roleCue: regexp.MustCompile(`role ?play(ing|s)? (as |one of |an? |the |some)|` +
			`\b(play|playing|plays|act as|acting as|pretend to be|in the role of|take the role of|your role is|your role:|partner:|persona:|character:)`),
		youCue:       regexp.MustCompile(`\byou are|\byou're`),
		situationCue: regexp.MustCompile(`\b(situation|scene|scenario|setting|occasion|context)\b`),
		personas:     personas(),
		situations:   situations(),
	}
}

// scene reads a system prompt. What it does not tell is a business partner in a
// meeting.
func (d director) scene(brief string) scene {
	brief = plain(brief)
	talk := d.situation(brief)
	return scene{persona: d.persona(brief).in(talk), situation: talk}
}

// plain makes identifiers such as senior_management into words, and the ends of
// lines into ends of sentences; the dot of a title ends none.
func plain(s string) string {
	s = strings.NewReplacer("_", " ", "-", " ", "\n", ". ", "mr.", "mr", "ms.", "ms", "mrs.", "mrs", "dr.", "dr").Replace(strings.ToLower(s))
	return strings.Join(strings.Fields(s), " ")
}

// persona looks for a role in the sentences that announce one, then anywhere.
// The first role named is the partner's; the learner's own comes later.
func (d director) persona(brief string) persona {
	words := func(p persona) []string { return p.words }
	for _, cue := range []*regexp.Regexp{d.roleCue, d.youCue} {
		for _, at := range cue.FindAllStringIndex(brief, -1) {
			if i := earliest(sentence(brief[at[0]:]), d.personas, words); i >= 0 {
				return d.personas[i]
			}
		}
	}
	if i := earliest(brief, d.personas, words); i >= 0 {
		return d.personas[i]
	}
	i := slices.IndexFunc(d.personas, func(p persona) bool { return p.id == "partners" })
	return d.personas[i]
}

// situation looks behind a word that announces one, where weak words count too,
// then for an unmistakable phrase anywhere.
func (d director) situation(brief string) situation {
	all := func(s situation) []string { return append(slices.Clone(s.words), s.weak...) }
	for _, at := range d.situationCue.FindAllStringIndex(brief, -1) {
		if i := earliest(sentence(brief[at[0]:]), d.situations, all); i >= 0 {
			return d.situations[i]
		}
	}
	if i := earliest(brief, d.situations, func(s situation) []string { return s.words }); i >= 0 {
		return d.situations[i]
	}
	i := slices.IndexFunc(d.situations, func(s situation) bool { return s.id == "meetings" })
	return d.situations[i]
}

// sentence is the beginning of s up to its full stop.
func sentence(s string) string {
	if end := strings.IndexAny(s, ".!?\n;"); end >= 0 {
		return s[:end]
	}
	return s
}

// earliest gives the index of the entry whose word stands first in text, or -1.
// Of two at one place the longer word wins. A word marked "~" counts only where
// no other is found.
func earliest[T any](text string, entries []T, words func(T) []string) int {
	best, at, length := -1, -1, 0
	generic := -1
	for i, entry := range entries {
		for _, w := range words(entry) {
			weak := strings.HasPrefix(w, "~")
			p := indexWord(text, strings.TrimPrefix(w, "~"))
			switch {
			case p < 0:
			case weak:
				generic = i
			case best < 0 || p < at || p == at && len(w) > length:
				best, at, length = i, p, len(w)
			}
		}
	}
	if best < 0 {
		return generic
	}
	return best
}

// indexWord finds w where a word begins, or -1.
func indexWord(text, w string) int {
	for from := 0; ; {
		p := strings.Index(text[from:], w)
		if p < 0 {
			return -1
		}
		p += from
		if p == 0 || !isWordByte(text[p-1]) {
			return p
		}
		from = p + 1
	}
}

func isWordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
}
