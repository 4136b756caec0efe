package partner

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// Bounds on what a schema can make us write.
const (
	maxFillDepth = 24
	maxFillItems = 64   // of one list
	maxFillText  = 4096 // characters of one text
	maxFillNodes = 4096 // values in all
)

// schema is what is read of a JSON schema: the subset that providers take for
// structured outputs, and a little more.
type schema struct {
	Ref         string             `json:"$ref"`
	Defs        map[string]*schema `json:"$defs"`
	Definitions map[string]*schema `json:"definitions"` // their older name
	Type        typeNames          `json:"type"`
	Enum        []json.RawMessage  `json:"enum"`
	Const       json.RawMessage    `json:"const"`
	AnyOf       []*schema          `json:"anyOf"`
	OneOf       []*schema          `json:"oneOf"`
	AllOf       []*schema          `json:"allOf"`
	Properties  map[string]*schema `json:"properties"`
	Required    []string           `json:"required"`
	Items       *schema            `json:"items"`
	MinItems    int                `json:"minItems"`
	MinLength   int                `json:"minLength"`
	MaxLength   *int               `json:"maxLength"`
	Format      string             `json:"format"`
	Minimum     *float64           `json:"minimum"`
	Above       *float64           `json:"exclusiveMinimum"`
	Maximum     *float64           `json:"maximum"`
	MultipleOf  float64            `json:"multipleOf"`
}

// UnmarshalJSON takes true and false as schemas too; both then ask for nothing.
func (s *schema) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && (raw[0] == 't' || raw[0] == 'f') {
		return nil
	}
	type plain schema
	return json.Unmarshal(raw, (*plain)(s))
}

// typeNames is one name or a list of them.
type typeNames []string

// UnmarshalJSON takes both forms.
func (n *typeNames) UnmarshalJSON(raw []byte) error {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		*n = typeNames{name}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(n))
}

// filler makes one value for a schema.
type filler struct {
	root  *schema
	nodes int
}

// least is the smallest value that the schema allows, as far as it is read.
func (s *schema) least() any { return (&filler{root: s}).fill(s, 0) }

func (f *filler) fill(s *schema, depth int) any {
	if f.nodes++; s == nil || depth > maxFillDepth || f.nodes > maxFillNodes {
		return nil
	}
	switch {
	case s.Ref != "":
		return f.fill(f.find(s.Ref), depth+1)
	case s.Const != nil:
		return s.Const
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	for _, choices := range [][]*schema{s.AnyOf, s.OneOf, s.AllOf} {
		if len(choices) > 0 {
			return f.fill(choices[0], depth+1)
		}
	}
	switch s.kind() {
	case "object":
		return f.object(s, depth)
	case "array":
		list := []any{}
		for range min(s.MinItems, maxFillItems) {
			list = append(list, f.fill(s.Items, depth+1))
		}
		return list
	case "string":
		return s.text()
	case "integer", "number":
		return s.number()
	case "boolean":
		return false
	default:
		return nil
	}
}

// kind is the first type named, or the one that the other words imply.
func (s *schema) kind() string {
	switch {
	case len(s.Type) > 0:
		return s.Type[0]
	case s.Properties != nil:
		return "object"
	case s.Items != nil:
		return "array"
	default:
		return ""
	}
}

// find follows a reference within the schema.
func (f *filler) find(ref string) *schema {
	name := ref[strings.LastIndex(ref, "/")+1:]
	switch {
	case ref == "#":
		return f.root
	case strings.HasPrefix(ref, "#/$defs/"):
		return f.root.Defs[name]
	case strings.HasPrefix(ref, "#/definitions/"):
		return f.root.Definitions[name]
	default:
		return nil
	}
}

func (f *filler) object(s *schema, depth int) map[string]any {
	out := map[string]any{}
	for _, name := range s.Required {
		out[name] = f.fill(s.Properties[name], depth+1)
	}
	return out
}

func (s *schema) text() string {
	known := map[string]string{
		"date": "2026-01-01", "date-time": "2026-01-01T00:00:00Z", "time": "00:00:00Z", "duration": "P1D", "email": "name@example.com",
		"uri": "https://example.com", "hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
		"uuid": "00000000-0000-4000-8000-000000000000",
	}
	if text, ok := known[s.Format]; ok {
		return text
	}
	text := "text"
	if short := min(s.MinLength, maxFillText) - len(text); short > 0 {
		text += strings.Repeat(".", short)
	}
	if s.MaxLength != nil && *s.MaxLength >= 0 {
		text = text[:min(len(text), *s.MaxLength)]
	}
	return text
}

// number is 0, or what the bounds allow that is nearest above.
func (s *schema) number() float64 {
	step := s.MultipleOf
	whole := slices.Contains(s.Type, "integer")
	if step <= 0 && whole {
		step = 1
	}
	x := 0.0
	switch {
	case s.Minimum != nil:
		x = *s.Minimum
	case s.Above != nil:
		x = *s.Above
	case s.Maximum != nil:
		x = min(x, *s.Maximum)
	}
	if step > 0 {
		x = math.Ceil(x/step) * step
		if s.Maximum != nil && x > *s.Maximum {
			x = math.Floor(*s.Maximum/step) * step
		}
	}
	if s.Above != nil && x <= *s.Above {
		x += max(step, math.Abs(x)*1e-9, 1e-9)
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}
