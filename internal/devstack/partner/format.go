package partner

import "encoding/json"

// Names of the schemas that are filled with more than the least that is valid.
const (
	schemaRole = "custom_role"
	schemaPlan = "learning_plan"
	schemaTalk = "conversation_feedback"
)

// format is what shape an answer shall have. Reference:
// https://platform.openai.com/docs/guides/structured-outputs
type format struct {
	Type       string `json:"type"` // text, json_object or json_schema
	JSONSchema *struct {
		Name   string  `json:"name"`
		Schema *schema `json:"schema"`
	} `json:"json_schema"`
}

func (f *format) understood() bool {
	switch f.Type {
	case "text", "json_object":
		return true
	case "json_schema":
		return f.JSONSchema != nil && f.JSONSchema.Name != "" && f.JSONSchema.Schema != nil
	default:
		return false
	}
}

// compose says what the request asks for: something in role, or JSON.
func (s *Server) compose(req *chatRequest) string {
	f := req.ResponseFormat
	switch {
	case f == nil || f.Type == "text":
		return s.cast.answer(req.turns())
	case f.Type == "json_object":
		return "{}"
	}
	data := []byte(req.lastOfUser())
	switch f.JSONSchema.Name {
	case schemaRole:
		var d roleData
		if json.Unmarshal(data, &d) == nil {
			return marshal(writeRole(s.thesaurus(), d))
		}
	case schemaPlan:
		var d planData
		if json.Unmarshal(data, &d) == nil {
			return marshal(writePlan(d))
		}
	case schemaTalk:
		var d feedbackData
		if json.Unmarshal(data, &d) == nil {
			return marshal(writeFeedback(d))
		}
	}
	return marshal(f.JSONSchema.Schema.least())
}

func (r *chatRequest) lastOfUser() string {
	for i := len(r.Messages) - 1; i >= 0; i-- {
		if r.Messages[i].Role == "user" {
			return string(r.Messages[i].Content)
		}
	}
	return ""
}

func marshal(v any) string {
	raw, _ := json.Marshal(v) // made of strings, numbers, lists and maps, which always marshal
	return string(raw)
}

// named is a name on its own or in an object beside an id.
type named string

// UnmarshalJSON takes both forms.
func (n *named) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*n = named(text)
		return nil
	}
	var object struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return err
	}
	*n = named(object.Name)
	return nil
}
