package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	contracts "github.com/fluentpro/fluentpro/gen/openapi"
)

// Contract gives version 2 of the contract, parsed once for all tests.
func Contract() *openapi3.T { return contractOf["2"]() }

// ContractV1 gives version 1.
func ContractV1() *openapi3.T { return contractOf["1"]() }

var contractOf = map[string]func() *openapi3.T{"1": parsed("v1.yaml"), "2": parsed("v2.yaml")}

func parsed(file string) func() *openapi3.T {
	return sync.OnceValue(func() *openapi3.T {
		text, err := contracts.FS.ReadFile(file)
		if err != nil {
			panic(err)
		}
		doc, err := openapi3.NewLoader().LoadFromData(text)
		if err != nil {
			panic(err)
		}
		return doc
	})
}

// contractTransport checks every answer under /api/v1 and /api/v2 against the contract, in
// full JSON Schema 2020-12: status, media type, headers, body, each event.
type contractTransport struct {
	t    testing.TB
	next http.RoundTripper
}

func newContractTransport(t testing.TB, next http.RoundTripper) contractTransport {
	return contractTransport{t: t, next: next}
}

// RoundTrip passes the request on and checks the answer.
func (c contractTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(r)
	if err != nil {
		return response, err
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/api/v")
	version, path, _ := strings.Cut(rest, "/")
	if !ok || contractOf[version] == nil {
		return response, nil
	}
	if err := c.check(r, response, version, path); err != nil {
		c.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	return response, nil
}

func (c contractTransport) check(r *http.Request, response *http.Response, version, path string) error {
	if response.Header.Get("X-Request-ID") == "" || response.Header.Get("API-Version") != version {
		return fmt.Errorf("X-Request-ID or API-Version is missing")
	}
	media, err := c.media(r, response, contractOf[version](), path)
	if err != nil || media == nil {
		return err
	}
	if media.Extensions["x-stream"] == true {
		response.Body = checkStream(c.t, response, media.Schema.Value)
		return nil
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); !strings.HasSuffix(kind, "json") {
		return media.Schema.Value.VisitJSON(string(body), openapi3.EnableJSONSchema2020(), openapi3.VisitAsResponse())
	}
	return validate(media.Schema.Value, body)
}

// media finds what the contract says of this answer; nil where it has no body.
func (c contractTransport) media(r *http.Request, response *http.Response, doc *openapi3.T, path string) (*openapi3.MediaType, error) {
	refusal := doc.Components.Responses["ProblemResponse"]
	if refusal == nil {
		refusal = doc.Components.Responses["Error"]
	}
	documented := refusal.Value
	if op := findOperation(doc, r.Method, path); op != nil {
		ref := op.Responses.Value(strconv.Itoa(response.StatusCode))
		if ref == nil && response.StatusCode >= 400 {
			ref = op.Responses.Default()
		}
		if ref == nil {
			return nil, fmt.Errorf("status %d is not in the contract", response.StatusCode)
		}
		documented = ref.Value
	} else if response.StatusCode < 400 && r.Method != http.MethodOptions {
		return nil, fmt.Errorf("answers %d, and is not in the contract", response.StatusCode)
	}
	for name, header := range documented.Headers {
		if header.Value.Required && response.Header.Get(name) == "" {
			return nil, fmt.Errorf("header %s is missing", name)
		}
	}
	if len(documented.Content) == 0 || r.Method == http.MethodHead {
		return nil, nil
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("status %d: content type: %w", response.StatusCode, err)
	}
	media := documented.Content[kind]
	if media == nil {
		return nil, fmt.Errorf("status %d: media type %s is not in the contract", response.StatusCode, kind)
	}
	return media, nil
}

// FindOperation finds the operation that a path below /api/v2 belongs to, or nil.
func FindOperation(method, path string) *openapi3.Operation {
	return findOperation(Contract(), method, path)
}

func findOperation(doc *openapi3.T, method, path string) *openapi3.Operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var found *openapi3.Operation
	exact := -1
	for template, item := range doc.Paths.Map() {
		if n := matchPath(strings.Split(strings.Trim(template, "/"), "/"), parts); n > exact {
			found, exact = item.GetOperation(method), n
		}
	}
	return found
}

// matchPath counts the literal parts of a template that path fits, -1 if it does not.
func matchPath(template, path []string) int {
	if len(template) != len(path) {
		return -1
	}
	literal := 0
	for i, part := range template {
		if strings.HasPrefix(part, "{") {
			continue
		}
		if part != path[i] {
			return -1
		}
		literal++
	}
	return literal
}

func validate(schema *openapi3.Schema, text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return fmt.Errorf("body: %w: %s", err, text)
	}
	if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.VisitAsResponse()); err != nil {
		return fmt.Errorf("body %s: %w", text, err)
	}
	return nil
}
