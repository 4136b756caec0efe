package partner_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// asked is the member of a request that asks for JSON of a schema.
func asked(name, schema string) map[string]any {
	return map[string]any{"response_format": map[string]any{
		"type": "json_schema", "json_schema": map[string]any{"name": name, "strict": true, "schema": json.RawMessage(schema)},
	}}
}

// answerAs asks for JSON and gives the text of the whole answer.
func answerAs(t *testing.T, b *bundle, more map[string]any, data string) string {
	t.Helper()
	res, body := b.do(http.MethodPost, "/v1/chat/completions", chatBody(t, more, system("Answer in JSON."), user(data)))
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	var reply struct {
		Choices []struct{ Message message }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &reply))
	require.True(t, json.Valid([]byte(reply.Choices[0].Message.Content)), reply.Choices[0].Message.Content)
	return reply.Choices[0].Message.Content
}

func TestAnUnknownSchemaIsFilledWithTheLeastThatIsValid(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	for schema, want := range map[string]string{
		`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["a"]}`: `{"a":"text"}`,
		`{"type":"string","minLength":6}`:         `"text.."`,
		`{"type":"string","maxLength":2}`:         `"te"`,
		`{"type":"string","format":"date"}`:       `"2026-01-01"`,
		`{"type":"string","enum":["low","high"]}`: `"low"`,
		`{"const":7}`:                                                       `7`,
		`{"type":"integer","minimum":2.5}`:                                  `3`,
		`{"type":"integer","minimum":1,"maximum":9}`:                        `1`,
		`{"type":"number","minimum":0.5}`:                                   `0.5`,
		`{"type":"integer","exclusiveMinimum":3}`:                           `4`,
		`{"type":"integer","maximum":-2}`:                                   `-2`,
		`{"type":"integer","minimum":11,"multipleOf":5}`:                    `15`,
		`{"type":["string","null"]}`:                                        `"text"`,
		`{"type":"null"}`:                                                   `null`,
		`{"type":"boolean"}`:                                                `false`,
		`{"anyOf":[{"type":"integer"},{"type":"string"}]}`:                  `0`,
		`{"type":"array","items":{"type":"integer"}}`:                       `[]`,
		`{"type":"array","minItems":2,"items":{"enum":["x"]}}`:              `["x","x"]`,
		`{"properties":{"x":true},"required":["x"]}`:                        `{"x":null}`,
		`{"$ref":"#/$defs/p","$defs":{"p":{"type":"boolean"}}}`:             `false`,
		`{"$ref":"#/definitions/p","definitions":{"p":{"type":"boolean"}}}`: `false`,
		`{"type":"object","properties":{"list":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/p"}}},"required":["list"],` +
			`"$defs":{"p":{"type":"object","properties":{"n":{"type":"number","minimum":20}},"required":["n"]}}}`: `{"list":[{"n":20}]}`,
	} {
		require.JSONEq(t, want, answerAs(t, b, asked("anything", schema), "Hello"), schema)
	}
	require.JSONEq(t, `{}`, answerAs(t, b, map[string]any{"response_format": map[string]any{"type": "json_object"}}, "Hello"))
	require.NotEqual(t, "{", say(t, b.server, user("Hello"))[:1], "nobody else is answered in JSON")
}

func TestASchemaWithoutEndIsFilledToABound(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	for _, schema := range []string{
		`{"type":"object","properties":{"x":{"$ref":"#"}},"required":["x"]}`,
		`{"$ref":"#/$defs/p","$defs":{"p":{"$ref":"#/$defs/p"}}}`,
		`{"$ref":"https://elsewhere"}`,
		`{"type":"array","minItems":1000000,"items":{"type":"array","minItems":1000000,"items":{"$ref":"#"}}}`,
		`{"type":"string","minLength":1000000000}`,
	} {
		require.Less(t, len(answerAs(t, b, asked("anything", schema), "Hello")), 64<<10, schema)
	}
}

func TestAFormatThatIsNotUnderstoodIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	for _, format := range []string{`{"type":"xml"}`, `{"type":"json_schema"}`, `{"type":"json_schema","json_schema":{"name":"x"}}`, `{"type":"json_schema","json_schema":{"schema":{}}}`, `{}`} {
		res, body := b.do(http.MethodPost, "/v1/chat/completions", chatBody(t, map[string]any{"response_format": json.RawMessage(format)}, user("Hello")))
		require.Equal(t, http.StatusBadRequest, res.StatusCode, format)
		require.Contains(t, body, `"param":"response_format"`)
	}
	require.NotEmpty(t, say(t, b.server, user("Hello")))
	res, _ := b.do(http.MethodPost, "/v1/chat/completions", chatBody(t, map[string]any{"response_format": map[string]string{"type": "text"}}, user("Hello")))
	require.Equal(t, http.StatusOK, res.StatusCode)
}

func TestJSONIsStreamedToo(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	more := asked("custom_role", roleSchema)
	whole := answerAs(t, b, more, receptionist)
	more["stream"] = true
	raw, err := io.ReadAll(b.open(more, system("Answer in JSON."), user(receptionist)).Body)
	require.NoError(t, err)
	require.Equal(t, whole, deltas(t, string(raw)))

	b.server.Script(partner.Step{Text: "no JSON at all"})
	require.Equal(t, "no JSON at all", say(t, b.server, user("Hello")), "a script is word for word")
	b.server.Script(partner.Step{Text: `{"keywords":`})
	_, body := b.do(http.MethodPost, "/v1/chat/completions", chatBody(t, asked("custom_role", roleSchema), user(receptionist)))
	require.Contains(t, body, `{\"keywords\":`)
}

const (
	roleSchema = `{"type":"object","properties":{"description":{"type":"string"},"keywords":{"type":"array","items":{"type":"string"},"minItems":5}},` +
		`"required":["description","keywords"],"additionalProperties":false}`
	receptionist = `{"title":"Hotel Receptionist","description":"I welcome guests at the front desk and my job is to check them in. I am responsible for reservations.","industry":"Hotels","language":"en"}`
)

type roleAnswer struct {
	Description string
	Keywords    []string
}

func writeRole(t *testing.T, b *bundle, title, description, language string) roleAnswer {
	t.Helper()
	data, err := json.Marshal(map[string]string{"title": title, "description": description, "industry": "Hotels", "language": language})
	require.NoError(t, err)
	var r roleAnswer
	require.NoError(t, json.Unmarshal([]byte(answerAs(t, b, asked("custom_role", roleSchema), string(data))), &r))
	require.GreaterOrEqual(t, len(r.Keywords), 5)
	require.LessOrEqual(t, len(r.Keywords), 8)
	require.LessOrEqual(t, utf8.RuneCountInString(r.Description), 600)
	return r
}

func TestARoleIsToldInTheThirdPerson(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	for _, c := range []struct{ title, description, language, want string }{
		{"Hotel Receptionist", "I welcome guests at the front desk and my job is to check them in. I'm responsible for our reservations!", "en",
			"As a Hotel Receptionist, they welcome guests at the front desk and their job is to check them in. They are responsible for their reservations."},
		{"accountant", "Responsible for the ledger. Checking invoices", "en", "As an accountant, they are responsible for the ledger. Their work is checking invoices."},
		{"", "we ship 2.5 tons to the US, and I was asked to lead it", "en", "In this role, they ship 2.5 tons to the US, and they were asked to lead it."},
		{"Cook", "", "en", "As a Cook, they talk to business partners in English."},
		{"前台", "我负责前台接待，我的工作是办理入住。我们每天接待客人。", "zh-Hans", "该员工负责前台接待，其工作是办理入住。其团队每天接待客人。"},
		{"會計", "負責做帳和報稅", "zh-Hant", "該員工擔任會計，負責做帳和報稅。"},
		{"会计", "我做账", "en", "该员工做账。"},
		{"Chef", "One. Two. Three. Four.", "en", "As a Chef, this is what they do: one. Two. Three."},
	} {
		require.Equal(t, c.want, writeRole(t, b, c.title, c.description, c.language).Description)
	}
	long := writeRole(t, b, "Clerk", strings.Repeat("I file documents and ", 100), "en")
	require.True(t, strings.HasSuffix(long.Description, "…"), long.Description)
}

func TestKeywordsAreOfTheTextInItsLanguage(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	for _, c := range []struct {
		title, description, language string
		want                         []string
	}{
		{"Hotel Receptionist", "I welcome guests at the front desk, take reservations by phone and help with the luggage.", "en", []string{"guests", "front desk", "reservations", "luggage"}},
		{"前台", "我负责前台接待，办理入住和行李寄存。", "zh-Hans", []string{"前台接待", "办理入住", "行李"}},
		{"會計", "我負責公司的應收賬款和報稅", "zh-Hant", []string{"應收賬款", "報稅"}},
		{"Cook", "I cook", "en", []string{"cook", "hotels"}},
		{"", "", "zh-Hant", nil},
	} {
		got := writeRole(t, b, c.title, c.description, c.language).Keywords
		require.Subset(t, got, c.want, c.description)
		if c.language != "en" {
			require.NotRegexp(t, "[a-z]", strings.Join(got[:len(c.want)], ""))
		}
		for i, k := range got {
			require.NotContains(t, got[i+1:], k, "each once")
		}
	}
}

const planSchema = `{"type":"object","properties":{"summary":{"type":"string"}},"required":["summary"]}`

// planFor is the data of a plan with so many partners of two situations each.
func planFor(language string, partners int) string {
	var list []string
	for i := range partners {
		list = append(list, fmt.Sprintf(`{"id":"p%d","name":"Partner %c","situations":[{"id":"s1","name":"Meetings"},{"id":"s2","name":"Phone calls"}]}`, i, 'A'+i))
	}
	return fmt.Sprintf(`{"language":%q,"industry":{"id":"hotels","name":"Hotels"},"role":{"title":"Night Auditor","description":"x"},"partners":[%s]}`,
		language, strings.Join(list, ","))
}

func TestALearningPlanIsWholeAndOfTheLearner(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	for language, letters := range map[string]string{"en": "[a-z]{4}", "zh-Hans": "练习.*对话", "zh-Hant": "練習.*對話"} {
		for partners, conversations := range map[int]int{1: 5, 2: 5, 3: 6, 8: 10} {
			text := answerAs(t, b, asked("learning_plan", planSchema), planFor(language, partners))
			requirePlan(t, text, conversations)
			require.Regexp(t, letters, text)
			require.Regexp(t, "(?i)night auditor", text)
			require.Contains(t, strings.ToLower(text), "hotels")
			require.NotContains(t, text, "{role}")
			require.NotRegexp(t, regexp.MustCompile(`\{[a-z]+\}`), text, "every name is put in")
			require.Equal(t, text, answerAs(t, b, asked("learning_plan", planSchema), planFor(language, partners)))
		}
	}
	golden(t, "plan.json", answerAs(t, b, asked("learning_plan", planSchema), planFor("en", 2))+"\n"+
		answerAs(t, b, asked("learning_plan", planSchema), planFor("zh-Hans", 1))+"\n"+
		answerAs(t, b, asked("learning_plan", planSchema), planFor("zh-Hant", 1))+"\n")
	requirePlan(t, answerAs(t, b, asked("learning_plan", planSchema), `{"language":"en"}`), 0)
	require.JSONEq(t, `{"summary":"text"}`, answerAs(t, b, asked("learning_plan", planSchema), "no data"))
}

// requirePlan checks everything about a plan that a schema can say.
func requirePlan(t *testing.T, text string, conversations int) {
	t.Helper()
	var plan struct {
		Summary    string
		Milestones []struct {
			Title, Description string
			Weeks              int
		}
		WeeklySchedule []struct {
			Day, Activity string
			Minutes       int
		} `json:"weekly_schedule"`
		Conversations []struct {
			Partner   string `json:"partner_id"`
			Situation string `json:"situation_id"`
			Goal      string
		}
		Resources []struct{ Title, Kind, Description string }
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&plan))
	require.NotEmpty(t, plan.Summary)
	require.Len(t, plan.Milestones, 3)
	for _, m := range plan.Milestones {
		require.NotEmpty(t, m.Title)
		require.NotEmpty(t, m.Description)
		require.Positive(t, m.Weeks)
	}
	require.Len(t, plan.WeeklySchedule, 5)
	for i, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday"} {
		require.Equal(t, day, plan.WeeklySchedule[i].Day)
		require.GreaterOrEqual(t, plan.WeeklySchedule[i].Minutes, 20)
		require.LessOrEqual(t, plan.WeeklySchedule[i].Minutes, 30)
		require.NotEmpty(t, plan.WeeklySchedule[i].Activity)
	}
	require.Len(t, plan.Conversations, conversations)
	goals := map[string]bool{}
	for _, c := range plan.Conversations {
		require.Regexp(t, "^p[0-9]$", c.Partner)
		require.Regexp(t, "^s[12]$", c.Situation)
		require.False(t, goals[c.Goal], "a goal comes once: %s", c.Goal)
		goals[c.Goal] = true
	}
	if conversations > 0 {
		require.Equal(t, "p0s1p0s2", plan.Conversations[0].Partner+plan.Conversations[0].Situation+plan.Conversations[1].Partner+plan.Conversations[1].Situation)
	}
	require.Len(t, plan.Resources, 4)
	for _, r := range plan.Resources {
		require.Contains(t, []string{"article", "book", "exercise", "podcast", "video"}, r.Kind)
		require.NotEmpty(t, r.Title+r.Description)
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("custom_role", roleSchema, receptionist)
	f.Add("learning_plan", planSchema, planFor("zh-Hans", 2))
	f.Add("x", `{"type":["integer"],"minimum":1e308,"multipleOf":1e-308}`, "")
	server := partner.New(partner.Config{})
	f.Fuzz(func(t *testing.T, name, schema, data string) {
		if !json.Valid([]byte(schema)) || strings.TrimSpace(schema)[0] != '{' || name == "" {
			return
		}
		body := chatBody(t, asked(name, schema), user(data))
		if res := serveChat(t, server, body); res.Code == http.StatusOK {
			var reply struct {
				Choices []struct{ Message message }
			}
			require.NoError(t, json.Unmarshal(res.Body.Bytes(), &reply))
			require.True(t, json.Valid([]byte(reply.Choices[0].Message.Content)))
		}
	})
}
