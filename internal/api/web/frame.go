package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// A Frame checks JSON texts that arrive outside of requests, such as the frames of a
// WebSocket, against a schema of the contract. It is immutable and safe for concurrent use.
type Frame struct {
	schema *openapi3.Schema
	checks []openapi3.SchemaValidationOption
}

// Frame gives the check of a schema in the components of the document.
func (d *Document) Frame(name string) (*Frame, error) {
	ref := d.spec.Components.Schemas[name]
	if ref == nil || ref.Value == nil {
		return nil, fmt.Errorf("the contract has no schema %s", name)
	}
	return &Frame{schema: ref.Value, checks: d.checks}, nil
}

// Decode reads one JSON value, and nothing after it, with the bounds of a request body:
// valid UTF-8, 64 levels, 10,000 values, no member twice. Fault: request.malformed.
func (f *Frame) Decode(text []byte) (any, error) {
	value, _, err := decode(text)
	return value, err
}

// Check holds what Decode gave against the schema. Fault: request.invalid, which names the
// members at fault.
func (f *Frame) Check(value any) error {
	if err := f.schema.VisitJSON(value, f.checks...); err != nil {
		return invalid(violations(err))
	}
	return nil
}

// Detach gives a context of its own that knows who asks for what, from where, and by which request:
// for what goes on when the request is over. It holds nothing else of the request.
func Detach(ctx context.Context) context.Context {
	from := originFrom(ctx)
	out := context.WithValue(context.Background(), originKey{}, from)
	out = context.WithValue(out, callKey{}, call{operation: OperationFrom(ctx), identity: IdentityFrom(ctx)})
	return telemetry.WithOrigin(out, telemetry.Origin{ActorID: IdentityFrom(ctx).UserID, CorrelationID: from.requestID})
}

type requestKey struct{}

// WithRequest is middleware that lets RequestFrom find the request: for the few operations
// that need more of it than the contract names, such as one that takes the connection over.
func WithRequest(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		c.SetRequest(req.WithContext(context.WithValue(req.Context(), requestKey{}, req)))
		return next(c)
	}
}

// RequestFrom gives the request of an operation that has WithRequest, else an empty one.
func RequestFrom(ctx context.Context) *http.Request {
	if r, ok := ctx.Value(requestKey{}).(*http.Request); ok {
		return r
	}
	return &http.Request{Header: http.Header{}}
}
