package conversation

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf16"

	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// What a reply may use of the model: tokens, and bytes of the learner's facts,
// of which the newest turns must not be crowded out.
const (
	maxReplyTokens  = 600
	maxWindowTokens = 6000
	maxFactBytes    = 6 << 10
	temperature     = 0.7
)

// factsCut stands after facts that are too long.
const factsCut = "\n(the rest is left out)"

//go:embed prompt.tmpl
var promptText string

// promptTemplate is filled for each reply. It needs no escaping of its own: all
// that a learner has entered comes as Facts, which data has made harmless.
var promptTemplate = template.Must(template.New("prompt").Parse(promptText))

// facts is everything a learner has said about themselves and this
// conversation: data for the model, never instructions.
type facts struct {
	Learner              Learner        `json:"learner"`
	Title                string         `json:"conversation_title"`
	UserPreferences      map[string]any `json:"user_preferences,omitempty"`
	ConversationSettings map[string]any `json:"conversation_settings,omitempty"`
	DomainContext        map[string]any `json:"domain_context,omitempty"`
}

// prompt makes the request that a reply answers: who the partner is and what
// the situation wants, the learner's facts as data, then the newest messages
// that fit, oldest first.
func (s *Service) prompt(ctx context.Context, reply Message) (llm.Request, error) {
	head, err := s.store.head(ctx, reply.ConversationID)
	if err != nil {
		return llm.Request{}, err
	}
	scene, err := s.scenes.Scene(head.PartnerID, head.SituationID)
	if err != nil {
		return llm.Request{}, err
	}
	learner, err := s.learners.Learner(ctx, head.UserID)
	if err != nil {
		return llm.Request{}, err
	}
	turns, err := s.store.window(ctx, head.ID, reply.Seq)
	if err != nil {
		return llm.Request{}, err
	}
	system, err := systemPrompt(scene, facts{
		Learner: learner, Title: head.Title, UserPreferences: head.Context.UserPreferences,
		ConversationSettings: head.Context.ConversationSettings, DomainContext: head.Context.DomainContext,
	})
	if err != nil {
		return llm.Request{}, err
	}
	return llm.Request{
		Messages: window(system, turns), MaxTokens: maxReplyTokens, Temperature: temperature, User: head.UserID.String(),
	}, nil
}

func systemPrompt(scene Scene, f facts) (string, error) {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return "", fmt.Errorf("prompt: %w", err)
	}
	var out bytes.Buffer
	if err := promptTemplate.Execute(&out, struct {
		Scene
		Facts string
	}{scene, data(string(text))}); err != nil {
		return "", fmt.Errorf("prompt: %w", err)
	}
	return out.String(), nil
}

// data makes the JSON of what a learner has entered harmless between the lines
// of dashes that enclose it, without changing what it says as JSON. The encoder
// has escaped line breaks, < and > already; here the same is done to the second
// and later dashes of a row, so that the closing line cannot be forged, and to
// what cannot be seen: control characters, marks that turn the direction of
// writing, tags. Dashes in a row and invisible characters stand in strings only.
func data(text string) string {
	var out strings.Builder
	var previous rune
	for _, r := range text {
		dashes := unicode.Is(unicode.Dash, r) && unicode.Is(unicode.Dash, previous)
		if r != '\n' && (dashes || !unicode.IsGraphic(r)) {
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, `\u%04x`, unit)
			}
		} else {
			out.WriteRune(r)
		}
		previous = r
		if out.Len() > maxFactBytes {
			return upTo(out.String(), maxFactBytes) + factsCut
		}
	}
	return out.String()
}

// window keeps the system prompt, then the newest turns that fit, given newest
// first. The latest turn is always there. A token is a byte at least, so that tokens
// are counted only where bytes would not fit.
func window(system string, newest []turn) []llm.Message {
	most, weigh := len(system), func(text string) int { return len(text) }
	for _, t := range newest {
		most += len(t.Content)
	}
	if most > maxWindowTokens {
		weigh = llm.EstimateTokens
	}
	budget := maxWindowTokens - weigh(system)
	messages := []llm.Message{}
	for i, t := range newest {
		budget -= weigh(t.Content)
		if budget < 0 && i > 0 {
			break
		}
		messages = append(messages, llm.Message{Role: t.Role, Content: t.Content})
	}
	messages = append(messages, llm.Message{Role: "system", Content: system})
	slices.Reverse(messages)
	return messages
}
