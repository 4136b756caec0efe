package learning

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf16"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// What an answer may use of the model. Reasoning counts as well, with models that do.
const (
	maxAnswerTokens = 6000
	temperature     = 0.4
)

// What a repair says again, in characters and in rules.
const (
	maxAnswerBack     = 16_000
	maxViolationsBack = 20
)

var (
	//go:embed prompt.tmpl
	promptText string

	// schemaText keeps to the words that every provider of constrained answers
	// knows; the bounds that they may refuse are in its descriptions, and checked.
	//go:embed schema.json
	schemaText string
)

// promptTemplate needs no escaping: nothing of a learner's goes into it.
var promptTemplate = template.Must(template.New("prompt").Parse(promptText))

// request asks for a plan. What a learner has entered is in the user message
// alone, as the strings of one JSON object.
func request(user uuid.UUID, p Profile) (llm.Request, error) {
	var system bytes.Buffer
	err := promptTemplate.Execute(&system, map[string]any{
		"Language": languageNames[p.Language], "Milestones": milestones, "MaxWeeks": maxWeeks,
		"MinDays": minDays, "MaxDays": maxDays, "MinMinutes": minMinutes, "MaxMinutes": maxMinutes,
		"MinConversations": minConversations, "MaxConversations": maxConversations,
		"MinResources": minResources, "MaxResources": maxResources, "MaxTitle": maxTitle, "MaxText": maxText,
	})
	if err != nil {
		return llm.Request{}, fmt.Errorf("prompt: %w", err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		return llm.Request{}, fmt.Errorf("prompt: %w", err)
	}
	schema, err := schemaOf(p)
	if err != nil {
		return llm.Request{}, err
	}
	return llm.Request{
		Messages: []llm.Message{{Role: "system", Content: system.String()}, {Role: "user", Content: visible(string(data))}},
		Schema:   &llm.Schema{Name: "learning_plan", JSON: schema}, MaxTokens: maxAnswerTokens, Temperature: temperature, User: user.String(),
	}, nil
}

// schemaOf lets the model choose among the learner's own partners and situations.
// That a situation is one of the partner's cannot be said in it, and is checked.
func schemaOf(p Profile) (json.RawMessage, error) {
	var partners, situations []string
	for _, partner := range p.Partners {
		partners = append(partners, partner.ID)
		for _, s := range partner.Situations {
			if !slices.Contains(situations, s.ID) {
				situations = append(situations, s.ID)
			}
		}
	}
	partnerIDs, err := json.Marshal(partners)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	situationIDs, err := json.Marshal(situations)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return json.RawMessage(strings.NewReplacer(
		`["the learner's partners"]`, string(partnerIDs), `["the learner's situations"]`, string(situationIDs),
	).Replace(schemaText)), nil
}

// visible writes what cannot be seen in a JSON text as JSON escapes, which say the
// same: a reader of the request sees what the model does.
func visible(text string) string {
	var out strings.Builder
	for _, r := range text {
		if unicode.IsGraphic(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

// repair asks once more for the named whole, with the answer and what is wrong with it.
func repair(req llm.Request, name, answer string, wrong violations) llm.Request {
	left := len(wrong) - maxViolationsBack
	list := "- " + strings.Join(wrong[:min(len(wrong), maxViolationsBack)], "\n- ")
	if left > 0 {
		list += fmt.Sprintf("\n- and %d more of this kind", left)
	}
	req.Messages = append(slices.Clone(req.Messages),
		llm.Message{Role: "assistant", Content: upTo(answer, maxAnswerBack)},
		llm.Message{Role: "user", Content: "The check of your answer found:\n" + list +
			"\n\nGive the whole " + name + " again as one JSON object of the schema, with this put right."},
	)
	return req
}
