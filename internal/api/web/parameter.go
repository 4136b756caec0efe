package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// A parameter is one single value in path, query or header.
type parameter struct {
	name     string
	kind     string // its type in the schema
	required bool
	list     bool // a header whose lines may be joined (RFC 9110, section 5.3)
	schema   *openapi3.Schema
	notice   *notice // nil: it is not deprecated
}

// takeParameters compiles the operation's own parameters, and those of its path
// that it does not write anew.
func (o *operation) takeParameters(cfg DeprecationConfig, shared, own openapi3.Parameters) error {
	for _, p := range parametersOf(shared, own) {
		compiled, err := compileParameter(p)
		if err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		d, err := readParameter(o.id+"."+p.Name, p, shared, own)
		if err == nil {
			compiled.notice, err = newNotice(cfg, d)
		}
		if err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		switch p.In {
		case openapi3.ParameterInPath:
			if compiled.notice != nil {
				return fmt.Errorf("parameter %s: a part of the path is deprecated with its operation", p.Name)
			}
			o.path = append(o.path, compiled)
		case openapi3.ParameterInQuery:
			o.query = append(o.query, compiled)
		case openapi3.ParameterInHeader:
			o.header = append(o.header, compiled)
		default:
			return fmt.Errorf("parameter %s: one in %s is not supported", p.Name, p.In)
		}
	}
	return nil
}

func parametersOf(shared, own openapi3.Parameters) []*openapi3.Parameter {
	var all []*openapi3.Parameter
	for _, ref := range own {
		all = append(all, ref.Value)
	}
	for _, ref := range shared {
		if own.GetByInAndName(ref.Value.In, ref.Value.Name) == nil {
			all = append(all, ref.Value)
		}
	}
	return all
}

func compileParameter(p *openapi3.Parameter) (parameter, error) {
	if p.Schema == nil || p.Schema.Value == nil || len(p.Schema.Value.Type.Slice()) != 1 {
		return parameter{}, errors.New("it needs a schema of one type")
	}
	compiled := parameter{
		name:     p.Name,
		kind:     p.Schema.Value.Type.Slice()[0],
		required: p.Required,
		schema:   p.Schema.Value,
	}
	switch compiled.kind {
	case openapi3.TypeString, openapi3.TypeInteger, openapi3.TypeNumber, openapi3.TypeBoolean:
	default:
		return parameter{}, fmt.Errorf("the type %s is not supported", compiled.kind)
	}
	if p.In == openapi3.ParameterInHeader {
		compiled.name = textproto.CanonicalMIMEHeaderKey(p.Name)
		compiled.list = slices.Contains([]string{"Accept-Language", "If-Match", "If-None-Match", "Prefer"}, compiled.name)
	}
	return compiled, nil
}

// checkParameters answers 404 for a path parameter of the wrong form: no such
// thing exists. The others are 400, all that are wrong at once.
func (o *operation) checkParameters(c echo.Context) error {
	for i := range o.path {
		if !o.pathFits(&o.path[i], c.Param(o.path[i].name), c.Request().URL.RawPath != "") {
			return fault.New(fault.NotFound, "resource.not_found", "There is no such thing.")
		}
	}
	var fields []fault.Field
	if raw := c.Request().URL.RawQuery; raw != "" || len(o.query) > 0 {
		fields = o.checkQuery(c, raw)
	}
	for i := range o.header {
		fields = append(fields, o.checkHeader(c, &o.header[i])...)
	}
	if len(fields) > 0 {
		return invalid(fields)
	}
	return nil
}

// pathFits checks one path parameter. echo leaves it escaped where the path has
// escapes of its own, such as %2F; the last one of a route also gets all slashes
// after it.
func (o *operation) pathFits(p *parameter, text string, escaped bool) bool {
	if strings.Contains(text, "/") {
		return false
	}
	if escaped {
		plain, err := url.PathUnescape(text)
		if err != nil {
			return false
		}
		text = plain
	}
	return text != "" && len(o.checkValue(p, "path/", text)) == 0
}

func (o *operation) checkQuery(c echo.Context, raw string) []fault.Field {
	if _, err := url.QueryUnescape(raw); err != nil || strings.Contains(raw, ";") {
		return []fault.Field{{Pointer: "query", Code: "malformed", Detail: "Must be made of name=value pairs, percent-encoded."}}
	}
	values := c.QueryParams()
	var fields []fault.Field
	for _, name := range slices.Sorted(maps.Keys(values)) {
		known := slices.IndexFunc(o.query, func(p parameter) bool { return p.name == name })
		switch {
		case known < 0:
			fields = append(fields, fault.Field{Pointer: "query" + pointer([]string{strings.ToValidUTF8(name, "\uFFFD")}), Code: "unknown_parameter", Detail: "Is not a parameter of this operation."})
		case len(values[name]) > 1:
			fields = append(fields, repeated("query/"+name))
		default:
			p := &o.query[known]
			fields = append(fields, o.noteParameter(c, p, "query/", values.Has)...)
			fields = append(fields, o.checkValue(p, "query/", values[name][0])...)
		}
	}
	for i := range o.query {
		if p := &o.query[i]; p.required && !values.Has(p.name) {
			fields = append(fields, missing("query/"+p.name))
		}
	}
	return fields
}

// checkHeader checks one header and leaves it as the one line that the
// generated binder expects.
func (o *operation) checkHeader(c echo.Context, p *parameter) []fault.Field {
	h := c.Request().Header
	lines := h[p.name]
	switch {
	case len(lines) == 0 && p.required:
		return []fault.Field{missing("header/" + p.name)}
	case len(lines) == 0:
		return nil
	case len(lines) > 1 && !p.list:
		return []fault.Field{repeated("header/" + p.name)}
	case len(lines) > 1:
		h[p.name] = []string{strings.Join(lines, ", ")}
	}
	fields := o.noteParameter(c, p, "header/", func(name string) bool { return h.Get(name) != "" })
	return append(fields, o.checkValue(p, "header/", h[p.name][0])...)
}

func missing(pointer string) fault.Field {
	return fault.Field{Pointer: pointer, Code: codeRequired, Detail: "Is required."}
}

func repeated(pointer string) fault.Field {
	return fault.Field{Pointer: pointer, Code: "repeated", Detail: "Must be given once."}
}

// checkValue reads text as the parameter's type, strictly as JSON would write
// it, and checks it against the schema.
func (o *operation) checkValue(p *parameter, in, text string) []fault.Field {
	wrong := func(code, detail string) []fault.Field {
		return []fault.Field{{Pointer: in + p.name, Code: code, Detail: detail}}
	}
	var value any = text
	switch p.kind {
	case openapi3.TypeString:
		if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			return wrong(codeWrongFormat, "Must be UTF-8 without NUL.")
		}
	case openapi3.TypeBoolean:
		if text != "true" && text != "false" {
			return wrong(codeWrongType, "Must be true or false.")
		}
		value = text == "true"
	default:
		if !isNumber(text) || p.kind == openapi3.TypeInteger && strings.ContainsAny(text, ".eE") {
			return wrong(codeWrongType, "Must be "+typeNames(p.schema)+".")
		}
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return wrong(codeTooLarge, "Must be a number that a double can hold.")
		}
		value = json.Number(text)
	}
	err := p.schema.VisitJSON(value, o.checks...)
	if err == nil {
		return nil
	}
	fields := violations(err)
	for i := range fields {
		fields[i].Pointer = in + p.name
	}
	return fields
}

// isNumber reports the grammar of a JSON number.
func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s)) && !strings.ContainsAny(s, " \t\r\n")
}
