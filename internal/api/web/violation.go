package web

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// maxFields bounds the errors of one problem, and maxPointer the length of a
// pointer, since it may be made of names that the client chose.
const (
	maxFields  = 20
	maxPointer = 256
)

// Codes of rules that more than one place here gives.
const (
	codeRequired      = "required"
	codeUnknownField  = "unknown_field"
	codeWrongType     = "wrong_type"
	codeTooSmall      = "too_small"
	codeTooLarge      = "too_large"
	codeNotAllowed    = "not_allowed"
	codeWrongFormat   = "wrong_format"
	codeTooManyValues = "too_many_values"
)

// pointer joins path to a JSON pointer (RFC 6901); one that would be too long
// ends at the last part that fits.
func pointer(path []string) string {
	var b strings.Builder
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, key := range path {
		if b.Len()+len(key) >= maxPointer {
			break
		}
		b.WriteByte('/')
		_, _ = escape.WriteString(&b, key) // a Builder takes everything
	}
	return b.String()
}

// invalid makes the fault of a request that does not match the contract.
func invalid(fields []fault.Field) *fault.Error {
	message := "One field is not valid."
	switch n := len(fields); {
	case n > maxFields:
		message = fmt.Sprintf("More than %d fields are not valid; the first are named.", maxFields)
		fields = fields[:maxFields]
	case n > 1:
		message = fmt.Sprintf("%d fields are not valid.", n)
	}
	return fault.New(fault.Malformed, "request.invalid", message).WithFields(fields...)
}

// violations lists the rules that a value breaks, one more than can be shown at
// most. It is made from the schema alone: kin's own messages hold the value.
func violations(err error) []fault.Field {
	return appendViolations(nil, err)
}

func appendViolations(fields []fault.Field, err error) []fault.Field {
	if len(fields) > maxFields {
		return fields
	}
	var broken *openapi3.SchemaError
	switch e := err.(type) { //nolint:errorlint // only the outermost: what a SchemaError wraps is told below, where it matters
	case openapi3.MultiError:
		for _, one := range e {
			fields = appendViolations(fields, one)
		}
		return fields
	case *openapi3.SchemaError:
		broken = e
	default:
		return append(fields, fault.Field{Code: "invalid", Detail: "Must match the contract."})
	}
	var all openapi3.MultiError
	if broken.SchemaField == "allOf" && errors.As(errors.Unwrap(broken.Origin), &all) {
		return appendViolations(fields, all)
	}
	return append(fields, violation(broken))
}

func violation(e *openapi3.SchemaError) fault.Field {
	path := e.JSONPointer()
	if e.SchemaField == "properties" {
		path = append(path, unknownName(e.Reason))
	}
	code, detail := rule(e.SchemaField, e.Schema)
	return fault.Field{Pointer: pointer(path), Code: code, Detail: detail}
}

// unknownName takes the member's name out of kin's reason, the only place where
// it is: property "x" is unsupported.
func unknownName(reason string) string {
	quoted := strings.TrimSuffix(strings.TrimPrefix(reason, "property "), " is unsupported")
	name, err := strconv.Unquote(quoted)
	if err != nil {
		return ""
	}
	return name
}

// rule puts one keyword of a schema into a code and words.
func rule(keyword string, s *openapi3.Schema) (code, detail string) {
	switch keyword {
	case "required":
		return codeRequired, "Is required."
	case "properties":
		return codeUnknownField, "Is not a known field."
	case "type":
		return codeWrongType, "Must be " + typeNames(s) + "."
	case "nullable":
		return codeWrongType, "Must not be null."
	case "minLength":
		return "too_short", "Must have at least " + count(s.MinLength, "character") + "."
	case "maxLength":
		return "too_long", "Must have at most " + count(*s.MaxLength, "character") + "."
	case "minItems":
		return "too_few", "Must have at least " + count(s.MinItems, "entry") + "."
	case "maxItems":
		return "too_many", "Must have at most " + count(*s.MaxItems, "entry") + "."
	case "minProperties":
		return "too_few", "Must have at least " + count(s.MinProps, "member") + "."
	case "maxProperties":
		return "too_many", "Must have at most " + count(*s.MaxProps, "member") + "."
	case "uniqueItems":
		return "not_unique", "Must not hold the same entry twice."
	case "pattern":
		return codeWrongFormat, "Must match the pattern " + s.Pattern + "."
	case "format":
		return codeWrongFormat, "Must be " + formatName(s.Format) + "."
	case "enum":
		return codeNotAllowed, "Must be " + choices(s.Enum) + "."
	default:
		return numberRule(keyword, s)
	}
}

func numberRule(keyword string, s *openapi3.Schema) (code, detail string) {
	switch keyword {
	case "minimum":
		return codeTooSmall, "Must be at least " + number(*s.Min) + "."
	case "maximum":
		return codeTooLarge, "Must be at most " + number(*s.Max) + "."
	case "exclusiveMinimum":
		return codeTooSmall, "Must be more than " + bound(s.ExclusiveMin) + "."
	case "exclusiveMaximum":
		return codeTooLarge, "Must be less than " + bound(s.ExclusiveMax) + "."
	case "multipleOf":
		return codeNotAllowed, "Must be a multiple of " + number(*s.MultipleOf) + "."
	default: // oneOf, anyOf, not, discriminator, a schema that is false
		return codeNotAllowed, "Must have a form that the contract allows."
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func bound(b openapi3.ExclusiveBound) string {
	if b.Value == nil {
		return "the bound"
	}
	return number(*b.Value)
}

func count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func typeNames(s *openapi3.Schema) string {
	types := slices.Clone(s.Type.Slice())
	if s.Nullable {
		types = append(types, openapi3.TypeNull)
	}
	for i, name := range types {
		switch name {
		case openapi3.TypeArray, openapi3.TypeObject, openapi3.TypeInteger:
			types[i] = "an " + name
		case openapi3.TypeNull:
		default:
			types[i] = "a " + name
		}
	}
	return strings.Join(slices.Compact(types), " or ")
}

// choices names the allowed values, if they are few enough to read.
func choices(values []any) string {
	if len(values) > maxFields {
		return "one of the values in the contract"
	}
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = fmt.Sprint(v)
	}
	if len(names) == 1 {
		return names[0]
	}
	return "one of " + strings.Join(names, ", ")
}
