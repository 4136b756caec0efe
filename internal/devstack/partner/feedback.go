package partner

import "strings"

// maxFeedbackQuote is how many characters of a learner's are quoted at a time.
const maxFeedbackQuote = 200

// feedbackData is the conversation that feedback is given on.
type feedbackData struct {
	Language string         `json:"language"` // en, zh-Hans or zh-Hant
	Lines    []feedbackLine `json:"lines"`    // in the order said
}

type feedbackLine struct {
	From string `json:"from"` // learner or partner
	Text string `json:"text"`
}

// feedback is the answer to the schema conversation_feedback.
type feedback struct {
	Scores      map[string]int       `json:"scores"` // 0 to 5
	Strengths   []feedbackStrength   `json:"strengths"`
	Suggestions []feedbackSuggestion `json:"suggestions"`
}

type feedbackStrength struct {
	Text  string `json:"text"`
	Quote string `json:"quote"`
}

type feedbackSuggestion struct {
	Criterion string `json:"criterion"`
	Text      string `json:"text"`
	Quote     string `json:"quote"`
	Improved  string `json:"improved"`
}

// feedbackWords are the sentences of feedback in one language.
type feedbackWords struct{ clear, kept, whole, ask string }

func feedbackForm(language string) feedbackWords {
	switch language {
	case "zh-Hans":
		return feedbackWords{
			clear: "您说得清楚，对方马上知道您想要什么。", kept: "您一直参与对话，没有让对方久等。",
			whole: "请说完整的句子，开头大写，结尾加上标点。", ask: "最后可以加一个问题，让对方说说他的看法。",
		}
	case "zh-Hant":
		return feedbackWords{
			clear: "您說得清楚，對方馬上知道您想要什麼。", kept: "您一直參與對話，沒有讓對方久等。",
			whole: "請說完整的句子，開頭大寫，結尾加上標點。", ask: "最後可以加一個問題，讓對方說說他的看法。",
		}
	default:
		return feedbackWords{
			clear: "You say clearly what you want, so your partner knows at once what it is about.",
			kept:  "You kept the conversation going and did not let your partner wait.",
			whole: "Make a whole sentence of it, with a capital letter at the start and a mark at the end.",
			ask:   "Add a question at the end, so that your partner tells you what they think.",
		}
	}
}

// writeFeedback says what a kind teacher would of any conversation, with quotes of the
// learner's longest, first and last sentence.
func writeFeedback(d feedbackData) feedback {
	form, said, turns := feedbackForm(d.Language), []string{}, 0
	longest := ""
	for _, line := range d.Lines {
		if line.From != "learner" {
			continue
		}
		turns++
		for _, s := range firstSentences(line.Text, "?!。？！\n.") {
			if s = quotable(s); s != "" {
				said = append(said, s)
			}
			if len(s) > len(longest) {
				longest = s
			}
		}
	}
	level := min(4, 2+turns/3)
	out := feedback{Scores: map[string]int{}, Strengths: []feedbackStrength{{form.kept, ""}}, Suggestions: []feedbackSuggestion{}}
	for _, name := range []string{
		"overall_proficiency", "industry_standard", "range_of_language", "accuracy", "discourse_management", "interactive_communication",
	} {
		out.Scores[name] = level
	}
	if len(said) == 0 {
		return out
	}
	out.Strengths = append([]feedbackStrength{{form.clear, longest}}, out.Strengths...)
	out.Suggestions = []feedbackSuggestion{
		{"accuracy", form.whole, said[0], upperFirst(said[0]) + "."},
		{"interactive_communication", form.ask, said[len(said)-1], ""},
	}
	return out
}

// quotable is the beginning of a sentence, up to the end of a word.
func quotable(sentence string) string {
	runes := []rune(sentence)
	if len(runes) <= maxFeedbackQuote {
		return sentence
	}
	cut := string(runes[:maxFeedbackQuote])
	if space := strings.LastIndexByte(cut, ' '); space > 0 {
		cut = cut[:space]
	}
	return cut
}
