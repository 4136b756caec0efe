package catalogue

import "strings"

// Clues from which on a reason is given.
const (
	sameTitle = 0.95
	near      = 0.9 // beside the nearest role
)

// reasonTexts are the sentences by language; %s stands for words of the learner. They
// do not change.
var reasonTexts = map[string]struct{ title, words, meaning, between, end string }{
	"en":      {"Your job title is a name of this role.", "Your words fit this role: ", "Your description is close to this role in meaning.", ", ", "."},
	"zh-Hans": {"您的职位名称与该角色一致。", "您的描述中有符合该角色的词语：", "您的描述与该角色含义相近。", "、", "。"},
	"zh-Hant": {"您的職稱與此角色一致。", "您的描述中有符合此角色的詞語：", "您的描述與此角色含義相近。", "、", "。"},
}

// reasons say in the learner's language why a role may be meant.
func (c candidate) reasons(language string) []string {
	t, ok := reasonTexts[language]
	if !ok {
		t = reasonTexts["en"]
	}
	all := []string{}
	if c.clues.Title >= sameTitle {
		all = append(all, t.title)
	}
	if len(c.shared) > 0 {
		all = append(all, t.words+strings.Join(c.shared, t.between)+t.end)
	}
	if c.clues.Closeness > 0 && c.clues.Nearness >= near || len(all) == 0 {
		all = append(all, t.meaning)
	}
	return all
}
