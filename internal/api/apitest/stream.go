package apitest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// checkedStream checks each whole event, or line, that a reader has passed.
type checkedStream struct {
	io.ReadCloser
	t      testing.TB
	schema *openapi3.Schema
	end    string // of one event or line
	parse  func(one string) (data []string)
	rest   []byte
}

// checkStream gives the body with its checks: of Server-Sent Events, or NDJSON.
func checkStream(t testing.TB, response *http.Response, schema *openapi3.Schema) io.ReadCloser {
	s := &checkedStream{ReadCloser: response.Body, t: t, schema: schema, end: "\n\n", parse: eventData}
	if response.Header.Get("Content-Type") == page.MediaType {
		s.end, s.parse = "\n", func(line string) []string { return []string{line} }
	}
	return s
}

// Read passes bytes on and checks what they complete.
func (s *checkedStream) Read(b []byte) (int, error) {
	n, err := s.ReadCloser.Read(b)
	s.rest = append(s.rest, b[:n]...)
	for {
		one, rest, whole := bytes.Cut(s.rest, []byte(s.end))
		if !whole {
			return n, err
		}
		s.rest = rest
		for _, data := range s.parse(string(one)) {
			if err := validate(s.schema, []byte(data)); err != nil {
				s.t.Errorf("stream: %v", err)
			}
		}
	}
}

// eventData gives the data of a server-sent event, whose line is always one.
func eventData(event string) (data []string) {
	for line := range strings.Lines(event) {
		if text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "data: "); ok {
			data = append(data, text)
		}
	}
	return data
}
