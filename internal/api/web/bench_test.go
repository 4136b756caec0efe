package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
)

// kilobyte is a body of createConversation with 1,024 bytes.
func kilobyte() string {
	const frame = `{"partner_id":"suppliers","situation_id":"negotiations","title":"Container rates for spring","context":{"domain_context":{"route":"Ningbo - Hamburg","volume":120,"hazardous":false},"user_preferences":{"pace":"slow","notes":"%"}},"metadata":{"client":"ios","build":1042,"flags":["a","b"]},"tags":["rates","spring"],"token_limit":100000}`
	return strings.Replace(frame, "%", strings.Repeat("x", 1024-len(frame)+1), 1)
}

// guarded gives a function that sends one request through the guards of an
// operation of the real contract, to a handler that does nothing.
func guarded(b testing.TB, operation, method, target, body string, names ...string) func() {
	b.Helper()
	guards, err := load(b, realContract).Guards(guardConfig())
	require.NoError(b, err)
	handler := guards[operation][0](func(echo.Context) error { return nil })
	base := request(method, target, body)
	c := echo.New().NewContext(base, httptest.NewRecorder())
	c.SetParamNames(names...)
	c.SetParamValues("019a2b4e-5c00-7000-8000-000000000003")
	reader := strings.NewReader(body)
	return func() {
		if body != "" {
			reader.Reset(body)
			base.Body, base.ContentLength = io.NopCloser(reader), int64(len(body))
		}
		c.SetRequest(base)
		if err := handler(c); err != nil {
			b.Fatal(err)
		}
	}
}

func run(b *testing.B, one func()) {
	b.ReportAllocs()
	for b.Loop() {
		one()
	}
}

func BenchmarkGet(b *testing.B) {
	run(b, guarded(b, "getConversation", http.MethodGet, "/api/v2/conversations/x", "", "conversation_id"))
}

func BenchmarkGetWithQuery(b *testing.B) {
	run(b, guarded(b, "listConversations", http.MethodGet, "/api/v2/conversations?limit=20&status=active", ""))
}

func BenchmarkPostOneKilobyte(b *testing.B) {
	body := kilobyte()
	b.Run("guards", func(b *testing.B) {
		run(b, guarded(b, "createConversation", http.MethodPost, "/api/v2/conversations", body))
	})
	b.Run("full 2020-12 compiled once", func(b *testing.B) {
		full := loadFull(b, realContract)
		at := "/paths/~1conversations/post/requestBody/content/application~1json/schema"
		run(b, func() {
			decoder := json.NewDecoder(strings.NewReader(body))
			decoder.UseNumber()
			var value any
			if err := decoder.Decode(&value); err != nil || !full.valid(b, at, value) {
				b.Fatal("not valid", err)
			}
		})
	})
	b.Run("full 2020-12 by kin, compiled each time", func(b *testing.B) {
		text, err := os.ReadFile(realContract)
		require.NoError(b, err)
		document, err := openapi3.NewLoader().LoadFromData(text)
		require.NoError(b, err)
		item := document.Paths.Value("/conversations")
		route := &routers.Route{Spec: document, Path: "/conversations", PathItem: item, Method: http.MethodPost, Operation: item.Post}
		base := request(http.MethodPost, "/api/v2/conversations", body)
		run(b, func() {
			base.Body = io.NopCloser(bytes.NewReader([]byte(body)))
			input := &openapi3filter.RequestValidationInput{Request: base, Route: route, Options: &openapi3filter.Options{
				AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true,
			}}
			if err := openapi3filter.ValidateRequest(base.Context(), input); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// Not parallel: allocations of other tests would be counted.
func TestCheckingOneKilobyteTakesAtMostAHundredAllocations(t *testing.T) {
	body := kilobyte()
	require.Len(t, body, 1024)
	one := guarded(t, "createConversation", http.MethodPost, "/api/v2/conversations", body)
	require.LessOrEqual(t, testing.AllocsPerRun(100, one), 100.0)
}
