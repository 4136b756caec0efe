package llm

import (
	"strings"

	"github.com/sashabaranov/go-openai"
)

// protocol puts a request into the provider's terms. Reasoning models take the
// token bound under another name and no temperature; the protocol library
// refuses the older form before it is sent.
func (c Config) protocol(req Request) openai.ChatCompletionRequest {
	out := openai.ChatCompletionRequest{
		Model:         c.Model,
		Messages:      make([]openai.ChatCompletionMessage, len(req.Messages)),
		User:          req.User,
		StreamOptions: &openai.StreamOptions{IncludeUsage: true},
	}
	for i, m := range req.Messages {
		out.Messages[i] = openai.ChatCompletionMessage{Role: m.Role, Content: m.Content}
	}
	if s := req.Schema; s != nil {
		out.ResponseFormat = &openai.ChatCompletionResponseFormat{
			Type:       openai.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{Name: s.Name, Schema: s.JSON, Strict: true},
		}
	}
	if reasons(c.Model) {
		out.MaxCompletionTokens = req.MaxTokens
		return out
	}
	out.MaxTokens = req.MaxTokens //nolint:staticcheck // deprecated by one provider, and the only name that most others know
	out.Temperature = req.Temperature
	return out
}

func reasons(model string) bool {
	for _, family := range []string{"o1", "o3", "o4", "gpt-5", "gpt-6"} {
		if strings.HasPrefix(model, family) {
			return true
		}
	}
	return false
}

// finishReason maps what providers say to the three reasons a Reply may have.
// Whatever else ends a reply (tools are never offered) has simply stopped it.
func finishReason(r openai.FinishReason) string {
	switch r {
	case "", openai.FinishReasonNull:
		return ""
	case openai.FinishReasonLength, openai.FinishReasonContentFilter:
		return string(r)
	default:
		return string(openai.FinishReasonStop)
	}
}
