package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// MaxBody is the most bytes that a request body may have.
const MaxBody = 1 << 20

// keptBuffer is the largest buffer that is used again.
const keptBuffer = 64 << 10

const (
	jsonType       = "application/json"
	mergePatchType = "application/merge-patch+json"
)

// bodyRule is what the contract says of a request body.
type bodyRule struct {
	required bool
	types    []string
	schema   *openapi3.Schema
}

// compileBody takes the rule from the contract: JSON of one schema. A merge
// patch may also be called application/json, and the other way round.
func compileBody(op *openapi3.Operation) (*bodyRule, error) {
	if op.RequestBody == nil || op.RequestBody.Value == nil {
		return nil, nil
	}
	rule := &bodyRule{required: op.RequestBody.Value.Required}
	content := op.RequestBody.Value.Content
	rule.types = slices.Sorted(maps.Keys(content))
	for _, name := range rule.types {
		media := content[name]
		switch {
		case name != jsonType && !strings.HasSuffix(name, "+json"):
			return nil, fmt.Errorf("a body of type %s is not supported", name)
		case media.Schema == nil || media.Schema.Value == nil:
			return nil, fmt.Errorf("its body of type %s needs a schema", name)
		case rule.schema != nil && rule.schema != media.Schema.Value:
			return nil, errors.New("its bodies need the same schema")
		}
		rule.schema = media.Schema.Value
	}
	switch {
	case rule.schema == nil:
		return nil, errors.New("its body needs a media type")
	case slices.Contains(rule.types, jsonType) && !slices.Contains(rule.types, mergePatchType):
		rule.types = append(rule.types, mergePatchType)
	case slices.Contains(rule.types, mergePatchType) && !slices.Contains(rule.types, jsonType):
		rule.types = append(rule.types, jsonType)
	}
	return rule, nil
}

// A checkedBody is a body that was read, decoded and found valid. The generated
// binder takes the value, so that a handler gets what was checked; the text is
// there for everyone else.
type checkedBody struct {
	strings.Reader
	value any
}

// Close does nothing: the text is in memory.
func (b *checkedBody) Close() error { return nil }

// ValidatedValue is the decoded value, as runtime.BindJSONValue expects it.
func (b *checkedBody) ValidatedValue() any { return b.value }

func newBuffers() *sync.Pool {
	return &sync.Pool{New: func() any { return new(bytes.Buffer) }}
}

// checkBody reads the body once and leaves a checkedBody in its place. Where
// the operation takes none, an empty one is passed over and any other refused:
// the client believes that it says something.
func (o *operation) checkBody(c echo.Context) error {
	req := c.Request()
	if o.body == nil {
		return refuseBody(req)
	}
	if req.ContentLength == 0 {
		return o.emptyBody(req)
	}
	if err := o.body.checkHeaders(req); err != nil {
		return err
	}
	buffer := o.buffers.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= keptBuffer {
			buffer.Reset()
			o.buffers.Put(buffer)
		}
	}()
	if _, err := buffer.ReadFrom(http.MaxBytesReader(c.Response().Writer, req.Body, MaxBody)); err != nil {
		return readFault(c, err)
	}
	if buffer.Len() == 0 {
		return o.emptyBody(req)
	}
	value, text, err := decode(buffer.Bytes())
	if err != nil {
		return err
	}
	if err := o.body.schema.VisitJSON(value, o.checks...); err != nil {
		return invalid(violations(err))
	}
	req.Body = &checkedBody{Reader: *strings.NewReader(text), value: value}
	req.ContentLength = int64(len(text))
	return nil
}

func (o *operation) emptyBody(req *http.Request) error {
	if o.body.required {
		return malformed("The body is empty.")
	}
	req.Body, req.ContentLength = http.NoBody, 0
	return nil
}

// refuseBody looks for the first byte of a body that may have none.
func refuseBody(req *http.Request) error {
	if req.ContentLength == 0 {
		return nil
	}
	if req.ContentLength < 0 {
		if n, err := req.Body.Read(make([]byte, 1)); n == 0 && errors.Is(err, io.EOF) {
			return nil
		}
	}
	return malformed("This takes no body.")
}

func (r *bodyRule) checkHeaders(req *http.Request) error {
	if req.ContentLength > MaxBody {
		return tooLarge()
	}
	if coding := req.Header.Get(echo.HeaderContentEncoding); coding != "" && !strings.EqualFold(coding, "identity") {
		return fault.New(fault.UnsupportedMedia, "request.unsupported_media_type", "The body must not be compressed.")
	}
	given := req.Header.Get(echo.HeaderContentType)
	if given == jsonType && slices.Contains(r.types, jsonType) {
		return nil
	}
	name, parameters, err := mime.ParseMediaType(given)
	charset := parameters["charset"]
	if err != nil || !slices.Contains(r.types, name) || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return fault.New(fault.UnsupportedMedia, "request.unsupported_media_type",
			"The body must be "+strings.Join(r.types, " or ")+" in UTF-8.")
	}
	return nil
}

func tooLarge() error {
	return fault.New(fault.TooLarge, "request.too_large", fmt.Sprintf("The body may have at most %d bytes.", MaxBody))
}

// readFault says why a body could not be read. One that is late leaves the
// connection unusable: it is answered, as far as the client listens, and closed.
func readFault(c echo.Context, err error) error {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.Response().Header().Set(echo.HeaderConnection, "close")
		return malformed("The body did not arrive in time.").WithCause(err)
	default:
		return malformed("The body could not be read to its end.").WithCause(err)
	}
}
