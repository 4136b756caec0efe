package learning

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"text/template"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// Background is what feedback may know of a learner; what was not chosen yet is empty.
type Background struct {
	Language string // en, zh-Hans or zh-Hant; another one counts as en
	Industry string // its name
	Role     RoleProfile
}

// Backgrounds reads what is known of a learner, however little.
type Backgrounds interface {
	Background(ctx context.Context, user uuid.UUID) (Background, error)
}

// material is what the model gets to read, as the strings of one JSON object.
type material struct {
	Language  string      `json:"language"`
	Industry  string      `json:"industry"`
	Role      RoleProfile `json:"role"`
	Partner   string      `json:"partner"`
	Situation string      `json:"situation"`
	Lines     []said      `json:"lines"`
}

// materialOf puts together what is looked at, all of it within bounds.
func materialOf(b Background, h heard) material {
	if _, ok := languageNames[b.Language]; !ok {
		b.Language = english
	}
	return material{
		Language: b.Language, Industry: upTo(b.Industry, maxRoleTitle),
		Role:    RoleProfile{upTo(b.Role.Title, maxRoleTitle), upTo(b.Role.Description, maxRoleDescription)},
		Partner: h.Partner, Situation: h.Situation, Lines: h.lines,
	}
}

var (
	//go:embed feedback.tmpl
	feedbackPromptText string
	//go:embed feedback_schema.json
	feedbackSchema json.RawMessage
)

// feedbackTemplate needs no escaping: nothing of a learner's goes into it.
var feedbackTemplate = template.Must(template.New("feedback").Parse(feedbackPromptText))

// request asks for feedback. What anybody has said or entered is in the user message
// alone.
func (m material) request(user uuid.UUID) (llm.Request, error) {
	var system bytes.Buffer
	err := feedbackTemplate.Execute(&system, map[string]any{
		"Language": languageNames[m.Language], "MaxScore": maxScore, "MaxStrengths": maxStrengths, "MaxSuggestions": maxSuggestions,
		"MaxQuote": maxQuote, "MaxText": maxText,
	})
	if err != nil {
		return llm.Request{}, fmt.Errorf("prompt: %w", err)
	}
	data, err := json.Marshal(m)
	if err != nil {
		return llm.Request{}, fmt.Errorf("prompt: %w", err)
	}
	return llm.Request{
		Messages: []llm.Message{{Role: "system", Content: system.String()}, {Role: "user", Content: visible(string(data))}},
		Schema:   &llm.Schema{Name: FeedbackKind, JSON: feedbackSchema}, MaxTokens: maxAnswerTokens, Temperature: temperature, User: user.String(),
	}, nil
}

// checked judges drafts of feedback on this material.
func (m material) checked(r *remarks) violations {
	r.tidy()
	return r.check(m.Language, m.Lines)
}
