package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// A Document is one version of the API as its contract says it. It is immutable
// and safe for concurrent use.
type Document struct {
	spec   *openapi3.T
	checks []openapi3.SchemaValidationOption
}

// Load reads a bundled OpenAPI 3.1 document for checking requests against it.
// It refuses a document that is not valid, that refers to other files, or that
// uses a keyword or format which would not be checked: see checkable.
//
// kin compiles a 3.1 schema anew for every request (JSON Schema 2020-12). Its
// check for 3.0 does not, so the schemas of this private copy are rewritten
// until that check means the same; a test holds it against the full one.
func Load(text []byte) (*Document, error) {
	spec, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	err = spec.Validate(context.Background(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaFormatValidation())
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	known := formats()
	err = spec.WalkSchemas(func(at string, ref *openapi3.SchemaRef) error {
		if err := checkable(ref.Value, known); err != nil {
			return fmt.Errorf("read the contract: %s: %w", at, err)
		}
		rewrite(ref.Value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &Document{
		spec:   spec,
		checks: []openapi3.SchemaValidationOption{openapi3.MultiErrors(), formatChecks()},
	}, nil
}

// checkable refuses what the fast check would pass over in silence.
func checkable(s *openapi3.Schema, known map[string]format) error {
	if word := uncheckedKeyword(s); word != "" {
		return fmt.Errorf("%s is not checked: write the rule another way", word)
	}
	for name := range s.Extensions {
		if !strings.HasPrefix(name, "x-") {
			return fmt.Errorf("%s is not a known keyword", name)
		}
	}
	if _, ok := known[s.Format]; s.Format != "" && !ok {
		return fmt.Errorf("the format %s is not known: add it to formats", s.Format)
	}
	composed := len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) > 0
	switch {
	case s.Nullable:
		return errors.New("nullable is a keyword of OpenAPI 3.0: add null to the type")
	case s.Type.IncludesNull() && (composed || s.Not != nil):
		return errors.New("null in type would pass by allOf, anyOf, oneOf and not: use oneOf with a null type")
	case s.Type == nil && s.Not != nil:
		return errors.New("not needs a type beside it, or null would pass by it")
	}
	return nil
}

// uncheckedKeyword names a keyword of JSON Schema 2020-12 that the fast check
// does not look at.
func uncheckedKeyword(s *openapi3.Schema) string {
	for _, k := range []struct {
		name string
		used bool
	}{
		{"if", s.If != nil},
		{"then", s.Then != nil},
		{"else", s.Else != nil},
		{"dependentRequired", len(s.DependentRequired) > 0},
		{"dependentSchemas", len(s.DependentSchemas) > 0},
		{"unevaluatedItems", s.UnevaluatedItems.Has != nil || s.UnevaluatedItems.Schema != nil},
		{"unevaluatedProperties", s.UnevaluatedProperties.Has != nil || s.UnevaluatedProperties.Schema != nil},
		{"patternProperties", len(s.PatternProperties) > 0},
		{"propertyNames", s.PropertyNames != nil},
		{"prefixItems", len(s.PrefixItems) > 0},
		{"contains", s.Contains != nil},
		{"minContains", s.MinContains != nil},
		{"maxContains", s.MaxContains != nil},
		{"$dynamicRef", s.DynamicRef != ""},
		{"contentSchema", s.ContentSchema != nil},
	} {
		if k.used {
			return k.name
		}
	}
	return ""
}

// rewrite makes the check for 3.0 mean what the schema says in 3.1.
func rewrite(s *openapi3.Schema) {
	if s.Const != nil {
		s.Enum, s.Const = []any{s.Const}, nil
	}
	composed := len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) > 0
	if composed && (s.Type != nil || len(s.Enum) > 0) {
		// Once null has passed what is composed, the fast check asks no more.
		s.AllOf = append(s.AllOf, openapi3.NewSchemaRef("", &openapi3.Schema{Type: s.Type, Enum: s.Enum}))
	}
	rewriteNull(s, composed)
	if s.Type.Includes(openapi3.TypeInteger) && !s.Type.Includes(openapi3.TypeNumber) {
		boundInteger(s)
	}
}

// rewriteNull settles null: the fast check lets it through before it looks at
// enum, and refuses it where no type is given.
func rewriteNull(s *openapi3.Schema, composed bool) {
	listed := len(s.Enum) == 0 || slices.Contains(s.Enum, nil)
	switch {
	case s.Type == nil:
		s.Nullable = listed && !composed && s.Always == nil
	case s.Type.IncludesNull():
		rest := slices.DeleteFunc(s.Type.Clone(), func(name string) bool { return name == openapi3.TypeNull })
		if len(rest) > 0 || !listed {
			s.Type, s.Nullable = &rest, listed
		}
	}
}

// The integers that fit into 64 bits, as far as a float64, in which kin compares
// them, can tell: the largest is 2^63 - 1024.
const (
	minInteger = math.MinInt64
	maxInteger = math.MaxInt64 - 1023
)

// boundInteger adds the bounds of the handlers' integers, 64 or 32 bits, to
// those of the schema.
func boundInteger(s *openapi3.Schema) {
	least, most := float64(minInteger), float64(maxInteger)
	if s.Format == "int32" {
		least, most = math.MinInt32, math.MaxInt32
	}
	s.Format = ""
	if s.Min == nil || *s.Min < least {
		s.Min = &least
	}
	if s.Max == nil || *s.Max > most {
		s.Max = &most
	}
}
