package partner

import (
	"strings"
	"unicode/utf8"
)

const (
	maxRoleText      = 600 // characters
	maxRoleSentences = 3
)

// roleData is what a learner says about a job of their own.
type roleData struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Industry    named  `json:"industry"`
	Language    string `json:"language"` // en, zh-Hans or zh-Hant
}

// role is the answer to the schema custom_role.
type role struct {
	Description string   `json:"description"` // in the third person
	Keywords    []string `json:"keywords"`    // 5 to 8
}

// writeRole tells of the learner in the third person, in the language they wrote.
func writeRole(t *thesaurus, d roleData) role {
	title := clip(strings.Trim(strings.Join(strings.Fields(d.Title), " "), " .,;:。，"), 100)
	language := d.Language
	switch text := d.Description + d.Title; {
	case !isForeign(text):
		language = "en"
	case language != "zh-Hans" && language != "zh-Hant":
		language = t.script(text)
	}
	r := role{Keywords: t.keywords(d.Description, title, string(d.Industry), language)}
	if language == "en" {
		r.Description = inThirdPerson(d.Description, title)
	} else {
		r.Description = inThirdPersonChinese(d.Description, title, language == "zh-Hant")
	}
	return r
}

// script tells Traditional Chinese by its characters.
func (t *thesaurus) script(text string) string {
	for _, r := range text {
		if _, ok := t.simplified[r]; ok {
			return "zh-Hant"
		}
	}
	return "zh-Hans"
}

// inThirdPerson rewrites "I manage my team" to "As a cook, they manage their team".
func inThirdPerson(text, title string) string {
	opening := "In this role, "
	if title != "" {
		opening = "As " + withArticle(title) + ", "
	}
	var out []string
	for i, s := range firstSentences(text, ".!?\n") {
		words := strings.Fields(s)
		first := strings.ToLower(strings.Trim(words[0], ",:;-"))
		s = strings.Join(shiftPerson(words), " ")
		switch {
		case first == "responsible" || first == "in" && len(words) > 1 && words[1] == "charge":
			s = "they are " + lowerFirst(s)
		case strings.HasSuffix(first, "ing"):
			s = "their work is " + lowerFirst(s)
		case i == 0 && !strings.HasPrefix(s, "they") && !strings.HasPrefix(s, "their"):
			s = "this is what they do: " + lowerFirst(s)
		}
		if i == 0 {
			s = opening + s
		}
		out = append(out, upperFirst(strings.TrimRight(s, " ,;:-"))+".")
	}
	if len(out) == 0 {
		return upperFirst(opening) + "they talk to business partners in English."
	}
	return fitSentences(out, " ")
}

// shiftPerson puts the words of one sentence into the third person. "They" for
// one person leaves every verb but "am" and "was" as it is.
func shiftPerson(words []string) []string {
	person := map[string]string{
		"i": "they", "me": "them", "my": "their", "mine": "theirs", "myself": "themselves", "am": "are",
		"we": "they", "us": "them", "our": "their", "ours": "theirs", "ourselves": "themselves",
		"i'm": "they are", "i've": "they have", "i'll": "they will", "i'd": "they would", "we're": "they are", "we've": "they have", "we'll": "they will",
	}
	out := make([]string, len(words))
	afterI := false
	for i, w := range words {
		core := strings.Trim(w, `,;:()"-`)
		low := strings.ToLower(strings.ReplaceAll(core, "’", "'"))
		to, ok := person[low]
		switch {
		case core == "US": // the country
			to, ok = core, true
		case afterI && low == "was":
			to, ok = "were", true
		}
		if !ok {
			to = core
		}
		out[i] = strings.Replace(w, core, to, 1)
		afterI = low == "i"
	}
	return out
}

// inThirdPersonChinese rewrites 我负责前台，我的工作… to 该员工负责前台，其工作….
func inThirdPersonChinese(text, title string, traditional bool) string {
	they, team, as := "该员工", "其团队", "担任"
	if traditional {
		they, team, as = "該員工", "其團隊", "擔任"
	}
	shift := strings.NewReplacer("我们的", team+"的", "我們的", team+"的", "我们", team, "我們", team, "我的", "其", "自己的", "其", "我", they)
	var out []string
	for i, s := range firstSentences(text, "。！？!?\n") {
		shifted := shift.Replace(s)
		switch {
		case i > 0 || shifted != s:
		case title != "":
			shifted = they + as + title + "，" + s
		default:
			shifted = they + s
		}
		out = append(out, strings.TrimRight(shifted, "，、；,; .")+"。")
	}
	if len(out) == 0 {
		return they + as + title + "。"
	}
	return fitSentences(out, "")
}

// firstSentences gives the first sentences of a text, without their marks.
func firstSentences(text, marks string) []string {
	var out []string
	start := 0
	take := func(end int) {
		if s := strings.TrimSpace(text[start:end]); s != "" && len(out) < maxRoleSentences {
			out = append(out, s)
		}
	}
	for i, r := range text {
		if !strings.ContainsRune(marks, r) {
			continue
		}
		next, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):])
		if r == '.' && i+1 < len(text) && next != ' ' && next != '\n' {
			continue // 2.5, booking.com
		}
		take(i)
		start = i + utf8.RuneLen(r)
	}
	take(len(text))
	return out
}

// fitSentences joins as many as there is room for, at least a part of one.
func fitSentences(sentences []string, space string) string {
	text := sentences[0]
	for _, s := range sentences[1:] {
		if utf8.RuneCountInString(text+space+s) > maxRoleText {
			break
		}
		text += space + s
	}
	return clip(text, maxRoleText)
}

// clip shortens a text to most characters, the last of them an ellipsis.
func clip(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return strings.TrimRight(string(runes[:most-1]), " ,，") + "…"
}

func withArticle(title string) string {
	if strings.ContainsRune("aeiouAEIOU", rune(title[0])) || strings.HasPrefix(title, "HR") || strings.HasPrefix(title, "F&B") {
		return "an " + title
	}
	return "a " + title
}

func upperFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return strings.ToUpper(string(r)) + s[size:]
}

// lowerFirst leaves names and abbreviations such as HR alone.
func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' || s == "" {
		return s
	}
	r, size := utf8.DecodeRuneInString(s)
	return strings.ToLower(string(r)) + s[size:]
}
