package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Bounds of one JSON value. Values are counted so that a small body cannot ask
// for a large number of checks and errors.
const (
	maxDepth  = 64
	maxValues = 10_000
)

// decode reads one JSON value, and nothing after it. Objects become
// map[string]any, arrays []any, numbers json.Number, which is what the schema
// check and the generated binder expect. Beyond RFC 8259 it refuses what is read
// differently by different readers or cannot be stored: invalid UTF-8, \u0000,
// a half surrogate pair, a member name used twice, nesting beyond 64 levels, and
// a number beyond float64 (the interoperable subset, RFC 7493).
//
// Strings of the value share one copy of the text: keeping one keeps them all.
func decode(raw []byte) (value any, text string, err error) {
	if !utf8.Valid(raw) {
		return nil, "", malformed("The body is not valid UTF-8.")
	}
	if !json.Valid(raw) {
		return nil, "", syntaxFault(raw)
	}
	d := decoder{text: string(raw)}
	value, refusal := d.value(0)
	if refusal != nil {
		return nil, "", refusal.fault()
	}
	return value, d.text, nil
}

func malformed(message string) *fault.Error {
	return fault.New(fault.Malformed, "request.malformed", message)
}

// syntaxFault says where the text stops being JSON, and never what stands there.
func syntaxFault(raw []byte) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return malformed("The body is empty.")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	err := decoder.Decode(new(json.RawMessage))
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return malformed(fmt.Sprintf("The body goes on after its JSON value, at byte %d.", decoder.InputOffset()))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return malformed("The body ends before its JSON value does.")
	case errors.As(err, &syntax):
		return malformed(fmt.Sprintf("The body is not JSON, at byte %d.", syntax.Offset))
	default:
		return malformed("The body is not JSON.")
	}
}

// A refusal is a place in a valid JSON text that is not accepted all the same.
type refusal struct {
	reversePath []string
	code        string
	detail      string
}

func (r *refusal) at(key string) *refusal {
	r.reversePath = append(r.reversePath, key)
	return r
}

func (r *refusal) fault() error {
	slices.Reverse(r.reversePath)
	field := fault.Field{Pointer: pointer(r.reversePath), Code: r.code, Detail: r.detail}
	switch r.code {
	case codeTooManyValues:
		return fault.New(fault.TooLarge, "request.too_large", r.detail)
	case codeTooLarge, codeTooSmall:
		return fault.New(fault.Malformed, "request.invalid", "One field is not valid.").WithFields(field)
	default:
		return malformed("The body cannot be accepted as it is written.").WithFields(field)
	}
}

// A decoder walks text that is known to be valid JSON in valid UTF-8, so it
// looks at as little of it as it can.
type decoder struct {
	text   string
	at     int
	values int
}

func (d *decoder) skipSpace() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\r', '\n':
			d.at++
		default:
			return
		}
	}
}

func (d *decoder) value(depth int) (any, *refusal) {
	d.skipSpace()
	d.values++
	switch {
	case depth > maxDepth:
		return nil, &refusal{code: "too_deep", detail: fmt.Sprintf("Must not be nested deeper than %d levels.", maxDepth)}
	case d.values > maxValues:
		return nil, &refusal{code: codeTooManyValues, detail: fmt.Sprintf("The body holds more than %d values.", maxValues)}
	}
	switch d.text[d.at] {
	case '{':
		return d.object(depth)
	case '[':
		return d.array(depth)
	case '"':
		s, refusal := d.string()
		return s, refusal
	case 't':
		d.at += len("true")
		return true, nil
	case 'f':
		d.at += len("false")
		return false, nil
	case 'n':
		d.at += len("null")
		return nil, nil
	default:
		return d.number()
	}
}

func (d *decoder) object(depth int) (any, *refusal) {
	object := make(map[string]any)
	d.at++
	for d.skipSpace(); d.text[d.at] != '}'; d.skipSpace() {
		if d.text[d.at] == ',' {
			d.at++
			d.skipSpace()
		}
		name, refused := d.string()
		if refused != nil {
			return nil, refused
		}
		d.skipSpace()
		d.at++ // the colon
		value, refused := d.value(depth + 1)
		if refused != nil {
			return nil, refused.at(name)
		}
		if _, taken := object[name]; taken {
			return nil, (&refusal{code: "duplicate_field", detail: "Must not be given twice."}).at(name)
		}
		object[name] = value
	}
	d.at++
	return object, nil
}

func (d *decoder) array(depth int) (any, *refusal) {
	array := []any{}
	d.at++
	for d.skipSpace(); d.text[d.at] != ']'; d.skipSpace() {
		if d.text[d.at] == ',' {
			d.at++
		}
		value, refused := d.value(depth + 1)
		if refused != nil {
			return nil, refused.at(strconv.Itoa(len(array)))
		}
		array = append(array, value)
	}
	d.at++
	return array, nil
}

// string reads the string that begins here; without escapes it is a slice of the text.
func (d *decoder) string() (string, *refusal) {
	d.at++
	start := d.at
	for ; ; d.at++ {
		switch d.text[d.at] {
		case '"':
			d.at++
			return d.text[start : d.at-1], nil
		case '\\':
			return d.escaped(start)
		}
	}
}

// escaped goes on with a string from its first backslash.
func (d *decoder) escaped(start int) (string, *refusal) {
	var b strings.Builder
	for {
		switch c := d.text[d.at]; c {
		case '"':
			b.WriteString(d.text[start:d.at])
			d.at++
			return b.String(), nil
		case '\\':
			b.WriteString(d.text[start:d.at])
			r, refused := d.escape()
			if refused != nil {
				return "", refused
			}
			b.WriteRune(r)
			start = d.at
		default:
			d.at++
		}
	}
}

// escape reads one escape sequence, or two that make one character.
func (d *decoder) escape() (rune, *refusal) {
	c := d.text[d.at+1]
	d.at += 2
	switch c {
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return d.unicode()
	default: // a quote, a slash or a backslash
		return rune(c), nil
	}
}

func (d *decoder) unicode() (rune, *refusal) {
	r := d.hex()
	switch {
	case r == 0:
		return 0, &refusal{code: "nul_character", detail: `Must not contain \u0000.`}
	case !utf16.IsSurrogate(r):
		return r, nil
	}
	if strings.HasPrefix(d.text[d.at:], `\u`) {
		d.at += len(`\u`)
		if pair := utf16.DecodeRune(r, d.hex()); pair != utf8.RuneError {
			return pair, nil
		}
	}
	return 0, &refusal{code: "half_surrogate", detail: "Must not contain half of a surrogate pair."}
}

// hex reads the four digits of \uXXXX.
func (d *decoder) hex() rune {
	n, _ := strconv.ParseUint(d.text[d.at:d.at+4], 16, 16) // the text is valid: there are four digits
	d.at += 4
	return rune(n)
}
