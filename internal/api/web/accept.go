package web

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/elnormous/contenttype"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// answerTypes lists the media types of an operation's 2xx answers. Each is there
// a second time with its charset, since clients ask for it and all text is UTF-8.
func answerTypes(op *openapi3.Operation) []contenttype.MediaType {
	names := map[string]bool{}
	for status, response := range op.Responses.Map() {
		if !strings.HasPrefix(status, "2") || response.Value == nil {
			continue
		}
		for name := range response.Value.Content {
			names[name] = true
		}
	}
	var types []contenttype.MediaType
	for _, name := range slices.Sorted(maps.Keys(names)) {
		types = append(types, contenttype.NewMediaType(name), contenttype.NewMediaType(name+"; charset=utf-8"))
	}
	return types
}

// checkAccept refuses a request whose Accept header allows none of the
// operation's media types (RFC 9110, section 12.5.1). A header that cannot be
// read is disregarded, as that section permits: some old clients send one.
func (o *operation) checkAccept(c echo.Context) error {
	values := c.Request().Header[echo.HeaderAccept]
	if len(values) == 0 || len(o.accepts) == 0 {
		return nil
	}
	accept := strings.TrimSpace(strings.Join(values, ", "))
	if accept == "" || accept == "*/*" {
		return nil
	}
	_, _, err := contenttype.GetAcceptableMediaTypeFromHeader(accept, o.accepts)
	if !errors.Is(err, contenttype.ErrNoAcceptableTypeFound) {
		return nil
	}
	var names []string
	for _, t := range o.accepts {
		names = append(names, t.MIME())
	}
	return fault.New(fault.NotAcceptable, "request.not_acceptable",
		"This answers with "+strings.Join(slices.Compact(names), " or ")+" only.")
}
